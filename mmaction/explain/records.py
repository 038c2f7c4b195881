"""What is known of one look at a video, as a record and as a file.

Dimension letters as in :mod:`mmaction.structures`: T frames, H×W pixels, h×w cells, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmaction.errors import UserError
from mmaction.files import atomic_path

UNKNOWN_LABEL = -1
ATTENTION = "attention"


@dataclass(frozen=True, eq=False)
class ClipExplanation:
    """Where and when a recognizer looked in one view of one video.

    Attributes:
        name: The video's name as the annotation writes it.
        frames: uint8 RGB, T×H×W×3: the pixels as the model saw them; where ``Stabilize`` moved
            them, back as they were filmed.
        spatial: float32, T×h×w: WHERE in each frame; in [0, 1] for attention, on the method's own
            scale for others. T×H×W after ``Stabilize``.
        temporal: float32, T: WHEN in the clip, likewise; compare within a clip only.
        frame_indices: int64, T: the number of each frame as its file name counts.
        scores: float32, K: the answer, as probabilities or logits.
        attention_scores: float32, K: the attention branch's answer, or None where there is none.
        label: True class in ``[0, K)``, or None where it is not known.
        classes: K class names, or None.
        method: The explainer that made the maps.
        target: The class they were made for, or None where they hold for all, as attention's do.
        region: What the pixels show of the whole frame, as ``ClipSample.regions``; None: not known.

    Raises:
        UserError: where a map or score is not a finite number, as a diverged model makes them.
    """

    name: str
    frames: np.ndarray
    spatial: np.ndarray
    temporal: np.ndarray
    frame_indices: np.ndarray
    scores: np.ndarray
    attention_scores: np.ndarray | None = None
    label: int | None = None
    classes: Sequence[str] | None = None
    method: str = ATTENTION
    target: int | None = None
    region: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        clip_len = (len(self.temporal),)
        for values in (self.frames, self.spatial, self.temporal, self.frame_indices):
            assert values.shape[:1] == clip_len, f"video {self.name!r}: {values.shape}"
        for field in ("spatial", "temporal", "scores", "attention_scores"):
            values = getattr(self, field)
            if values is not None and not np.isfinite(values).all():
                raise UserError(
                    f"video {self.name!r}: {field} holds NaN or infinity; "
                    "the checkpoint's training has diverged"
                )

    @property
    def prediction(self) -> int:
        """The class of the highest score."""
        return int(np.argmax(self.scores))

    @property
    def correct(self) -> bool | None:
        """Whether the prediction is the true class; None where that is not known."""
        return None if self.label is None else self.prediction == self.label

    def class_name(self, index: int) -> str:
        """Return the name of class ``index``, or its number where the names don't reach it."""
        if self.classes is not None and 0 <= index < len(self.classes):
            return self.classes[index]
        return f"class {index}"

    def save(self, path: str | Path) -> None:
        """Write everything but pixels and names to an ``.npz``, whole or not at all.

        The fields are ``spatial`` float32 T×h×w, ``temporal`` float32 T, ``frame_indices`` int64 T,
        ``scores`` float32 K, ``attention_scores`` float32 K (of length 0: none), ``label`` int64
        (-1: unknown) and ``prediction`` int64; beside them ``target`` int64, where the maps were
        made for a class. None of them needs pickle to be read.
        """
        attention_scores = self.attention_scores
        target = {} if self.target is None else {"target": np.int64(self.target)}
        with atomic_path(path) as draft, draft.open("wb") as file:
            np.savez(
                file,
                spatial=self.spatial,
                temporal=self.temporal,
                frame_indices=self.frame_indices,
                scores=self.scores,
                attention_scores=self.scores[:0] if attention_scores is None else attention_scores,
                label=np.int64(UNKNOWN_LABEL if self.label is None else self.label),
                prediction=np.int64(self.prediction),
                **target,
            )


def as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Return probabilities, float64 K, from probabilities or logits.

    Scores that all lie in [0, 1] are taken for probabilities, of one class or of each by itself;
    anything else goes through a softmax.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if 0 <= scores.min() <= scores.max() <= 1:
        return scores
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
