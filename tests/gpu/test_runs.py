"""Whole runs on a GPU: training, resume, processes, tests and explanations."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmaction import apis
from mmaction.dataprep.motion_shapes import DataSetOptions, make_data_set
from mmaction.explain.explainers import build_explainer
from mmaction.registry import EXPLAINERS, HOOKS, MODELS

pytestmark = pytest.mark.gpu
ROOT = Path(__file__).resolve().parents[2]
EXPENSIVE = ("integrated_gradients", "occlusion", "rise")
CONFIG = ROOT / "config_files/motion_shapes/st_abn_tiny_evidence.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Twelve videos a split, named to every config and command."""
    root = tmp_path_factory.mktemp("data") / "motion_shapes"
    make_data_set(root, DataSetOptions(videos=12, val_videos=12), jobs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTION_SHAPES", str(root))
        yield root


def config(work_dir: Path, **options: Any) -> Config:
    return apis.load_config(
        CONFIG,
        {
            "train_cfg.max_epochs": 2,
            "train_dataloader.batch_size": 4,
            "train_dataloader.num_workers": 0,
            "train_dataloader.persistent_workers": False,
            "val_dataloader": None,
            "val_cfg": None,
            "val_evaluator": None,
            "default_hooks.checkpoint.interval": 1,
            "default_hooks.checkpoint.save_best": None,
            "work_dir": str(work_dir),
            "experiment_name": work_dir.name,
            **options,
        },
    )


def weights(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=False, map_location="cpu")[
        "state_dict"
    ]
    return state


def assert_near(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Sums on a GPU come in any order, and a training spreads what that changes."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-2, atol=1e-3, msg=name)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work_dir with checkpoints of two epochs."""
    work_dir = tmp_path_factory.mktemp("trained")
    runner = apis.train(config(work_dir))
    device = os.environ.get("GPU_TESTS_DEVICE", "cuda")
    assert next(runner.model.parameters()).device.type == device
    if device == "cuda":
        assert runner.optim_wrapper.optimizer.defaults["fused"]
    return work_dir


def test_a_training_goes_on_where_it_was_saved(trained: Path, tmp_path: Path, device: str) -> None:
    apis.train(config(tmp_path, resume_from=str(trained / "epoch_1.pth")))
    assert_near(weights(tmp_path / "epoch_2.pth"), weights(trained / "epoch_2.pth"))


@HOOKS.register_module()
class CountWaits(Hook):
    """How often the host waits for the device in each step, after the first two."""

    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self.waits: Counter[int] = Counter()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if batch_idx == 2:
            torch.cuda.set_sync_debug_mode("warn")
            warnings.simplefilter("always")
            warnings.showwarning = self._count
        self.step = batch_idx

    def _count(self, message: Any, *args: Any, **kwargs: Any) -> None:
        if str(message).startswith("called a synchronizing"):
            self.waits[self.step] += 1


@contextmanager
def sync_debug_mode_off_again() -> Iterator[None]:
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_host_waits_at_most_once_a_step(data: Path, tmp_path: Path, cuda: str) -> None:
    options = {
        "train_cfg.max_epochs": 1,
        "train_dataloader.batch_size": 1,
        "default_hooks.logger.interval": 100,
        "custom_hooks": [dict(type="CountWaits")],
    }
    with warnings.catch_warnings(), sync_debug_mode_off_again():
        runner = apis.train(config(tmp_path, **options))
    [hook] = [hook for hook in runner.hooks if isinstance(hook, CountWaits)]
    steps = range(2, 11)  # the twelfth step ends the epoch, and saves
    assert max(hook.waits[step] for step in steps) <= 1


def test_one_process_of_a_group_trains_alike(trained: Path, tmp_path: Path, device: str) -> None:
    """NCCL on a GPU, gloo elsewhere."""
    environment = {**os.environ, "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
    options = ["train_cfg.max_epochs=2", "train_dataloader.batch_size=4"]
    options += ["default_hooks.checkpoint.interval=1"]
    command = [sys.executable, "tools/train_recognizer.py", str(CONFIG), "--launcher", "pytorch"]
    command += ["--work-dir", str(tmp_path), "--no-validate", "--cfg-options", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert_near(weights(tmp_path / "epoch_2.pth"), weights(trained / "epoch_2.pth"))


def test_half_precision_trains(data: Path, tmp_path: Path, cuda: str) -> None:
    options = {"train_cfg.max_epochs": 1}
    cfg = config(tmp_path, **options)
    cfg.optim_wrapper.type, cfg.optim_wrapper.loss_scale = "TrainingAmpOptimWrapper", "dynamic"
    apis.train(cfg)
    for name, value in weights(tmp_path / "epoch_1.pth").items():
        assert value.isfinite().all(), name


def test_a_test_writes_the_maps_that_a_cpu_computes(
    trained: Path, tmp_path: Path, device: str
) -> None:
    command = [sys.executable, "tools/test_recognizer.py", str(CONFIG)]
    command += [str(trained / "epoch_2.pth"), "--work-dir", str(tmp_path)]
    found: dict[str, dict[str, np.ndarray]] = {}
    for where in dict.fromkeys(("cpu", device)):
        out = tmp_path / where
        environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if where == "cpu" else {})}
        done = subprocess.run(
            [*command, "-s", str(out)], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        for path in sorted(out.rglob("*.npz")):
            with np.load(path) as arrays:
                found.setdefault(where, {}).update(
                    {
                        f"{path.relative_to(out)}:{key}": arrays[key]
                        for key in arrays
                        if arrays[key].dtype.kind == "f"
                    }
                )
    assert found["cpu"].keys() == found[device].keys()
    assert found["cpu"]
    for key, value in found["cpu"].items():
        np.testing.assert_allclose(found[device][key], value, rtol=1e-2, atol=5e-3, err_msg=key)


@pytest.mark.parametrize("name", sorted(EXPLAINERS.module_dict))
def test_explainers_give_the_cpus_maps(trained: Path, name: str, device: str) -> None:
    if device == "cpu" and name in EXPENSIVE:
        pytest.skip("nothing to compare on a CPU")
    cfg = config(trained)
    clips = torch.randn(1, 3, cfg.model.clip_len, 32, 32, generator=torch.manual_seed(0))
    maps = []
    for where in ("cpu", device):
        model = MODELS.build(cfg.model)
        model.load_state_dict(weights(trained / "epoch_2.pth"))
        explained = build_explainer(name).explain(model.to(where).eval(), clips.to(where), 0)
        assert explained.spatial.device.type == where
        maps.append((explained.spatial.cpu(), explained.temporal.cpu()))
    for expected, found in zip(*maps, strict=True):
        scale = expected.abs().max().clamp_min(1e-6)
        torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-2)
