"""Insertion and deletion: does the score follow what the map says is important?

V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box
Models", BMVC 2018, carried over to clips in three domains (:data:`DOMAINS`):

- ``joint``: the T·h·w space-time cells of the map's grid, ranked by
  :func:`~mmaction.explain.measures.importance.joint_importance`.
- ``spatial``: equally many cells in each frame, ranked within the frame: WHERE without WHEN.
- ``temporal``: whole frames, ranked by the temporal weights: WHEN without WHERE.

Cells go from the clip (deletion) or come into a clip without them (insertion), the most relevant
first (MoRF) or the least relevant first (LeRF), and the probability p of the class that the network
names for the whole clip is read at each step. With n of N units removed or inserted, the area is
that under p(n/N) by the trapezoid, in [0, 1]. A true map has a high insertion and a low deletion
under MoRF, and the reverse under LeRF.

What takes a cell's place: in deletion the clip's mean colour or its blur (``fill``); insertion
starts from the blurred clip. In time, a frame that is not there shows the last frame before it that
is (the picture freezes), or, at the start of the clip, the first one after it; where none is left,
all show the one that went last. So temporal insertion starts from the clip frozen at the frame that
is inserted first, and is deletion read backwards: insertion under MoRF is deletion under LeRF.
Alternatively such frames are black (``temporal_fill``).

Deletion alone is known to favour noise on video (holes all over a clip disturb a network more than
the loss of the actor does): read insertion, and insertion minus deletion, beside ``random``. Cells
that come and go from frame to frame flicker, and flicker is motion: it costs a network that reads
motion more than the same cells do in a mask that stands still. So read ``joint`` and ``spatial``
beside a control that stands still too, such as ``center``, and beside ``temporal``, where no pixel
is made up.

Dimension letters: B clips, T frames, H×W pixels, h×w cells, S points of a curve, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.explain.explainers.maps import blurred
from mmaction.explain.measures.group import EvaluationOptions
from mmaction.explain.measures.importance import joint_importance, ranked

# Clips B×3×T×H×W to probabilities B×K.
Score = Callable[[Tensor], Tensor]

DOMAINS = ("joint", "spatial", "temporal")
ORDERS = ("morf", "lerf")


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """How clips are taken apart.

    Attributes:
        options: ``steps``, ``fill``, ``temporal_fill`` and ``batch_size``.
        black: float, 3: black as the network gets it, normalised.
    """

    options: EvaluationOptions
    black: tuple[float, float, float]

    def curves(
        self,
        score: Score,
        clip: Tensor,
        spatial: np.ndarray,
        temporal: np.ndarray,
        *,
        target: int,
        domain: str,
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """Takes one clip apart and puts it together, most and least relevant units first.

        Args:
            score: Clips to probabilities.
            clip: Normalised float, 3×T×H×W.
            spatial: float, T×h×w.
            temporal: float, T.
            target: The class whose probability is read.
            domain: One of :data:`DOMAINS`.
            rng: Breaks ties of the map.

        Returns:
            ``fractions``, float64, S, rising from 0 to 1: the share of units removed or inserted;
            and, float64, S, the probabilities ``insertion_morf``, ``deletion_morf``, ``…_lerf``.
        """
        order = rank_units(spatial, temporal, domain, rng)
        units = order.shape[-1]
        counts = np.unique(np.rint(np.linspace(0, units, self.options.steps + 1)).astype(np.int64))
        gone = {
            name: np.stack([_first(direction, int(count)) for count in counts])
            for name, direction in zip(ORDERS, (order, order[..., ::-1]), strict=True)
        }
        if domain == "temporal":
            values = self._temporal(score, clip, gone, order, target)
        else:
            cells = {name: g.reshape(len(counts), *spatial.shape) for name, g in gone.items()}
            values = self._spatial(score, clip, cells, target)
        return {"fractions": counts / units, **values}

    def _spatial(
        self, score: Score, clip: Tensor, gone: dict[str, np.ndarray], target: int
    ) -> dict[str, np.ndarray]:
        """Curves by order, of the cells S×T×h×w that are first in it."""
        fill, blur = self._filled(clip), blurred(clip)
        values = {}
        for name, cells in gone.items():
            inserted = self._without_cells(clip, ~cells, blur)
            values[f"insertion_{name}"] = probabilities(score, inserted, target)
            deleted = self._without_cells(clip, cells, fill)
            values[f"deletion_{name}"] = probabilities(score, deleted, target)
        return values

    def _temporal(
        self,
        score: Score,
        clip: Tensor,
        gone: dict[str, np.ndarray],
        order: np.ndarray,
        target: int,
    ) -> dict[str, np.ndarray]:
        """Curves by order, of the frames S×T that are first in it.

        What insertion shows of the most relevant frames, deletion shows when the least relevant
        ones go: each clip is scored once.
        """
        last = {"morf": int(order[-1]), "lerf": int(order[0])}
        names, shown = [], []
        for name, frames in gone.items():
            for kind, without, only in (
                ("insertion", ~frames, last["lerf" if name == "morf" else "morf"]),
                ("deletion", frames, last[name]),
            ):
                names.append(f"{kind}_{name}")
                shown.append(np.stack([self._frames_shown(~row, last=only) for row in without]))
        different, place = np.unique(np.concatenate(shown), axis=0, return_inverse=True)
        found = probabilities(score, self._with_frames(clip, different), target)[place.ravel()]
        return dict(zip(names, np.split(found, len(names)), strict=True))

    def _filled(self, clip: Tensor) -> Tensor:
        if self.options.fill == "blur":
            return blurred(clip)
        return clip.mean(dim=(1, 2, 3), keepdim=True).expand_as(clip)

    def _without_cells(self, clip: Tensor, gone: np.ndarray, fill: Tensor) -> Iterator[Tensor]:
        """Clips with the cells S×T×h×w that are gone replaced, in batches."""
        height, width = clip.shape[2:]
        for part in torch.from_numpy(gone).to(clip.device).split(self.options.batch_size):
            # A pixel belongs to the cell that it lies in.
            pixels = F.interpolate(part.float(), size=(height, width), mode="nearest")
            yield torch.where(pixels[:, None] > 0.5, fill, clip)

    def _frames_shown(self, kept: np.ndarray, *, last: int) -> np.ndarray:
        """Which frame each of T shows, int64; -1 where it is black."""
        if self.options.temporal_fill == "black":
            return np.where(kept, np.arange(len(kept)), -1)
        return frozen_frames(kept, last=last)

    def _with_frames(self, clip: Tensor, shown: np.ndarray) -> Iterator[Tensor]:
        """Clips that show the frames S×T, in batches."""
        black = torch.tensor(self.black, dtype=clip.dtype, device=clip.device)
        frames = torch.cat([clip, black[:, None, None, None].expand_as(clip[:, :1])], dim=1)
        for part in torch.from_numpy(shown).to(clip.device).split(self.options.batch_size):
            # The last of the frames is the black one.
            yield frames[:, part].transpose(0, 1)


def areas(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """``insertion``, ``deletion`` and their difference, and of LeRF with ``lerf_`` before."""
    found = {}
    for order, prefix in zip(ORDERS, ("", "lerf_"), strict=True):
        insertion, deletion = (
            float(np.trapezoid(curves[f"{kind}_{order}"], curves["fractions"]))
            for kind in ("insertion", "deletion")
        )
        found[f"{prefix}insertion"] = insertion
        found[f"{prefix}deletion"] = deletion
        found[f"{prefix}insertion_minus_deletion"] = insertion - deletion
    return found


def rank_units(
    spatial: np.ndarray, temporal: np.ndarray, domain: str, rng: np.random.Generator
) -> np.ndarray:
    """The units of one clip, the most important first.

    Args:
        spatial: float, T×h×w.
        temporal: float, T.
        domain: One of :data:`DOMAINS`.
        rng: Breaks ties.

    Returns:
        int64: T·h·w cells (``joint``), T×(h·w) cells of each frame (``spatial``), or T frames
        (``temporal``).
    """
    if domain == "joint":
        return ranked(joint_importance(spatial[None], temporal[None]).ravel(), rng)
    if domain == "spatial":
        return ranked(spatial.reshape(len(spatial), -1), rng)
    assert domain == "temporal", domain
    return ranked(temporal, rng)


def _first(order: np.ndarray, count: int) -> np.ndarray:
    """bool, the shape of ``order``: which units are among its first ``count`` of each row."""
    chosen = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(chosen, order[..., :count], True, axis=-1)
    return chosen


def frozen_frames(kept: np.ndarray, *, last: int) -> np.ndarray:
    """Which frame each of T shows: itself, the last kept one before it, or the first kept one.

    Args:
        kept: bool, T.
        last: The frame that is shown where none is kept.

    Returns:
        int64, T.
    """
    frames = len(kept)
    if not kept.any():
        return np.full(frames, last, dtype=np.int64)
    before = np.maximum.accumulate(np.where(kept, np.arange(frames), -1))
    return np.where(before < 0, int(np.argmax(kept)), before)


def probabilities(score: Score, batches: Iterator[Tensor], target: int) -> np.ndarray:
    """float64, S: the probability of one class.

    Args:
        score: Clips to probabilities.
        batches: The S clips.
        target: The class.
    """
    return np.concatenate([score(clips)[:, target].double().cpu().numpy() for clips in batches])
