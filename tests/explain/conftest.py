"""A made-up explanation: a blob that moves, and a map that follows it."""

from collections.abc import Callable

import numpy as np
import pytest

from mmaction.explain.records import ClipExplanation

MakeExplanation = Callable[..., ClipExplanation]


def make_explanation(
    *,
    clip_len: int = 5,
    size: tuple[int, int] = (48, 64),
    cells: tuple[int, int] = (3, 4),
    classes: int = 3,
    seed: int = 0,
    **fields: object,
) -> ClipExplanation:
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    y_cell, x_cell = ((np.indices(cells).T + 0.5) / cells).T
    frames = np.empty((clip_len, height, width, 3), dtype=np.uint8)
    spatial = np.empty((clip_len, *cells), dtype=np.float32)
    for index, place in enumerate((np.arange(clip_len) + 0.5) / clip_len):
        frames[index] = np.stack([200 * y / height, 200 * x / width, 60 + 0 * x], axis=-1)
        blob = (y / height - 0.5) ** 2 + (x / width - place) ** 2 < 0.02
        frames[index][blob] = 230, 230, 40
        spatial[index] = 0.1 + 0.8 * place * np.exp(
            -8 * ((y_cell - 0.5) ** 2 + (x_cell - place) ** 2)
        )
    values: dict = {
        "name": "person 1/bend",
        "frames": frames,
        "spatial": spatial,
        "temporal": rng.uniform(0.1, 0.9, clip_len).astype(np.float32),
        "frame_indices": 2 * np.arange(clip_len, dtype=np.int64) + 1,
        "scores": rng.normal(size=classes).astype(np.float32),
        "attention_scores": rng.normal(size=classes).astype(np.float32),
        "label": 1,
    }
    return ClipExplanation(**(values | fields))


@pytest.fixture(name="make_explanation", scope="session")
def _make_explanation() -> MakeExplanation:
    return make_explanation
