from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.apis import load_config
from mmaction.apis import test as run_test
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.convert.conversion import convert
from mmaction.engine import ActionRunner, TrainingCheckpointHook
from mmaction.engine.runner import keep_console_readable
from mmaction.errors import CheckpointError, ConfigError
from tests.convert.conftest import ORIGINAL, random_st_abn
from tests.convert.zoo import in_their_names
from tests.engine.conftest import Trained

MakeConfig = Callable[..., Path]


TWO = "train_cfg['max_epochs'] = 2"


def test_a_one_cycle_schedule_goes_on_where_it_stood(
    trained: Trained,
) -> None:
    cycle = dict(type="OneCycleLR", eta_max=0.01, total_steps=4, pct_start=0.5, by_epoch=False)
    schedule = {"param_scheduler": [cycle]}
    first, straight = trained(TWO, "straight", **schedule)
    second, _ = trained(TWO, "second", resume_from=str(straight / "epoch_1.pth"), **schedule)
    rates = [runner.message_hub.get_scalar("train/lr").data[0] for runner in (first, second)]
    assert len(rates[0]) == 4
    assert rates[0].argmax() == 1
    assert rates[1].tolist() == rates[0].tolist()


def test_load_from_starts_at_epoch_0_with_what_fits(
    trained: Trained,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another clip length reshapes the temporal branch's linears; all else is taken over."""
    four = {
        f"{split}_dataloader.dataset.pipeline.0.clip_len": 3 for split in ("train", "val", "test")
    }
    frozen = {"optim_wrapper.optimizer.lr": 0.0}
    runner, _ = trained(
        TWO, "other", load_from=str(tiny_checkpoint), **{"model.clip_len": 3}, **four, **frozen
    )
    assert runner.epoch == 2
    out = capsys.readouterr().out
    assert "weights differ and keep their start values" in out
    assert "attention_branch.temporal.mix.weight is (4, 4, 1, 1) there, (3, 3, 1, 1)" in out
    start = read_checkpoint(tiny_checkpoint)["state_dict"]
    own = runner.model.state_dict()
    kept = [k for k, v in runner.model.named_parameters() if v.shape == start[k].shape]
    assert len(kept) > 30
    for name in kept:
        assert torch.equal(own[name], start[name]), name


@pytest.mark.parametrize("ema", [False, True])
def test_load_from_takes_a_foreign_checkpoint(
    ema: bool,
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The authors' names, and a last linear for other classes: all else starts where they ended."""
    torch.manual_seed(0)
    state = in_their_names(random_st_abn(10, inflate=(1, 1, 1, 1)), ORIGINAL)
    expected = convert(state, source="x.pth").state
    state["cls_head.fc_cls.weight"] = torch.zeros(5, 32)
    state["cls_head.fc_cls.bias"] = torch.zeros(5)
    path = tmp_path / "theirs.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    options: dict[str, Any] = {"model.backbone.inflate": [1] * 4, "optim_wrapper.optimizer.lr": 0.0}
    if ema:
        options["custom_hooks"] = [dict(type="EMAHook")]
    runner, folder = trained(TWO, "foreign", load_from=str(path), **options)
    out = capsys.readouterr().out
    assert f"{path}: the authors' ST-ABN, its weights are renamed" in out
    sizes = {name: p.numel() for name, p in runner.model.named_parameters()}
    left = sum(n for name, n in sizes.items() if name.startswith("perception_branch.fc."))
    total = sum(sizes.values())
    assert f"fills {total - left:,} of {total:,} parameters; 2 weights differ" in out
    trained_weights = read_checkpoint(folder / "epoch_2.pth")["state_dict"]
    for name in sizes.keys() - {"perception_branch.fc.weight", "perception_branch.fc.bias"}:
        assert torch.equal(trained_weights[name], expected[name]), name


def test_load_from_fills_half_of_the_parameters_or_says_so(
    trained: Trained,
    tiny_checkpoint: Path,
    tmp_path: Path,
) -> None:
    state = read_checkpoint(tiny_checkpoint)["state_dict"]
    some = {name: value for name, value in state.items() if name.startswith("backbone.")}
    torch.save(some, tmp_path / "some.pth")
    with pytest.raises(CheckpointError, match=r"some\.pth is of another .*load_partly=True"):
        trained(TWO, "refused", load_from=str(tmp_path / "some.pth"))
    assert not (tmp_path / "refused").exists()
    runner, _ = trained(TWO, "taken", load_from=str(tmp_path / "some.pth"), load_partly=True)
    assert runner.epoch == 2


def test_a_checkpoint_says_what_no_weight_tells(
    tiny_checkpoint: Path, make_config: MakeConfig, tiny_data: Path, tmp_path: Path
) -> None:
    """Trained with one stride and tested with another, it would fit and be wrong."""
    config = make_config(tiny_data, "model['attention_branch'] = dict(spatial_stride=2)")
    with pytest.raises(ConfigError, match=r"attention_branch\.spatial_stride=1, the config says 2"):
        run_test(load_config(config), tiny_checkpoint)
    assert not (tmp_path / "work").exists()


def test_what_every_run_needs_is_there_without_a_word_in_the_config(
    make_config: MakeConfig, tiny_data: Path
) -> None:
    config = make_config(tiny_data, "custom_hooks = [dict(type='EMAHook')]\ndefault_hooks = {}")
    cfg = load_config(config)
    runner = ActionRunner.from_cfg(cfg)
    kinds = [type(hook) for hook in runner.hooks]
    assert [kind.__name__ for kind in kinds].count("SyncBuffersHook") == 1
    assert TrainingCheckpointHook in kinds


@pytest.mark.parametrize(
    ("level", "message", "shown"),
    [
        (logging.INFO, "Epoch(train) [1][20/100]", True),
        (logging.INFO, "Config:\nmodel = dict(\n)", False),
        (logging.WARNING, "several things:\none\ntwo", True),
        (logging.WARNING, '"FileClient" will be deprecated in future.', False),
    ],
)
def test_lines_reach_the_console_and_reports_the_file(
    level: int, message: str, shown: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    logger = logging.Logger("run")
    file = logging.FileHandler(tmp_path / "run.log")
    logger.handlers = [logging.StreamHandler(sys.stdout), file]
    keep_console_readable(logger)
    keep_console_readable(logger)
    logger.log(level, message)
    file.close()
    assert capsys.readouterr().out == (f"{message}\n" if shown else "")
    assert (tmp_path / "run.log").read_text() == f"{message}\n"
