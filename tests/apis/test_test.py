from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.evaluator import BaseMetric

from mmaction import apis
from mmaction.errors import UserError
from mmaction.evaluation import accuracies
from mmaction.registry import METRICS
from tests.bomb import Bomb

Score = Callable[..., apis.TestOutcome]


@pytest.fixture
def score(
    own_data: Path, make_config: Callable[..., Path], tiny_checkpoint: Path, tmp_path: Path
) -> Score:
    """``score(options, checkpoint=…, **arguments)`` tests on ``own_data``."""

    def run(
        options: dict[str, Any] | None = None, *, checkpoint: Path = tiny_checkpoint, **kwargs: Any
    ) -> apis.TestOutcome:
        cfg = apis.load_config(make_config(own_data), options)
        return apis.test(cfg, checkpoint, out=tmp_path / "scores.pkl", **kwargs)

    return run


def test_scores_and_metrics_are_kept_and_used(score: Score, tmp_path: Path) -> None:
    first = score()
    kept = (tmp_path / "scores.pkl").read_bytes()
    assert not first.from_cache
    assert json.loads((tmp_path / "scores.metrics.json").read_text()) == first.metrics
    assert first.metrics == accuracies(first.table)
    second = score()
    assert second.from_cache
    np.testing.assert_array_equal(second.table.scores, first.table.scores)
    assert second.metrics == first.metrics
    third = score(metrics=["top_1_accuracy"])
    assert third.from_cache
    assert list(third.metrics) == ["perception/top1", "attention/top1"]
    assert json.loads((tmp_path / "scores.metrics.json").read_text()) == third.metrics
    assert (tmp_path / "scores.pkl").read_bytes() == kept


def test_explanations_pass_over_the_cache(score: Score, tmp_path: Path) -> None:
    score()
    found = score(explanations=tmp_path / "seen")
    assert not found.from_cache
    assert (tmp_path / "seen" / "val" / "video 1" / "explanation.npz").is_file()


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"model.average_views": "score"}, False),
        ({"test_dataloader.dataset.pipeline.0.placement": "random"}, False),
        ({"model.data_preprocessor": dict(mean=[0, 0, 0])}, False),
        ({"test_cfg.precision": "bf16"}, False),
        ({"test_dataloader.batch_size": 1, "test_dataloader.num_workers": 1}, True),
        ({"load_from": "other.pth", "optim_wrapper.optimizer.lr": 3.0}, True),
    ],
)
def test_what_touches_scores_is_computed_anew(
    options: dict[str, Any], same: bool, score: Score
) -> None:
    first = score()
    second = score(options)
    assert second.from_cache is same
    if same:
        np.testing.assert_array_equal(second.table.scores, first.table.scores)
    assert score(options).from_cache


def test_another_annotation_is_computed_anew(score: Score, own_data: Path) -> None:
    score()
    (own_data / "val.txt").write_text("val/video 1 6 2\n")
    found = score()
    assert not found.from_cache
    assert found.table.names == ["val/video 1"]


def test_another_checkpoint_is_computed_anew(
    score: Score, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """What counts is what is in the file, not its name."""
    score()
    same = shutil.copy(tiny_checkpoint, tmp_path / "same.pth")
    assert score(checkpoint=same).from_cache
    best = next(tiny_checkpoint.parent.glob("best_*.pth"))
    content = best.read_bytes()
    if content == tiny_checkpoint.read_bytes():
        pytest.skip("the best checkpoint is the same file")
    assert not score(checkpoint=best).from_cache


def test_a_file_of_someone_elses_is_neither_run_nor_lost(score: Score, tmp_path: Path) -> None:
    theirs = pickle.dumps(Bomb(tmp_path / "boom"))
    (tmp_path / "scores.pkl").write_bytes(theirs)
    told = r"--out .*scores\.pkl: not a score file .*refused posix\.mkdir.*--ignore-cache"
    with pytest.raises(UserError, match=told):
        score()
    assert not (tmp_path / "boom").exists()
    assert (tmp_path / "scores.pkl").read_bytes() == theirs
    assert not score(ignore_cache=True).from_cache
    assert score().from_cache


def test_the_trainings_config_in_work_dir_stays(
    tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """A test writes only below its own directory, and leaves the config that it is given."""
    work = tmp_path / "work"
    work.mkdir()
    (work / tiny_config.name).write_text("# of the training\n")
    cfg = apis.load_config(tiny_config)
    before = cfg.to_dict()
    apis.test(cfg, tiny_checkpoint)
    assert cfg.to_dict() == before
    assert (work / tiny_config.name).read_text() == "# of the training\n"
    [own] = [path for path in work.iterdir() if path.is_dir()]
    assert [path.name for path in work.iterdir() if path.is_file()] == [tiny_config.name]
    assert "test_dataloader" in (own / tiny_config.name).read_text()


@METRICS.register_module()
class Confidence(BaseMetric):
    """Somebody's metric: the mean of the highest probability, and how many videos there were."""

    default_prefix = "confidence"

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [float(result.scores.max()) for result in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, Any]:
        return {"mean": np.float32(np.mean(results)), "videos": len(results)}


def test_a_configs_own_metrics_run_beside_the_projects(
    own_data: Path, make_config: Callable[..., Path], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    config = make_config(own_data, "test_evaluator = [dict(type='Confidence'), val_evaluator]")
    out = tmp_path / "scores.pkl"
    for _ in range(2):  # scores that were kept can't tell them
        found = apis.test(apis.load_config(config), tiny_checkpoint, out=out, metrics=["top1"])
        assert not found.from_cache
        highest = found.table.scores.max(axis=1)
        assert found.metrics == accuracies(found.table, ["top1"]) | {
            "confidence/mean": pytest.approx(highest.mean()),
            "confidence/videos": 2,
        }
    assert json.loads(out.with_suffix(".metrics.json").read_text()) == found.metrics
    [log] = [p for p in (tmp_path / "work").glob("*/*.json") if p.stem == p.parent.name][:1]
    assert json.loads(log.read_text())["confidence/videos"] == 2


def test_an_evaluator_without_the_projects_metric_gets_it_in_validation_too(
    own_data: Path, make_config: Callable[..., Path]
) -> None:
    config = make_config(own_data, "val_evaluator = dict(type='Confidence')")
    hub = apis.train(apis.load_config(config)).message_hub
    assert {"val/perception/top1", "val/confidence/mean"} <= set(hub.log_scalars)
