from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest
import torch
from torch.distributed import DistError

from mmaction.cli import ArgumentParser, add_run_arguments, check_processes, run_command
from mmaction.errors import ConfigError, DataError, UserError


def parse(*arguments: str) -> argparse.Namespace:
    parser = ArgumentParser()
    add_run_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("option", ["--work_dir", "--work-dir"])
def test_dashes_and_underscores_are_the_same(option: str) -> None:
    assert parse("config.py", option, "a_b").work_dir == "a_b"
    assert parse("config.py", f"{option}=a_b").work_dir == "a_b"


@pytest.mark.parametrize("option", ["--cfg_options", "--cfg-options"])
def test_values_keep_their_underscores(option: str) -> None:
    got = parse("my_config.py", option, "model.clip_len=4", "a.b_c=[1,2]", "x=no_name")
    assert got.config == "my_config.py"
    assert got.cfg_options == {"model.clip_len": 4, "a.b_c": [1, 2], "x": "no_name"}


def test_what_is_not_said() -> None:
    got = parse("config.py")
    assert (got.gpus, got.launcher, got.work_dir, got.cfg_options) == (1, "none", None, {})


def test_an_unknown_option_or_launcher_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--wrk-dir", "x"], ["--launcher", "ssh"]):
        with pytest.raises(SystemExit, match="2"):
            parse("config.py", *arguments)
    assert "invalid choice: 'ssh'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--save_attention_map"], "--save-attention-map is not known here: -s DIR writes"),
        (["--tmpdir", "x"], "--tmpdir is not known here: leave it out"),
        (["--proc_per_gpu=2"], "--proc-per-gpu is not known here: set test_dataloader.batch_size"),
    ],
)
def test_options_of_older_code_bases_are_told_their_places(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ArgumentParser().parse_args(given)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_as_many_processes_as_gpus_or_cores() -> None:
    available = torch.cuda.device_count() or os.cpu_count() or 1
    check_processes(available)
    with pytest.raises(ConfigError, match=f"--gpus {available + 1}: this machine has {available} "):
        check_processes(available + 1)
    with pytest.raises(ConfigError, match="--gpus -1: expected 1 or more"):
        check_processes(-1)


def fail(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("what is wrong"), 2, "error: what is wrong\n"),
        (ConfigError("two\n  lines"), 2, "error: two lines\n"),
        (DataError(), 2, "error: DataError\n"),
        (
            # As a data loader's worker puts it.
            DataError(
                "Caught DataError in DataLoader worker process 0.\n"
                "Original Traceback (most recent call last):\n"
                '  File "fetch.py", line 1, in fetch\n'
                "mmaction.errors.DataError: frame 'a: b.jpg' does not exist\n"
            ),
            2,
            "error: frame 'a: b.jpg' does not exist\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_a_users_error_is_one_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: fail(error)) == code
    assert capsys.readouterr() == ("", said)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        run_command(lambda: fail(RuntimeError("a bug")))


def test_of_many_processes_the_first_alone_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """torchrun's files lie in one directory a process; a broken connection is no news then."""
    errors = [UserError("broken frame"), UserError("the same"), RuntimeError("closed by peer")]
    for rank, error in enumerate(errors):
        (tmp_path / str(rank)).mkdir()
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / str(rank) / "error.json"))
        assert run_command(lambda error=error: fail(error)) == 2
    assert capsys.readouterr().err == "error: broken frame\n"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[/gloo/transport/tcp/pair.cc:5] Connection closed by peer [::1]:9\nmore"),
        DistError("wait timeout\nmore"),
    ],
)
def test_a_lost_process_costs_one_line(
    error: RuntimeError,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of those that are left, the first one speaks."""
    for rank in range(2):
        (tmp_path / str(rank)).mkdir()
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / str(rank) / "error.json"))
        assert run_command(lambda: fail(error)) == 1
    said = str(error).splitlines()[0]
    assert capsys.readouterr().err == (
        f"error: another process has ended, or is too late: {said}\n"
    )


def test_what_ends_well() -> None:
    assert run_command(lambda: None) == 0
    assert run_command(lambda: 3) == 3
