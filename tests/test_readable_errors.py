from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.errors import DataError, UserError
from mmaction.readable_errors import (
    readable_build_errors,
    readable_loader_errors,
)


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
