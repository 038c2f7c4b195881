from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.datasets import RawframeDataset
from mmaction.errors import DataError
from mmaction.explain.explainers import build_explainer
from mmaction.explain.measures import Subject, open_ground_truth
from mmaction.explain.measures.shortcut_report import ShortcutReport
from mmaction.explain.measures.shortcuts import (
    WHOLE,
    Answers,
    actor_area,
    advantages,
    ask,
    marked_area,
    probed,
)
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction

# Two videos answered 0, two answered 1.
GIVEN = np.array([0, 0, 1, 1])
SURE = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])


def answers_of(**probed: np.ndarray) -> Answers:
    return Answers(given=GIVEN, probabilities={WHOLE: SURE, **probed}, hidden={})


def test_advantage_is_over_clips_with_other_answers() -> None:
    # Class 0 gets 0.3 of the others on average; class 1 gets 0.2.
    np.testing.assert_allclose(advantages(SURE, GIVEN), [0.6, 0.4, 0.6, 0.4])
    habit = np.tile([0.9, 0.1], (4, 1))  # one answer whatever is shown: it tells nothing
    np.testing.assert_allclose(advantages(habit, GIVEN), 0)
    unseen = SURE.copy()
    unseen[3] = np.nan  # of those answered 1, the other alone counts
    np.testing.assert_allclose(advantages(unseen, GIVEN), [0.7, 0.5, 0.6, np.nan])
    with pytest.raises(DataError, match="all 4 videos get the same answer, class 1"):
        advantages(SURE, np.ones(4, int))


def test_survival_is_what_is_left_of_the_advantage() -> None:
    half = 0.5 + (SURE - 0.5) / 2
    share = answers_of(first_frame=half).survival("first_frame")
    assert (share.mean, share.low, share.high) == pytest.approx((0.5, 0.5, 0.5))
    partly = SURE.copy()
    partly[2:] = 0.5  # those answered 1 lose all: 0.4, 0.2, 0, 0 against 0.6, 0.4, 0.6, 0.4
    partly[:, 1] = 1 - partly[:, 0]
    found = answers_of(first_frame=partly)
    left = advantages(partly, GIVEN)
    assert found.survival("first_frame").mean == pytest.approx(left.sum() / 2.0)
    of_first = found.survival("first_frame", GIVEN == 0)
    assert (of_first.mean, of_first.videos) == (pytest.approx(left[:2].sum()), 2)


def test_the_marked_area_is_the_fewest_cells_that_hold_half_of_the_map() -> None:
    spatial = np.zeros((2, 2, 2))
    spatial[0] = [[3, 1], [1, 0]]
    spatial[1] = [[0, 1], [2, -9]]  # together 3, 2, 3 and nothing of 8
    sums = spatial.sum(axis=(1, 2))  # weights that are its sums count no frame twice
    marked = marked_area(np.maximum(spatial, 0), np.maximum(spatial, 0).sum(axis=(1, 2)), 4, 4)
    np.testing.assert_array_equal(marked, np.kron([[1, 0], [1, 0]], np.ones((2, 2))) > 0)
    assert sums.shape == (2,)
    assert not marked_area(np.zeros((2, 2, 2)), np.zeros(2), 4, 4).any()


def test_the_actor_is_hidden_wherever_it_ever_is() -> None:
    masks = np.zeros((3, 32, 32), dtype=bool)
    masks[0, 5, 5] = masks[2, 20, 30] = True
    area = actor_area(masks)
    assert area.sum() == 9 + 9
    assert area[4:7, 4:7].all()
    assert area[19:22, 29:32].all()


def test_probes_show_what_they_say() -> None:
    rng = np.random.default_rng(0)
    frames = torch.from_numpy(rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8))
    area = np.zeros((8, 8), dtype=bool)
    area[2:4, 5:] = True
    (hidden,) = probed(frames, "without_marked", area)
    assert torch.equal(hidden[:, ~area], frames[:, ~area])
    color = frames[:, ~area].double().mean(dim=(0, 1)).round()
    assert (hidden[:, area].double() == color).all()
    (first,) = probed(frames, "first_frame", None)
    assert (first == frames[0]).all()
    stills = probed(frames, "still_frames", None)
    for clip, number in zip(stills, (0, 2, 3, 5), strict=True):
        assert (clip == frames[number]).all()
    (shuffled,) = probed(frames, "shuffled", None, rng)
    assert not torch.equal(shuffled, frames)
    assert sorted(map(str, shuffled.tolist())) == sorted(map(str, frames.tolist()))


class CornerReader(BaseRecognizer):
    """Answers by how bright the upper left corner of the first frame is."""

    middle = 0.0

    def brightness(self, clips: Tensor) -> Tensor:
        return clips[:, :, 0, :8, :8].mean(dim=(1, 2, 3))

    def predict_clips(self, clips: Tensor) -> Prediction:
        value = 100 * (self.brightness(clips) - self.middle)
        return Prediction(scores=torch.stack([-value, value], dim=1))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        raise AssertionError("it learns nothing")


@pytest.mark.parametrize(("corner", "survives"), [(False, 1.0), (True, 0.0)])
def test_what_reads_a_corner_needs_no_actor_elsewhere(
    center_clips: Callable[..., RawframeDataset], tmp_path: Path, corner: bool, survives: float
) -> None:
    masks = np.zeros((6, 36, 48), dtype=bool)
    place = np.s_[:, :12, :14] if corner else np.s_[:, 20:, 30:]
    masks[place] = True
    (tmp_path / "val").mkdir()
    for number in range(6):
        np.savez(tmp_path / f"val/video {number}.npz", actor_masks=masks, action_interval=(1, 4))
    dataset = center_clips(dict(type="Resize", size=32))
    model = CornerReader(num_classes=2, clip_len=4).eval()
    reader = open_ground_truth(tmp_path)
    subject = Subject(model, dataset, list(range(6)), batch_size=4, reader=reader)
    model.middle = float(model.brightness(subject.clips(range(6))).median())
    found = ask(subject, build_explainer("center:grid=(4,4)"))
    assert found.survival("first_frame").mean == pytest.approx(1)
    assert found.survival("without_actor").mean == pytest.approx(survives, abs=0.05)
    report = ShortcutReport(
        names=[subject.name(p) for p in range(6)],
        labels=subject.labels,
        answers=found,
        groups=["bright" if answer else "dark" for answer in found.given],
    )
    assert report.found
    assert "bright → class 1 (3 of 3)" in report.verdict()
    assert {row["group"]: row["answer"] for row in report.by_group()} == {"bright": 1, "dark": 0}
    left = found.advantages(report.probe)[report.ranked()]
    assert (np.diff(left) <= 0).all()
