"""Which layers learn in which epoch, from the weights of each epoch's checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.engine import GradualUnfreezing
from mmaction.errors import ConfigError
from tests.engine.conftest import NO_VALIDATION, Trained, needs_two
from tests.engine.same_training import differing

BRANCHES = {"attention_branch", "attention_mechanism", "perception_branch"}
SCHEDULE = {1: ["backbone.layer3"], 2: "backbone"}
TEXT = (
    f"{NO_VALIDATION}"
    "default_hooks['checkpoint'] = dict(save_best=None, max_keep_ckpts=-1)\n"
    f"custom_hooks = [dict(type='GradualUnfreezing', schedule={SCHEDULE})]\n"
    "param_scheduler = []\n"
    "train_cfg['max_epochs'] = 4\n"
    "optim_wrapper['optimizer'] = dict(type='AdamW', lr=0.01)\n"
)


def changed(before: Path, after: Path) -> set[str]:
    """Parts of which any tensor, weights or running statistics, differs."""
    first, second = (torch.load(path, weights_only=True)["state_dict"] for path in (before, after))
    names = {n for n in first if not torch.equal(first[n], second[n])}
    return {".".join(n.split(".")[: 2 if n.startswith("backbone") else 1]) for n in names}


def test_layers_open_at_their_epochs(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    """Epoch 1 trains the branches, epoch 2 layer3 as well, from epoch 3 on all learns."""
    _, work_dir = trained(TEXT)
    files = [work_dir / f"epoch_{n}.pth" for n in (1, 2, 3, 4)]
    whole = {f"backbone.{part}" for part in ("stem", "layer1", "layer2", "layer3")}
    assert changed(files[0], files[1]) == BRANCHES | {"backbone.layer3"}
    assert changed(files[1], files[2]) == BRANCHES | whole
    assert changed(files[2], files[3]) == BRANCHES | whole
    state = torch.load(files[0], weights_only=True)["optimizer"]
    [group] = state["param_groups"]
    names = sum(name.startswith("backbone.") for name in names_of(files[0]))
    assert len(group["params"]) - len(state["state"]) == names, "no state of what is closed"
    said = capsys.readouterr().out
    assert "epoch 2: backbone.layer3 learns from now on" in said
    assert "epoch 3: backbone learns from now on" in said


def names_of(path: Path) -> list[str]:
    buffers = ("running_mean", "running_var", "num_batches_tracked", "mean", "std")
    state = torch.load(path, weights_only=True)["state_dict"]
    return [name for name in state if not name.endswith(buffers)]


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_resumed_it_ends_in_the_same_weights(trained: Trained, epoch: int) -> None:
    _, whole = trained(TEXT)
    _, resumed = trained(TEXT, "resumed", resume_from=str(whole / f"epoch_{epoch}.pth"))
    assert not differing(whole / "epoch_4.pth", resumed / "epoch_4.pth")


def test_what_is_frozen_for_good_stays_so(trained: Trained) -> None:
    _, work_dir = trained(f"{TEXT}model['backbone']['frozen_stages'] = 1\n")
    found = changed(work_dir / "epoch_3.pth", work_dir / "epoch_4.pth")
    assert {"backbone.layer2", "backbone.layer3"} < found
    assert not {"backbone.stem", "backbone.layer1"} & found


@pytest.mark.slow
@needs_two
def test_two_processes_open_the_same(
    make_data: Callable[..., Path],
    make_config: Callable[..., Path],
    run_process: Callable[..., Any],
    tmp_path: Path,
) -> None:
    data = make_data(tmp_path / "data", train=4, val=1)
    two = "train_dataloader['batch_size'] = 1\n"
    config = make_config(data, f"{TEXT}{two}find_unused_parameters = True\n")
    ended = run_process("tools/dist_train_recognizer.sh", config, 2)
    assert ended.code == 0, ended.err
    files = [tmp_path / "work" / f"epoch_{n}.pth" for n in (1, 2, 3)]
    assert changed(files[0], files[1]) == BRANCHES | {"backbone.layer3"}
    assert {"backbone.stem", "backbone.layer1"} < changed(files[1], files[2])
    refused = run_process("tools/dist_train_recognizer.sh", make_config(data, TEXT + two), 2)
    assert refused.code == 2
    assert "several processes needs find_unused_parameters=True" in refused.err


def test_mistakes_are_named(trained: Trained) -> None:
    with pytest.raises(ConfigError, match="epoch -1: expected a whole number, 0 or more"):
        GradualUnfreezing(schedule={-1: "backbone"})
    wrong = TEXT.replace("backbone.layer3", "backbone.layr3")
    with pytest.raises(ConfigError, match="no module 'backbone.layr3'; did you mean 'backbone.la"):
        trained(wrong)
