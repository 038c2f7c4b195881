"""The records that travel between the rooms: what a sample is, what a recognizer answers.

Dimension letters: B clips in a batch, N videos, V views of a video (clips × crops), T frames of a
clip, H×W pixels, h×w cells of an attention map, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class BadVideo:
    """A video that could not be read.

    Attributes:
        name: As the annotation writes it.
        reason: What is wrong, naming the file.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Guidance:
    """What an edit says of a video's views (``datasets.edits``).

    Attributes:
        spatial: uint8, V×2×T×H×W, pixels of the clip: 255 where to look, and where not to; neither
            where that is not known.
        temporal: float32, V×T, in [0, 1]: how much to look at each frame; NaN where not known.
    """

    spatial: np.ndarray
    temporal: np.ndarray


@dataclass(frozen=True)
class ClipSample:
    """What is known of one video's views beside the pixels.

    Attributes:
        index: Position of the video in its data set; gathers and sorts results.
        name: The video's name as the annotation writes it, such as ``subject1_bend``.
        label: Class id in ``[0, K)``, or None where the annotation has none.
        frame_indices: int64, V×T: the number of each frame as its file name counts.
        replaces: Videos that could not be read, in whose place this one was taken.
        motions: float64, V×T×3×3: from the pixels of each frame as it was filmed to those of the
            clip, where ``Stabilize`` moved it; None: nothing was moved.
        unsteady: How many frames it left as they were.
        more_labels: Further class ids, where the annotation has several.
        guidance: Where and when to look; None: nobody says.
        regions: float64, V×4: left, top, right and bottom of what each view shows, in shares of the
            whole frame; right lies left of left where it is mirrored. None: not known.
    """

    index: int
    name: str
    label: int | None
    frame_indices: np.ndarray
    replaces: tuple[BadVideo, ...] = ()
    motions: np.ndarray | None = None
    unsteady: int = 0
    more_labels: tuple[int, ...] = ()
    guidance: Guidance | None = None
    regions: np.ndarray | None = None


@dataclass(frozen=True)
class Prediction:
    """A recognizer's answer to a batch of B clips. Plain baselines leave the attention None.

    Attributes:
        scores: float, B×K: logits of the perception branch, the network's answer.
        attention_scores: float, B×K: logits of the attention branch.
        spatial_attention: float in [0, 1], B×T×h×w: WHERE in each frame.
        temporal_attention: float in [0, 1], B×T: WHEN in the clip. Its scale carries no meaning
            across clips: compare within one.
    """

    scores: Tensor
    attention_scores: Tensor | None = None
    spatial_attention: Tensor | None = None
    temporal_attention: Tensor | None = None


@dataclass(frozen=True)
class VideoResult:
    """What a recognizer says of one video, its views averaged; what evaluation and dumps read.

    Attributes:
        sample: The video.
        scores: float, K: averaged over views; probabilities, or logits where the config says so.
        attention_scores: float, K, likewise from the attention branch.
        spatial_attention: float in [0, 1], V×T×h×w, view by view.
        temporal_attention: float in [0, 1], V×T, view by view.
    """

    sample: ClipSample
    scores: Tensor
    attention_scores: Tensor | None = None
    spatial_attention: Tensor | None = None
    temporal_attention: Tensor | None = None
