from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mmaction.apis import load_config
from mmaction.apis.evaluate import (
    choose_videos,
    evaluate_explanations,
    split_explainers,
)
from mmaction.dataprep.motion_shapes import CLASSES, DataSetOptions, make_data_set
from mmaction.explain.measures import ClipBatch, EvaluationOptions, MeasureGroup, MeasureTable
from mmaction.models import STABN
from mmaction.registry import MEASURES

MakeConfig = Callable[..., Path]


def test_explainers_are_split_at_commas_between_them() -> None:
    assert split_explainers(["a,b:x=1,y=(2,3),c", "a", "d:layer=stage.conv,e"]) == [
        "a", "b:x=1,y=(2,3)", "c", "d:layer=stage.conv", "e",
    ]  # fmt: skip
    assert split_explainers([]) == []


def test_videos_are_spread_over_classes() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 10)
    chosen = choose_videos(labels, 9, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [3, 3, 3]
    assert chosen == sorted(set(chosen))
    assert chosen == choose_videos(labels, 9, seed=0)
    assert chosen != choose_videos(labels, 9, seed=1)
    assert np.bincount(labels[choose_videos(labels, 15, seed=0)]).tolist() == [6, 3, 6]
    assert choose_videos(labels, 1000, seed=0) == list(range(63))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion_shapes data set of a video a class; read only."""
    root = tmp_path_factory.mktemp("shapes") / "data"
    make_data_set(root, DataSetOptions(videos=12, val_videos=12, size=32, frames=16))
    return root


@pytest.fixture
def shapes_config(make_config: MakeConfig, shapes: Path) -> Path:
    return make_config(shapes, f"model['num_classes'] = {len(CLASSES)}")


@pytest.fixture(scope="session")
def shapes_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learned nothing and is sure of this and that."""
    torch.manual_seed(0)
    backbone = dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4)
    model = STABN(num_classes=len(CLASSES), clip_len=4, backbone=backbone)
    for _ in range(30):  # the norms' statistics
        model(torch.randn(2, 3, 4, 32, 32))
    torch.nn.init.normal_(model.perception_branch.fc.weight, std=10)
    path = tmp_path_factory.mktemp("weights") / "start.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    return path


CONTROLS = ("random", "frame_difference", "compensated_difference")
Evaluate = Callable[..., MeasureTable]


@pytest.fixture
def evaluate(shapes_config: Path, shapes_checkpoint: Path) -> Evaluate:
    def run(*explainers: str, out: Path | None = None, **options: object) -> MeasureTable:
        given = dict(videos=6, steps=3, only_correct=False) | options
        return evaluate_explanations(
            load_config(shapes_config),
            shapes_checkpoint,
            explainers,
            options=EvaluationOptions(**given),  # type: ignore[arg-type]
            out=out,
        )

    return run


def test_everything_on_motion_shapes(evaluate: Evaluate, tmp_path: Path) -> None:
    table = evaluate("attention", "center", metrics=["all"], sanity_videos=2, out=tmp_path / "out")
    assert list(table.values) == ["attention", "center", *CONTROLS]
    for found in table.values.values():
        assert list(found) == list(table.values["attention"])
        for measure, values in found.items():
            assert len(values) == 6
            low, high = (-1, 1) if "minus" in measure or "sanity" in measure else (0, 1)
            known = values[~np.isnan(values)]
            assert len(known) == (2 if "sanity" in measure else 6), measure
            assert (known >= low - 1e-9).all(), measure
            assert (known <= high + 1e-9).all(), measure
    # What knows nothing of the network stays the same, whatever becomes of its weights.
    for control in ("center", *CONTROLS):
        assert np.nanmin(table.values[control]["sanity_mean"]) == 1
    assert set(table.intervention) >= {"intact", "spatial_uniform", "both_another"}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    pictures = {f"curves_{domain}.png" for domain in ("joint", "spatial", "temporal")}
    assert names == {"table.csv", "results.json", "sanity.png"} | pictures
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(record["sha256"]["checkpoint"]) == 64
    assert record["settings"]["steps"] == 3


def test_one_seed_gives_the_same_numbers(evaluate: Evaluate) -> None:
    first, again, other = (
        evaluate("center", metrics=["joint", "pointing"], seed=seed, batch_size=size)
        for seed, size in ((1, 32), (1, 4), (2, 32))
    )
    assert [v["name"] for v in first.videos] != [v["name"] for v in other.videos]
    for name, found in first.values.items():
        for measure, values in found.items():
            np.testing.assert_allclose(again.values[name][measure], values, atol=1e-5)


def test_localization_against_the_files(evaluate: Evaluate, shapes: Path) -> None:
    """Chance levels by hand: four segments of 16 frames, the third frame of each, at full size."""
    table = evaluate("center", metrics=["localization"])
    for position, video in enumerate(table.videos):
        truth = np.load(shapes / "ground_truth" / f"{video['name']}.npz")
        start, stop = truth["action_interval"]
        frames = np.array([2, 6, 10, 14])
        acting = (frames >= start) & (frames < stop)
        assert table.chance["temporal_energy"][position] == pytest.approx(acting.mean())
        share = truth["actor_masks"][frames[acting]].mean()
        assert table.chance["energy"][position] == pytest.approx(share)


def test_localization_counts_what_is_recognised(evaluate: Evaluate) -> None:
    table = evaluate("center", metrics=["energy", "confidence"], only_correct=True)
    right = [video["label"] == video["prediction"] for video in table.videos]
    assert (~np.isnan(table.values["center"]["energy"])).tolist() == right
    assert not np.isnan(table.values["center"]["average_drop"]).any()


def test_controls_are_added_but_for_those_that_are_named(evaluate: Evaluate) -> None:
    table = evaluate("random:grid=(3,3)", metrics=["confidence"])
    assert list(table.values) == ["random:grid=(3,3)", *CONTROLS[1:]]


def test_a_group_of_one_s_own(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is registered, and nothing else has to know of it."""

    class Spread(MeasureGroup):
        name = "spread"
        measures = ("spread_temporal", "spread_spatial")
        low_is_good = frozenset({"spread_temporal"})
        reads_maps = True

        def measure(
            self, explainer: str, batch: ClipBatch, spatial: np.ndarray, temporal: np.ndarray
        ) -> None:
            for i, position in enumerate(batch.positions):
                self.table.put(explainer, "spread_spatial", position, float(np.ptp(spatial[i])))
                self.table.put(explainer, "spread_temporal", position, float(np.ptp(temporal[i])))

    monkeypatch.setitem(MEASURES.module_dict, "spread", Spread)
    table = evaluate("center", metrics=["spread"], batch_size=4)
    assert table.measures == ["spread_temporal", "spread_spatial"]
    assert "spread_temporal ↓" in table.text()
    for values in table.values["center"].values():
        assert (values == values[0]).all()
        assert 0 < values[0] < 1
    assert evaluate("center", metrics=["spread_spatial"]).measures == ["spread_spatial"]
