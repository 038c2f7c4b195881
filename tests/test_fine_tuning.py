"""The options of docs/fine_tuning.md, as they are written there, in a training."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmaction.apis import load_config, train

REPO = Path(__file__).resolve().parents[1]


def test_options(make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path) -> None:
    """On the schedule for fine-tuning, over five epochs: the stem opens in the last."""
    [text] = re.findall(
        r"```python\n(optim_wrapper.*?)```", (REPO / "docs/fine_tuning.md").read_text(), re.DOTALL
    )
    work_dir = tmp_path / "guide"
    schedule = REPO / "config_files/_base_/schedules/fine_tune.py"
    tiny = make_config(tiny_data, "val_dataloader = val_evaluator = None")
    for key in (
        "optim_wrapper",
        "param_scheduler",
        "train_cfg",
        "auto_scale_lr",
        "val_cfg",
        "test_cfg",
    ):
        tiny.write_text(re.sub(rf"^{key} = .*\n", "", tiny.read_text(), flags=re.MULTILINE))
    config = tmp_path / "guide.py"
    config.write_text(
        f"_base_ = [{str(tiny)!r}, {str(schedule)!r}]\n{text}\n"
        "param_scheduler = _base_.param_scheduler\n"
        "param_scheduler[0]['end'] = param_scheduler[1]['begin'] = 2\n"
        f"val_cfg = None\nwork_dir = {str(work_dir)!r}\nexperiment_name = 'guide'\n"
        "default_hooks = dict(checkpoint=dict(save_best=None, max_keep_ckpts=-1))\n"
    )
    runner = train(load_config(config, {"train_cfg.max_epochs": 5}))
    multiples = {group["lr_mult"] for group in runner.optim_wrapper.optimizer.param_groups}
    assert sorted(multiples) == pytest.approx([*(0.1 * 0.75**n for n in (4, 3, 2, 1)), 1.0])
    stems = [
        torch.load(work_dir / f"epoch_{n}.pth", weights_only=True)["state_dict"][
            "backbone.stem.conv.weight"
        ]
        for n in (1, 4, 5)
    ]
    assert torch.equal(stems[0], stems[1])
    assert not torch.equal(stems[1], stems[2])
