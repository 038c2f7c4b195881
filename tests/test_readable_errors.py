from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from mmaction.errors import ConfigError, DataError, UserError
from mmaction.readable_errors import (
    readable_build_errors,
    readable_loader_errors,
    require_known_functions,
)
from mmaction.registry import MODELS

BACKBONE = dict(type="ResNet3D", depth=10, base_channels=4)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            dict(type="Recogniser3D"),
            "config: type='Recogniser3D' is no model known here; did you mean 'Recognizer3D'",
        ),
        (
            # The config's own name, though a base class of it refuses the argument.
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=BACKBONE, num_clas=3),
            "config: Recognizer3D has no argument 'num_clas'; did you mean 'num_classes'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=dict(BACKBONE, dept=1)),
            "config: ResNet3D has no argument 'dept'; did you mean 'depth'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4),
            "config: Recognizer3D needs the argument 'backbone'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=dict(depth=10)),
            "config: a 'type' is missing in {'depth': 10}",
        ),
    ],
)
def test_wrong_models(config: dict, expected: str) -> None:
    with pytest.raises(ConfigError) as caught, readable_build_errors():
        MODELS.build(config)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    "error", [TypeError("unsupported operand"), KeyError("x"), KeyError(), ValueError("odd")]
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, readable_build_errors():
        raise error
    assert caught.value is error


def test_a_users_error_passes_as_it_is() -> None:
    error = DataError("f() got an unexpected keyword argument 'x'")
    with pytest.raises(DataError) as caught, readable_build_errors():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            dict(optim_wrapper=dict(optimizer=dict(type="AdamV"))),
            r"optim_wrapper\.optimizer\.type='AdamV' is no optimizer known here; did you mean",
        ),
        (
            dict(val_dataloader=dict(collate_fn=dict(type="colate_clips"))),
            r"val_dataloader\.collate_fn\.type='colate_clips' is no function .*'collate_clips'",
        ),
        (
            dict(train_dataloader=dict(worker_init_fn=dict(type="init"))),
            r"train_dataloader\.worker_init_fn\.type='init' is no function known here",
        ),
    ],
)
def test_names_that_mmengine_takes_for_none(config: dict, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        require_known_functions(Config(config))


REPO = Path(__file__).resolve().parents[1]
DEADLY = """
import os, signal
from mmaction.datasets.transforms.pipeline import Transform
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module(force=True)
class Deadly(Transform):
    def __call__(self, results):
        {what}
        return results
"""
USE = """
custom_imports = dict(imports=["deadly"])
train_dataloader["num_workers"] = 1
train_dataloader["dataset"]["pipeline"].insert(0, dict(type="Deadly"))
"""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "a data loader's worker was killed (signal: Killed); most often memory ran out: lower",
        ),
        pytest.param(
            "os._exit(3)",
            "a data loader's worker ended without a word; dataloader.num_workers=0",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_dies_says_what_to_change(
    make_config: Callable[..., Path],
    tiny_data: Path,
    tmp_path: Path,
    run_tool: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    message: str,
) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY.format(what=what))
    config = make_config(tiny_data, USE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "deadly", raising=False)
    done = run_tool("train_recognizer", config)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"error: {message}")
    assert "Traceback" not in done.err


# No room for the loader's own locks, and none for a batch.
@pytest.mark.parametrize("size", ["4k", pytest.param("64k", marks=pytest.mark.slow)])
def test_a_full_shared_memory_says_what_to_change(
    make_config: Callable[..., Path], tiny_data: Path, run_process: Callable[..., Any], size: str
) -> None:
    config = make_config(tiny_data, 'train_dataloader["num_workers"] = 1')
    script = f"mount -t tmpfs -o size={size} tmpfs /dev/shm && exec {sys.executable} {REPO}/tools"
    own_mounts = ["unshare", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*own_mounts, "true"]).returncode:
        pytest.skip("this process may not have mounts of its own")
    done = run_process(*own_mounts, f"{script}/train_recognizer.py {config}")
    assert done.code == 2, done.err
    [line] = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: shared memory (/dev/shm) is full")
    assert "--shm-size" in line


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("DataLoader timed out after 30 seconds", "no batch came for 30 s"),
        ("Caught OSError in DataLoader worker process 0: Too many open files", "of open files"),
    ],
)
def test_what_torch_says_in_words_that_help(said: str, message: str) -> None:
    with pytest.raises(UserError, match=message), readable_loader_errors():
        raise RuntimeError(said)


def test_other_errors_pass_as_they_are() -> None:
    full_disk = OSError(28, "No space left on device")  # a checkpoint's, not /dev/shm
    for error in (RuntimeError("shapes do not fit"), full_disk, DataError("frame 'a' is empty")):
        with pytest.raises(type(error)) as caught, readable_loader_errors():
            raise error
        assert caught.value is error
