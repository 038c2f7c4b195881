"""Does the answer need the action? What is left of it when only other things are shown.

A network that knows a place, a logo or a costume needs nobody to act. So each clip is shown again
with something taken away (:data:`PROBES`), and the probability of the answer y that the whole clip
gets is read. A network that sees nothing may still answer one class by habit; that says nothing of
the clip. Counted is therefore the *advantage* of clip i,

    a_i = p_i(y_i) − mean of p_j(y_i) over the clips j that get another answer than y_i,

all of the same probe, and what survives of the answers is Σ a_i of the probe / Σ a_i of the whole
clips: 1 where the probe tells the answers apart as the whole clips do, 0 where it tells nothing.

What is removed becomes one colour, the mean of the rest of the clip, in the same place of all
frames: a hole that moved would show the motion of what it hides.

Compare A. Rosenfeld, R. Zemel, J. K. Tsotsos, "The Elephant in the Room", 2018, and J. Choi et al.,
"Why Can't I Dance in the Mall?", NeurIPS 2019 (arXiv:1912.05534), who mask actors.

Dimension letters: N clips, T frames, H×W pixels, h×w cells, K classes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from mmaction.errors import DataError
from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.bootstrap import Interval, bootstrap_ratio
from mmaction.explain.measures.importance import joint_importance
from mmaction.explain.measures.subject import Subject
from mmaction.progress import Progress

PROBES = {
    "without_actor": "the actor hidden, as the ground truth has it",
    "without_marked": "hidden what the map marks: the fewest cells that hold half of it",
    "first_frame": "the first frame alone, standing still",
    "still_frames": "four frames, one at a time, each standing still",
    "shuffled": "all frames, in a random order",
}
WHOLE = "whole"
STILLS = 4
MARKED_SHARE = 0.5  # of the map's mass
_MARGIN = 32  # the actor's mask grows by one part in so many of the shorter side


@dataclass(frozen=True)
class Answers:
    """What a network says of N clips, whole and probed.

    Attributes:
        given: int64, N: the class that each whole clip gets.
        probabilities: Of ``whole`` and each probe, float64, N×K; NaN where a clip can't be probed.
        hidden: Of ``without_…``, the share of the picture that was hidden, float64, N.
    """

    given: np.ndarray
    probabilities: dict[str, np.ndarray]
    hidden: dict[str, np.ndarray]

    def advantages(self, probe: str) -> np.ndarray:
        """a of each clip, float64, N, in [-1, 1]; see the module."""
        return advantages(self.probabilities[probe], self.given)

    def survival(self, probe: str, of: np.ndarray | None = None) -> Interval:
        """How much of the answers survives a probe, with its bootstrap interval.

        Args:
            probe: One of those that were made.
            of: bool, N: of these clips alone, compared with all others as ever.
        """
        left, whole = self.advantages(probe), self.advantages(WHOLE)
        chosen = ~np.isnan(left) if of is None else of & ~np.isnan(left)
        return bootstrap_ratio(left[chosen], whole[chosen])


def advantages(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """How much likelier each clip's answer is than it is for clips with other answers.

    Args:
        probabilities: float64, N×K; NaN rows are left out.
        given: int64, N: the answers.

    Raises:
        DataError: All clips have the same answer.
    """
    found = np.full(len(given), np.nan)
    for answer in np.unique(given):
        own = given == answer
        if own.all():
            raise DataError(
                f"all {len(given)} videos get the same answer, class {answer}: nothing tells what "
                "it rests on; take more videos or a checkpoint that has learned more"
            )
        found[own] = probabilities[own, answer] - np.nanmean(probabilities[~own, answer])
    return found


def ask(subject: Subject, explainer: Explainer, *, seed: int = 0) -> Answers:
    """Shows a network all clips of a subject, whole and probed.

    Args:
        subject: The network and the videos; where it knows no ground truth, there is no
            ``without_actor``.
        explainer: Whose maps mark what ``without_marked`` hides.
        seed: Of the frames' random order.
    """
    rng = np.random.default_rng(seed)
    known = _knows_actors(subject)
    asked = [probe for probe in PROBES if known or probe != "without_actor"]
    found: dict[str, list[np.ndarray]] = {probe: [] for probe in asked}
    hidden: dict[str, list[float]] = {}
    with Progress("shortcuts", len(subject), "videos", stream=sys.stderr) as progress:
        for position in range(len(subject)):
            areas = hidden_areas(subject, position, explainer, known=known)
            frames = subject.item(position)["inputs"][0]
            shown = {probe: probed(frames, probe, areas.get(probe), rng) for probe in asked}
            said = _scores(subject, position, torch.cat(list(shown.values())))
            parts = np.split(said, np.cumsum([len(clips) for clips in shown.values()])[:-1])
            for probe, part in zip(asked, parts, strict=True):
                area = areas.get(probe)
                if area is not None:
                    hidden.setdefault(probe, []).append(float(area.mean()))
                unseen = area is not None and not area.any()
                found[probe].append(np.full(said.shape[1], np.nan) if unseen else part.mean(axis=0))
            progress.advance()
    probabilities = {probe: np.stack(rows) for probe, rows in found.items()}
    return Answers(
        given=subject.classes,
        probabilities={WHOLE: subject.probabilities.double().numpy(), **probabilities},
        hidden={probe: np.array(shares) for probe, shares in hidden.items()},
    )


def _knows_actors(subject: Subject) -> bool:
    """Whether there is ground truth; one that is named but does not fit is a mistake."""
    try:
        subject.truth(0)
    except DataError:
        if subject.reader is not None:
            raise
        return False
    return True


def _scores(subject: Subject, position: int, clips: Tensor) -> np.ndarray:
    """Probabilities, float64 C×K, of clips uint8 C×T×H×W×3 made of one video's."""
    item = subject.item(position)
    batch = subject.prepared([{**item, "inputs": clip[None]} for clip in clips])
    return subject.score(batch).double().cpu().numpy()


