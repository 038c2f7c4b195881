from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mmaction.engine
import mmaction.models  # noqa: F401
from mmaction.checkpoint.reading import read_checkpoint, read_meta, require_undamaged
from mmaction.errors import CheckpointError
from tests.bomb import Bomb

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}


def saved(path: Path, content: Any, **kwargs: Any) -> Path:
    torch.save(content, path, **kwargs)
    return path


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "meta": {"epoch": 3}},
        {"model_state_dict": WEIGHTS, "epoch": 3},
        {"state_dict": {f"module.{name}": value for name, value in WEIGHTS.items()}},
        {f"module.{name}": value for name, value in WEIGHTS.items()},
    ],
    ids=["plain", "state_dict", "model_state_dict", "state_dict of DDP", "plain of DDP"],
)
def test_weights_are_found_where_public_checkpoints_keep_them(tmp_path: Path, content: Any) -> None:
    found = read_checkpoint(saved(tmp_path / "x.pth", content))["state_dict"]
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert torch.equal(found[name], value)


def test_what_lies_beside_the_weights_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", {"state_dict": WEIGHTS, "meta": {"epoch": 3}})
    assert read_checkpoint(path)["meta"] == {"epoch": 3} == read_meta(path)


def test_nothing_was_added_to_what_torch_lets_a_file_name() -> None:
    """By this project or by what it imports; additions would hold for the whole process.

    torch adds its own distributed tensors where they are imported.
    """
    added = torch.serialization.get_safe_globals()
    assert [a for a in added if not a.__module__.startswith("torch.")] == []


@pytest.mark.parametrize("how", ["zip", "legacy", 0, 2, 4, 5])
def test_what_could_run_is_named_and_does_not(
    tmp_path: Path, how: str | int, recwarn: pytest.WarningsRecorder, monkeypatch: Any
) -> None:
    """Whatever the environment says."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    content, path = {"state_dict": WEIGHTS, "meta": Bomb(tmp_path / "boom")}, tmp_path / "x.pth"
    if isinstance(how, int):
        path.write_bytes(pickle.dumps({"meta": Bomb(tmp_path / "boom")}, protocol=how))
    else:
        saved(path, content, _use_new_zipfile_serialization=how == "zip")
    for read in (read_checkpoint, read_meta):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        line = str(caught.value)
        assert line.startswith(f"checkpoint {path}: refused, it names posix.mkdir, which could run")
        assert line.endswith(f"{path} OUT.pth --trust")
    assert not (tmp_path / "boom").exists()
    assert not recwarn.list


@pytest.mark.parametrize("function", [getattr, eval, np.load, torch.hub.load, torch.load])
def test_other_functions_are_no_better(tmp_path: Path, function: Any) -> None:
    """``getattr`` among them, which mmengine allows: with it a file reaches any function."""

    class Call:
        def __reduce__(self) -> tuple[Any, ...]:
            return function, ("x", "y")

    path = saved(tmp_path / "x.pth", {"state_dict": WEIGHTS, "x": Call()})
    with pytest.raises(CheckpointError, match=f"it names .*{function.__name__}, which could"):
        read_checkpoint(path)


def test_a_whole_network_is_refused_by_its_class(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", torch.nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match=r"it names torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [{}, {"meta": {"epoch": 3}}, {"state_dict": {}}, [1, 2]])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"x\.pth: holds no weights"):
        read_checkpoint(saved(tmp_path / "x.pth", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_checkpoint, read_meta, require_undamaged):
        with pytest.raises(CheckpointError, match=r"x\.pth: no such file"):
            read(tmp_path / "x.pth")


@pytest.mark.parametrize("data", [b"", b"hello world", b"PK\x03\x04", b"\x80\x04"])
def test_what_is_no_checkpoint_is_refused_without_bad_advice(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(data)
    for read in (read_checkpoint, read_meta):
        with pytest.raises(CheckpointError, match=r"x\.pth: broken, or no checkpoint") as caught:
            read(tmp_path / "x.pth")
        assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_is_refused_or_harmless_wherever_it_is(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.pth"
    data = saved(path, WEIGHTS, _use_new_zipfile_serialization=zipped).read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for attempt in range(100):
        damaged = bytearray(data)
        if attempt % 2:
            damaged = damaged[: rng.integers(len(data))]
        else:
            damaged[rng.integers(len(data) // 2)] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            messages.append(str(error))
    assert len(messages) >= 50, "a truncated file is never read"
    assert not any("\n" in message for message in messages)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.pth"
    torch.save({"meta": {"iter": 3}, "state_dict": {"w": torch.arange(1000.0)}}, path)
    return path


def test_a_whole_file_passes(written: Path) -> None:
    require_undamaged(written)
    assert read_meta(written) == {"iter": 3}


def test_one_turned_bit_is_found(written: Path) -> None:
    """In the tensor, where torch.load finds nothing wrong."""
    content = bytearray(written.read_bytes())
    at = content.find(torch.arange(1000.0).numpy().tobytes()) + 2001
    content[at] ^= 1
    written.write_bytes(content)
    torch.load(written, weights_only=True)
    with pytest.raises(CheckpointError, match=r"a\.pth: damaged \(.*data/0 fails its checksum\)$"):
        require_undamaged(written)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_cut_file_is_found(written: Path, kept: float) -> None:
    content = written.read_bytes()
    written.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CheckpointError, match="a.pth: damaged"):
        require_undamaged(written)
    with pytest.raises(CheckpointError, match="a.pth: broken, or no checkpoint"):
        read_meta(written)


def test_a_file_of_the_older_format_has_no_checksum_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save({"meta": {"epoch": 1}}, path, _use_new_zipfile_serialization=False)
    require_undamaged(path)
    assert read_meta(path) == {"epoch": 1}


def test_a_file_that_says_nothing_of_itself(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "w.pth")
    assert read_meta(tmp_path / "w.pth") == {}
