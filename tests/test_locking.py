from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mmaction.errors import UserError
from mmaction.locking import DirectoryLock

HOLD = """
import sys
from pathlib import Path
from mmaction.locking import DirectoryLock

lock = DirectoryLock(Path(sys.argv[1]), doing="writes")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen:
    """Another process that holds ``tmp_path`` until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).resolve().parents[1])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_the_process_that_holds_a_directory_is_named(
    tmp_path: Path, holder: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmaction.locking._PATIENCE_SEC", 0.2)
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
