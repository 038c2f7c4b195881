"""Two processes with batches of 2 train as one with batches of 4: samples, losses, weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mmaction.checkpoint.reading import read_checkpoint
from tests.engine.conftest import NO_VALIDATION, needs_two

MakeConfig = Callable[..., Path]
STEPS = 4  # two epochs of two
HOOK = """
from pathlib import Path

import torch.distributed as dist
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch.nn.modules.batchnorm import _BatchNorm


exchanges = 0
all_reduce = dist.all_reduce


def counted(*args, **kwargs):
    global exchanges
    exchanges += 1
    return all_reduce(*args, **kwargs)


dist.all_reduce = counted


@HOOKS.register_module(force=True)
class KeepNormsAndNames(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        model = getattr(runner.model, "module", runner.model)
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        names = " ".join(str(sample.index) for sample in data_batch["samples"])
        with open(Path(runner.work_dir) / f"seen{get_rank()}.txt", "a") as f:
            f.write(f"{names}\\n")
        with open(Path(runner.work_dir) / f"exchanges{get_rank()}.txt", "a") as f:
            f.write(f"{exchanges}\\n")
"""
SETTINGS = (
    "custom_hooks = [dict(type='KeepNormsAndNames')]\n"
    "model['backbone']['norm_eval'] = True\n"
    "train_cfg['max_epochs'] = 2\n"
    f"{NO_VALIDATION}"
)


def losses(work_dir: Path) -> list[dict[str, float]]:
    [path] = work_dir.glob("*/vis_data/scalars.json")
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in s.items() if "loss" in k or "top1" in k} for s in steps]


@needs_two
def test_two_processes_train_as_one(
    make_data: Callable[..., Path],
    make_config: MakeConfig,
    imported: Callable[..., str],
    train_each: Callable[..., None],
    tmp_path: Path,
) -> None:
    settings = imported("keep_norms", HOOK) + SETTINGS
    data = make_data(tmp_path / "data", train=8, val=1)
    folders = {}
    for processes, batch in ((1, 4), (2, 2)):
        folders[processes] = work_dir = tmp_path / f"work{processes}"
        text = f"{settings}train_dataloader['batch_size'] = {batch}\nrandomness = dict(seed=3)\n"
        text += f"work_dir = {str(work_dir)!r}"
        train_each(processes, make_config(data, text, name=f"of{processes}.py"))

    seen = {
        name: [[int(n) for n in line.split()] for line in (folder / file).read_text().splitlines()]
        for name, folder, file in (
            ("one", folders[1], "seen0.txt"),
            ("first", folders[2], "seen0.txt"),
            ("second", folders[2], "seen1.txt"),
        )
    }
    assert len(seen["one"]) == STEPS
    for whole, first, second in zip(*seen.values(), strict=True):
        assert sorted(whole) == sorted(first + second)
    one = seen["one"]
    epochs = [one[0] + one[1], one[2] + one[3]]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(8))
    assert epochs[0] != epochs[1], "drawn anew"

    exchanges = [int(n) for n in (folders[2] / "exchanges1.txt").read_text().split()]
    assert (exchanges[1] - exchanges[0], exchanges[3] - exchanges[2]) == (1, 1), "one a step"

    of_one, of_two = losses(folders[1]), losses(folders[2])
    assert len(of_one) == len(of_two) == STEPS
    for expected, got in zip(of_one, of_two, strict=True):
        assert got.keys() == expected.keys()
        np.testing.assert_allclose(list(got.values()), list(expected.values()), rtol=1e-4)

    of_one_weights, of_two_weights = (
        read_checkpoint(folders[processes] / "epoch_2.pth")["state_dict"] for processes in (1, 2)
    )
    for name, weight in of_one_weights.items():
        torch.testing.assert_close(of_two_weights[name], weight, rtol=1e-4, atol=1e-6, msg=name)