def hidden_areas(
    subject: Subject, position: int, explainer: Explainer, *, known: bool
) -> dict[str, np.ndarray]:
    """What ``without_…`` hides in all frames of a clip, bool H×W; nothing where nobody is seen.

    Args:
        subject: The network and the videos.
        position: Of the video.
        explainer: Of ``without_marked``.
        known: Whether there is ground truth, for ``without_actor``.
    """
    clips = subject.clips([position])
    spatial, temporal = subject.explain(explainer, clips, subject.classes[[position]])
    areas = {"without_marked": marked_area(spatial[0], temporal[0], *clips.shape[3:])}
    if known:
        areas["without_actor"] = actor_area(subject.truth(position).masks)
    return areas


def marked_area(spatial: np.ndarray, temporal: np.ndarray, height: int, width: int) -> np.ndarray:
    """The fewest cells that hold half of a map summed over its frames, as pixels: bool H×W.

    Args:
        spatial: float, T×h×w; negative values mark nothing.
        temporal: float, T.
        height, width: H and W.
    """
    mass = np.maximum(joint_importance(spatial[None], temporal[None])[0], 0).sum(axis=0)
    falling = np.sort(mass, axis=None)[::-1]
    enough = np.searchsorted(np.cumsum(falling), MARKED_SHARE * falling.sum())
    marked = mass >= falling[min(enough, falling.size - 1)]
    marked &= mass > 0
    size = (width, height)
    return cv2.resize(marked.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def actor_area(masks: np.ndarray) -> np.ndarray:
    """Where an actor is in any of the frames, grown by a margin: bool T×H×W → H×W."""
    area = np.asarray(masks.any(axis=0))
    reach = 2 * max(1, min(area.shape) // _MARGIN) + 1
    return cv2.dilate(area.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0


def probed(
    frames: Tensor, probe: str, area: np.ndarray | None, rng: np.random.Generator | None = None
) -> Tensor:
    """A clip as a probe shows it, uint8 C×T×H×W×3; C is 1, but for ``still_frames``.

    Args:
        frames: The clip, uint8 T×H×W×3.
        probe: One of :data:`PROBES`.
        area: What ``without_…`` hides, bool H×W.
        rng: Of ``shuffled``.
    """
    count = len(frames)
    if probe == "first_frame":
        return frames[:1].expand_as(frames)[None]
    if probe == "still_frames":
        chosen = np.linspace(0, count - 1, min(STILLS, count)).round().astype(int)
        return torch.stack([frames[t].expand_as(frames) for t in chosen.tolist()])
    if probe == "shuffled":
        assert rng is not None
        return frames[torch.from_numpy(rng.permutation(count))][None]
    assert area is not None, probe
    hole = torch.from_numpy(area)
    rest = frames[:, ~hole].double() if not area.all() else frames.double()
    color = rest.flatten(0, -2).mean(dim=0).round().to(torch.uint8)
    shown = frames.clone()
    shown[:, hole] = color
    return shown[None]
