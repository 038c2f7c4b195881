from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mmaction.checkpoint.reading
import mmaction.engine
import mmaction.models  # noqa: F401
from mmaction.checkpoint.weights_only import load_plain, refusal
from mmaction.safe_pickle import UnsafePickleError
from tests.bomb import Bomb

STATE = {"a": torch.arange(3.0), "meta": {"epoch": 3, "note": "x"}}


def test_nothing_was_added_to_what_torch_lets_a_file_name() -> None:
    """By this project or by what it imports; additions would hold for the whole process.

    torch adds its own distributed tensors where they are imported.
    """
    added = torch.serialization.get_safe_globals()
    assert [a for a in added if not a.__module__.startswith("torch.")] == []


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_data_is_read(tmp_path: Path, zipped: bool) -> None:
    torch.save(STATE, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    got = load_plain(tmp_path / "x.pth")
    assert torch.equal(got["a"], STATE["a"])
    assert got["meta"] == STATE["meta"]


@pytest.mark.parametrize("how", ["zip", "legacy", 0, 2, 4, 5])
def test_what_could_run_is_named_and_does_not(
    tmp_path: Path, how: str | int, recwarn: pytest.WarningsRecorder
) -> None:
    content, path = {**STATE, "x": Bomb(tmp_path / "boom")}, tmp_path / "x.pth"
    if isinstance(how, int):
        path.write_bytes(pickle.dumps({"x": Bomb(tmp_path / "boom")}, protocol=how))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(UnsafePickleError) as caught:
        load_plain(path)
    assert caught.value.name == "posix.mkdir"
    assert not (tmp_path / "boom").exists()
    assert not recwarn.list
    line = refusal(path, caught.value)
    assert line.count("\n") == 0
    assert re.search(r"x\.pth: refused, it names posix\.mkdir, .* OUT\.pth --trust$", line)


@pytest.mark.parametrize("function", [getattr, eval, np.load, torch.hub.load, torch.load])
def test_other_functions_are_no_better(tmp_path: Path, function: Any) -> None:
    """``getattr`` among them, which mmengine allows: with it a file reaches any function."""

    class Call:
        def __reduce__(self) -> tuple[Any, ...]:
            return function, ("x", "y")

    torch.save({**STATE, "x": Call()}, tmp_path / "x.pth")
    with pytest.raises(UnsafePickleError, match=function.__name__):
        load_plain(tmp_path / "x.pth")


def test_the_environment_can_not_ask_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(Bomb(tmp_path / "boom"), tmp_path / "x.pth")
    with pytest.raises(UnsafePickleError):
        load_plain(tmp_path / "x.pth")
    assert not (tmp_path / "boom").exists()


def test_a_whole_network_is_refused_by_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(UnsafePickleError, match=r"torch\.nn\.modules\.linear\.Linear"):
        load_plain(tmp_path / "x.pth")


@pytest.mark.parametrize("data", [b"", b"hello world", b"\x80\x04", pickle.dumps([1, 2])])
def test_other_files_are_told_without_bad_advice(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - anything but advice
        load_plain(tmp_path / "x.pth")
    assert "weights_only" not in str(caught.value)
