from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.errors import ConfigError, UserError
from mmaction.files import DirectoryLock, atomic_path, require_writable


def test_a_file_appears_once_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "new" / "scores.pkl"
    with atomic_path(target) as path:
        path.write_text("half")
        assert not target.exists()
        assert path.suffix == ".pkl"
    assert target.read_text() == "half"
    assert os.listdir(target.parent) == ["scores.pkl"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "scores.pkl"
    target.write_text("before")

    def fail() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        fail()
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["scores.pkl"]


def test_a_directory_is_made_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b", name="work_dir")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_directory_below_a_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^work_dir='.*file/below' can't be written to: Not a"):
        require_writable(tmp_path / "file" / "below", name="work_dir")


def test_the_process_that_holds_a_directory_is_named(
    tmp_path: Path, hold_directory: Callable[..., subprocess.Popen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmaction.files._PATIENCE_SEC", 0.2)
    holder = hold_directory(tmp_path)
    with pytest.raises(UserError, match=f"process {holder.pid} on {socket.gethostname()} writes"):
        DirectoryLock(tmp_path, doing="writes")
    holder.kill()
    holder.wait()
    with DirectoryLock(tmp_path, doing="writes"):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()} on {socket.gethostname()}"


def test_a_process_does_not_wait_for_itself(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path, doing="trains")
    DirectoryLock(tmp_path, doing="trains").release()
    first.release()
