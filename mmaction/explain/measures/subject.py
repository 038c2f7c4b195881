"""The network and the videos that explainers are measured on.

Dimension letters: N videos, B clips, V views of a video, T frames, h×w cells, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmaction.datasets.batches import collate_clips
from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.ground_truth import clip_ground_truth
from mmaction.explain.measures.truth_files import GroundTruth, GroundTruthReader
from mmaction.models.recognizers.base import BaseRecognizer


class Subject:
    """Chosen videos of a data set as a network sees them, one view (the middle of V) each.

    Videos go by their position among those chosen, 0 to N - 1; clips are read when they are asked
    for, so that memory does not grow with N.

    Args:
        model: The network, in eval mode on its device.
        dataset: Gives samples by a pipeline, such as ``RawframeDataset``.
        indices: The N videos.
        batch_size: Clips that the network sees at a time.
        reader: Of the videos' ground truth; see ``clip_ground_truth``.
    """

    def __init__(
        self,
        model: BaseRecognizer,
        dataset: Any,
        indices: Sequence[int],
        *,
        batch_size: int,
        reader: GroundTruthReader | None = None,
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.indices = list(indices)
        self.batch_size = batch_size
        self.reader = reader
        # int64, N; -1 where the annotation has none.
        self.labels: np.ndarray = dataset.annotations.labels[self.indices]
        red, green, blue = model.data_preprocessor.normalise[:, 3].tolist()
        self.black = (red, green, blue)  # as the network gets it

    def __len__(self) -> int:
        return len(self.indices)

    def name(self, position: int) -> str:
        """The video's name."""
        return self.dataset.name(self.indices[position])

    def clips(self, positions: Sequence[int]) -> Tensor:
        """Normalised clips, float, B×3×T×H×W, on the model's device."""
        return self.prepared([self.item(position) for position in positions])

    def item(self, position: int) -> dict[str, Any]:
        """A video's sample, as the data set gives it, of its middle view alone."""
        item = self.dataset[self.indices[position]]
        middle = len(item["inputs"]) // 2
        view, sample = slice(middle, middle + 1), item["sample"]
        motions = None if sample.motions is None else sample.motions[view]
        sample = replace(sample, frame_indices=sample.frame_indices[view], motions=motions)
        return {**item, "inputs": item["inputs"][view], "sample": sample}

    def prepared(self, items: Sequence[dict[str, Any]]) -> Tensor:
        """Samples as the network gets them, as of ``clips``."""
        return self.model.data_preprocessor(collate_clips(items))["clips"]

    @cached_property
    def probabilities(self) -> Tensor:
        """What the network says of all videos, float, N×K, on the CPU."""
        return torch.cat([self.score(clips).cpu() for clips in self.batches()])

    @cached_property
    def classes(self) -> np.ndarray:
        """The classes that the network names, int64, N."""
        return self.probabilities.argmax(dim=1).numpy()

    def batches(self) -> Iterator[Tensor]:
        """The clips of all videos."""
        for positions in self.batched_positions():
            yield self.clips(positions)

    def batched_positions(self) -> Iterator[range]:
        """The positions of all videos, batch by batch."""
        for start in range(0, len(self), self.batch_size):
            yield range(start, min(start + self.batch_size, len(self)))

    def score(self, clips: Tensor) -> Tensor:
        """Probabilities, float, B×K."""
        with torch.no_grad():
            parts = clips.split(self.batch_size)
            return torch.cat([self.model.probabilities(self.model(part).scores) for part in parts])

    def truth(self, position: int) -> GroundTruth:
        """The ground truth of the clip.

        Raises:
            DataError: There is none; names the file.
        """
        index = self.indices[position]
        views = len(self.dataset[index]["inputs"])
        return clip_ground_truth(self.dataset, index, view=views // 2, reader=self.reader)

    def explain(
        self,
        explainer: Explainer,
        clips: Tensor,
        classes: np.ndarray,
        model: BaseRecognizer | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Maps float64 B×T×h×w and weights B×T.

        Args:
            explainer: What makes them.
            clips: Normalised float, B×3×T×H×W.
            classes: int64, B: what they are asked about.
            model: Another network than the subject's own.
        """
        found = explainer.explain(model or self.model, clips, torch.from_numpy(classes))
        return found.spatial.double().cpu().numpy(), found.temporal.double().cpu().numpy()
