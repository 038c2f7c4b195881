"""How important a cell of space and time is, and in which order cells go.

Dimension letters: B clips, T frames, h×w cells of a map.
"""

from __future__ import annotations

import numpy as np

# How far scaled temporal weights may lie from scaled frame sums and still count as them, as a share
# of 1 / T.
_TOLERANCE = 1e-3


def has_own_temporal(spatial: np.ndarray, temporal: np.ndarray) -> np.ndarray:
    """Whether an explainer weighs frames by something else than the sums of its own map.

    Grad-CAM and its like say one number a cell; their temporal weights are that map's frame sums
    (or means) and add nothing to it. ST-ABN's A_t is a second output beside A_s.

    Args:
        spatial: float, B×T×h×w.
        temporal: float, B×T.

    Returns:
        bool, B.
    """
    sums = _shares(np.asarray(spatial, dtype=np.float64).sum(axis=(2, 3)))
    weights = _shares(np.asarray(temporal, dtype=np.float64))
    return np.abs(weights - sums).max(axis=1) > _TOLERANCE / spatial.shape[1]


def _shares(weights: np.ndarray) -> np.ndarray:
    total = np.abs(weights).sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def joint_importance(spatial: np.ndarray, temporal: np.ndarray) -> np.ndarray:
    """One importance a space-time cell.

    ``spatial · temporal`` where the explainer has a temporal weight of its own
    (:func:`has_own_temporal`): a cell counts as much as it was looked at in its frame, times as
    much as its frame was. ``spatial`` alone where the temporal weights are only its frame sums:
    the map compares frames already, and a product would count them twice.

    Args:
        spatial: float, B×T×h×w.
        temporal: float, B×T.

    Returns:
        float64, B×T×h×w.
    """
    spatial = np.asarray(spatial, dtype=np.float64)
    own = has_own_temporal(spatial, temporal)[:, None]
    weights = np.where(own, np.asarray(temporal, dtype=np.float64), 1.0)
    return spatial * weights[:, :, None, None]


def ranked(importance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions of N values, the most important first.

    Equal values come in a random order, never by position: a constant map gives a random order.

    Args:
        importance: float, …×N; rows are ranked one by one.
        rng: Breaks ties.

    Returns:
        int64, …×N, in each row a permutation of 0 … N-1.
    """
    tiebreak = rng.random(importance.shape)
    return np.lexsort((tiebreak, -np.asarray(importance, dtype=np.float64)), axis=-1)
