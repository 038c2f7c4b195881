"""A static frame mixed into a clip, against the formula in floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmaction.datasets.transforms.mixing import MixStaticFrame
from mmaction.datasets.transforms.pixels import PackClips
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


def packed(make_results: MakeResults, seed: int, **options: Any) -> tuple[np.ndarray, Any]:
    results = make_results(frames=4)
    results["rng"] = np.random.default_rng(seed)
    results["frame_indices"] = results["frame_slots"] = np.array([[0, 1, 2, 3], [3, 3, 1, 0]])
    if options:
        results = MixStaticFrame(**options)(results)
    return PackClips()(results)["inputs"].numpy(), results.get("static_frame")


def test_each_clip_has_one_of_its_frames_in_all(make_results: MakeResults) -> None:
    plain = packed(make_results, 0)[0].astype(float)
    shares = []
    for seed in range(12):
        mixed, (frame, share) = packed(make_results, seed, prob=1.0, most=0.5)
        expected = (1 - share) * plain + share * plain[:, frame : frame + 1]
        np.testing.assert_allclose(mixed, expected, atol=0.5 + 1e-4)
        shares.append(share)
    assert 0 <= min(shares) < 0.15 < 0.4 < max(shares) <= 0.5


def test_it_leaves_some_clips_alone(make_results: MakeResults) -> None:
    plain, _ = packed(make_results, 0)
    drawn = [packed(make_results, seed, prob=0.75) for seed in range(40)]
    left = [mixed for mixed, static in drawn if static is None]
    assert 4 <= len(left) <= 16, "10 of 40 are expected"
    assert all(np.array_equal(mixed, plain) for mixed in left)


@pytest.mark.parametrize(
    ("options", "message"),
    [(dict(prob=1.2), r"prob=1.2; it lies in \[0, 1\]"), (dict(most=1.0), r"most=1.0; it lies in")],
)
def test_values_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MixStaticFrame(**options)
