from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from mmaction.checkpoint.integrity import read_meta, require_undamaged
from mmaction.errors import CheckpointError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.pth"
    torch.save({"meta": {"iter": 3}, "state_dict": {"w": torch.arange(1000.0)}}, path)
    return path


def test_a_whole_file_passes(saved: Path) -> None:
    require_undamaged(saved)
    assert read_meta(saved) == {"iter": 3}


def test_one_turned_bit_is_found(saved: Path) -> None:
    """In the tensor, where torch.load finds nothing wrong."""
    content = bytearray(saved.read_bytes())
    at = content.find(torch.arange(1000.0).numpy().tobytes()) + 2001
    content[at] ^= 1
    saved.write_bytes(content)
    torch.load(saved, weights_only=True)
    with pytest.raises(CheckpointError, match=r"a\.pth: damaged \(.*data/0 fails its checksum\)$"):
        require_undamaged(saved)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_cut_file_is_found(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CheckpointError, match="a.pth: damaged"):
        require_undamaged(saved)
    with pytest.raises(CheckpointError, match="a.pth: broken, or no checkpoint"):
        read_meta(saved)


def test_a_file_of_the_older_format_has_no_checksum_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save({"meta": {"epoch": 1}}, path, _use_new_zipfile_serialization=False)
    require_undamaged(path)
    assert read_meta(path) == {"epoch": 1}


def test_a_file_that_says_nothing_of_itself(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "w.pth")
    assert read_meta(tmp_path / "w.pth") == {}


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pth: no such file"):
        require_undamaged(tmp_path / "none.pth")


class Deadly:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('it ran')",))


def test_nothing_in_a_file_runs(tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"meta": Deadly()}))
    with pytest.raises(CheckpointError, match=r"evil\.pth: broken, or no checkpoint"):
        read_meta(tmp_path / "evil.pth")
