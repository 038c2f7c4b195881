from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction import apis
from mmaction.apis.recognizer import load_recognizer
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.datasets.batches import collate_clips
from mmaction.errors import ConfigError
from mmaction.registry import DATASETS

Scores = Callable[..., np.ndarray]


@pytest.fixture
def scores(tiny_config: Path, tiny_checkpoint: Path) -> Scores:
    """``scores(options)``: of a test, N×K."""

    def run(options: dict[str, Any] | None = None) -> np.ndarray:
        found = apis.test(apis.load_config(tiny_config, options), tiny_checkpoint)
        return found.table.scores

    return run


@pytest.fixture
def plain_scores(tiny_config: Path, tiny_checkpoint: Path) -> np.ndarray:
    """The same by the network itself, a batch at a time and without a runner."""
    cfg = apis.load_config(tiny_config)
    model = load_recognizer(cfg, tiny_checkpoint).eval()
    data = DATASETS.build(cfg.test_dataloader.dataset)
    samples = [data[i] for i in range(len(data))]
    with torch.no_grad():
        results = [
            r
            for i in range(0, len(samples), 2)
            for r in model.test_step(collate_clips(samples[i : i + 2]))
        ]
    return torch.stack([result.scores for result in results]).numpy()


def test_fused_scores_are_those_of_the_network(scores: Scores, plain_scores: np.ndarray) -> None:
    fused = scores()
    np.testing.assert_allclose(fused, plain_scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(scores({"test_cfg.fuse": False}), plain_scores)


def test_half_precision_is_a_setting(scores: Scores, plain_scores: np.ndarray) -> None:
    half = scores({"test_cfg.precision": "bf16"})
    assert not np.array_equal(half, plain_scores)
    np.testing.assert_allclose(half, plain_scores, atol=0.05)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "bf61"}, r"test_cfg.precision='bf61': expected one of fp32, bf16, fp16"),
        ({"precision": "fp16"}, r"test_cfg.precision='fp16' needs a GPU"),
        ({"fp16": True}, r"test_cfg.precision='fp16' needs a GPU"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there fp16 can be")
def test_a_precision_that_can_not_be(options: dict[str, Any], says: str, scores: Scores) -> None:
    with pytest.raises(ConfigError, match=says):
        scores({f"test_cfg.{key}": value for key, value in options.items()})


def test_validation_sees_each_epochs_weights_and_leaves_them_whole(
    tiny_config: Path, tmp_path: Path
) -> None:
    """Averaged weights, too, which take the network's place for the time of the validation."""
    options = {
        "train_cfg.max_epochs": 2,
        "custom_hooks": [dict(type="EMAHook", momentum=0.5)],
        "optim_wrapper.optimizer.lr": 0.1,
    }
    cfg = apis.load_config(tiny_config, options)
    runner = apis.train(cfg)
    seen = runner.val_loop.evaluator.metrics[0].table.scores
    checkpoint = tmp_path / "work" / "epoch_2.pth"
    averaged = apis.test(cfg, checkpoint).table.scores
    np.testing.assert_allclose(seen, averaged, rtol=1e-6, atol=1e-7)
    own = read_checkpoint(checkpoint)["ema_state_dict"]
    for name, weight in runner.model.state_dict().items():
        assert torch.equal(weight, own[f"module.{name}"]), name


def test_frames_that_can_not_be_stabilized_are_counted(
    tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    cfg = apis.load_config(tiny_config)
    pipeline = cfg.test_dataloader.dataset.pipeline
    cfg.test_dataloader.dataset.pipeline = [*pipeline[:2], dict(type="Stabilize"), *pipeline[2:]]
    samples = [item["sample"] for item in DATASETS.build(cfg.test_dataloader.dataset)]
    left = sum(sample.unsteady for sample in samples)
    frames = sum(sample.frame_indices.size for sample in samples)
    assert 0 < left < frames
    apis.test(cfg, tiny_checkpoint)
    [log] = (tmp_path / "work").rglob("*.log")
    assert f"Stabilize: {left} of {frames} frames stay as they are" in log.read_text()
