"""Real signals to real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mmaction.engine.signals import (
    ECHO_SEC,
    StopSignals,
    TrainingStopped,
    ignore_group_signals,
)
from mmaction.exit_codes import write_exit_code


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)]
)
def test_a_signal_is_noted_and_handlers_are_put_back(number: signal.Signals, code: int) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    signals = StopSignals()
    with signals.noted():
        assert signals.received == 0
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # an echo
        assert signals.received == number
    after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    assert after == before
    with pytest.raises(SystemExit) as caught:
        raise TrainingStopped(number)
    assert caught.value.code == code


def test_a_second_signal_ends_the_process_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with StopSignals().noted():
            os.write(writing, b"x")
            while True:
                time.sleep(1)
    os.read(reading, 1)
    os.kill(pid, signal.SIGTERM)
    time.sleep(ECHO_SEC + 0.2)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGTERM
    assert capfd.readouterr().err == "error: ended at once by a second signal, SIGTERM\n"


def test_a_loaders_worker_ends_by_its_own_process_alone() -> None:
    """Signals of another process, as of one to the whole group, pass it by."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        ignore_group_signals(3, then=lambda worker: os.write(writing, bytes([worker])))
        while True:
            time.sleep(1)
    assert os.read(reading, 1) == b"\x03"
    for name in ("INT", "USR1", "TERM"):
        subprocess.run(["sh", "-c", f"kill -{name} {pid}"], check=True)
        time.sleep(0.1)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_launcher_is_told_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MMACTION_STOP_CODE_FILE", raising=False)
    write_exit_code(75)
    monkeypatch.setenv("MMACTION_STOP_CODE_FILE", str(tmp_path / "code"))
    write_exit_code(75)
    assert (tmp_path / "code").read_text() == "75"
