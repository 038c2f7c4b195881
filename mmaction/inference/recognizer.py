"""A trained network that takes videos and answers with records."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mmaction.checkpoint.description import Description
from mmaction.datasets.batches import collate_clips
from mmaction.datasets.transforms.crops import middle_view
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import ConfigError, UserError
from mmaction.explain.colormap import as_filmed
from mmaction.explain.explainers import build_explainer
from mmaction.explain.records import ATTENTION
from mmaction.inference.recognition import Recognition
from mmaction.inference.sources import Video, VideoSource, is_one_video, opened, packed
from mmaction.inference.windows import windows_of
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import VideoResult

Explain = bool | str


class VideoRecognizer:
    """Videos to ``Recognition``; ``mmaction.load`` makes it. Several threads may call it.

    Args:
        network: In eval mode, on its device.
        pipeline: The transforms that make a test's clips.
        description: What the network is, and its class names; without any, classes are called by
            their numbers.
        dtype: What convolutions and matrix products compute in; None: float32.
    """

    def __init__(
        self,
        *,
        network: BaseRecognizer,
        pipeline: Pipeline,
        description: Description,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.network = network
        self.dtype = dtype
        self.pipeline = pipeline
        self.description = description
        count = network.num_classes
        self.classes = tuple(description.classes or (f"class {k}" for k in range(count)))
        if len(self.classes) != count:
            raise ConfigError(f"{len(self.classes)} class names for {count} classes")

    def __call__(
        self,
        source: Any,
        *,
        explain: Explain = False,
        fps: float | None = None,
        batch_size: int = 8,
    ) -> Any:
        """Recognizes one video, or several.

        Args:
            source: A video file or a file object of one, a directory of numbered frames, an array
                T×H×W×3 of uint8 RGB, a list of such frames, PIL images or image files; or a list of
                any of these.
            explain: Also say where and when: True by the network's own attention, or the name of an
                explainer, such as ``'grad_cam'``.
            fps: Frames a second, where the video doesn't say.
            batch_size: Of a list of videos, how many go through the network at once.

        Returns:
            A ``Recognition``, or a list of them for a list of videos.

        Raises:
            UserError: A video that can't be read, or a network without the maps asked for.
        """
        if is_one_video(source):
            with opened(source, fps=fps) as video:
                return self.answers([packed(video, self.pipeline)], [video], explain)[0]
        found: list[Recognition] = []
        for start in range(0, len(source), batch_size):
            items, videos = [], []
            for each in source[start : start + batch_size]:
                with opened(each, fps=fps) as video:
                    items.append(packed(video, self.pipeline))
                    videos.append(video)
            found += self.answers(items, videos, explain)
        return found

    def windows(
        self,
        source: VideoSource,
        *,
        window_sec: float,
        stride_sec: float | None = None,
        explain: Explain = False,
        fps: float | None = None,
    ) -> Iterator[Recognition]:
        """Recognizes a long video part by part; each of its frames is decoded once.

        Args:
            source: One video.
            window_sec: How long a part is.
            stride_sec: From the beginning of a part to that of the next; None: ``window_sec``.
            explain: As of a call.
            fps: Frames a second, where the video doesn't say.

        Yields:
            An answer a part, in order; ``seconds`` and ``frame_indices`` are those of the video.
            The last part ends with the video. Memory doesn't grow with the video's length.

        Raises:
            UserError: The video can't be read, or its rate isn't known.
        """
        stride_sec = window_sec if stride_sec is None else stride_sec
        with opened(source, fps=fps) as video:
            for window in windows_of(
                video, self.pipeline, window_sec=window_sec, stride_sec=stride_sec
            ):
                yield self.answers([window.item], [video], explain, first_frame=window.first)[0]

    def answers(
        self,
        items: Sequence[dict[str, Any]],
        videos: Sequence[Video],
        explain: Explain = False,
        *,
        first_frame: int = 0,
    ) -> list[Recognition]:
        """Recognizes videos that are decoded already; clips of one shape go through together.

        Args:
            items: From ``packed``.
            videos: They are of.
            explain: As of a call.
            first_frame: Position in the video of the part's first frame, where it is a part.
        """
        alike: dict[torch.Size, list[int]] = defaultdict(list)
        for n, item in enumerate(items):
            alike[item["inputs"].shape].append(n)
        found: dict[int, Recognition] = {}
        for numbers in alike.values():
            batch = self.network.data_preprocessor(collate_clips([items[n] for n in numbers]))
            with torch.inference_mode(), self._lower_precision(batch["clips"].device):
                results = self.network(batch["clips"], samples=batch["samples"], mode="predict")
            clips = batch["clips"].unflatten(0, (len(numbers), -1))
            for n, result, its in zip(numbers, results, clips, strict=True):
                found[n] = self._record(videos[n], items[n], result, its, explain, first_frame)
        return [found[n] for n in range(len(items))]

    def _lower_precision(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, self.dtype, enabled=self.dtype is not None)

    def _record(
        self,
        video: Video,
        item: dict[str, Any],
        result: VideoResult,
        clips: Tensor,
        explain: Explain,
        first_frame: int,
    ) -> Recognition:
        shown = middle_view(self.pipeline.transforms, len(clips))
        indices = result.sample.frame_indices[shown] + first_frame
        maps: dict[str, Any] = {}
        if explain:
            maps = self._maps(result, clips[shown], shown, explain)
            maps["frames"] = item["inputs"][shown].numpy()
            if (motions := result.sample.motions) is not None:
                maps["frames"], maps["spatial"] = as_filmed(
                    maps["frames"], maps["spatial"], motions[shown]
                )
            maps["region"] = item["regions"][shown % len(item["regions"])]
        positions, times = indices - video.source.start_index, video.times
        return Recognition(
            name=video.name,
            classes=self.classes,
            probabilities=self._probabilities(result.scores),
            attention_probabilities=self._probabilities(result.attention_scores),
            frame_indices=indices,
            seconds=None if times is None else times[positions],
            **maps,
        )

    def _probabilities(self, scores: Tensor | None) -> Any:
        if scores is None:
            return None
        scores = scores.float()
        averages_logits = self.network.average_views == "score"
        return (self.network.probabilities(scores) if averages_logits else scores).cpu().numpy()

    def _maps(
        self, result: VideoResult, clip: Tensor, shown: int, explain: Explain
    ) -> dict[str, Any]:
        if isinstance(explain, str) and explain != ATTENTION:
            explainer = build_explainer(explain)
            with self._lower_precision(clip.device):
                found = explainer.explain(_with_own_hooks(self.network), clip[None])
            spatial, temporal, method = found.spatial[0], found.temporal[0], explainer.name
        elif result.spatial_attention is None or result.temporal_attention is None:
            raise UserError(
                "the network has no attention maps: name an explainer, as explain='rise' or"
                " --explainer rise"
            )
        else:
            spatial, temporal = result.spatial_attention[shown], result.temporal_attention[shown]
            method = ATTENTION
        numbers = {"spatial": spatial, "temporal": temporal}
        maps = {key: value.detach().float().cpu().numpy() for key, value in numbers.items()}
        return {**maps, "method": method}


def _with_own_hooks(network: BaseRecognizer) -> BaseRecognizer:
    """The network again, its tensors shared: what explainers hook into it, other threads miss."""
    tensors = (*network.parameters(), *network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
