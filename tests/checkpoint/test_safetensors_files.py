from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
import torch

from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.safetensors_files import read_safetensors, write_safetensors
from mmaction.errors import CheckpointError

STATE = {
    "a.weight": torch.arange(6.0).reshape(2, 3),
    "b": torch.tensor(7),
    "half": torch.ones(3, dtype=torch.bfloat16),
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "x.safetensors", STATE, meta={"made_from": "it"})
    got = read_safetensors(tmp_path / "x.safetensors")
    assert got["state_dict"].keys() == STATE.keys()
    for name, value in STATE.items():
        assert got["state_dict"][name].dtype == value.dtype
        assert torch.equal(got["state_dict"][name], value)
    assert got["meta"] == {"format": "pt", "made_from": "it"}
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_whoever_may_read_other_files_may_read_it(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "x.safetensors", STATE)
    (tmp_path / "other").write_bytes(b"")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_the_file_is_as_the_format_says(tmp_path: Path) -> None:
    """8 bytes of length, a JSON header, the numbers: read without the library."""
    write_safetensors(tmp_path / "x.safetensors", {"a": STATE["a.weight"]})
    data = (tmp_path / "x.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8 : 8 + length])["a"]
    begin, end = entry["data_offsets"]
    assert (entry["dtype"], entry["shape"]) == ("F32", [2, 3])
    assert struct.unpack("<6f", data[8 + length :][begin:end]) == (0, 1, 2, 3, 4, 5)


def test_tensors_that_share_memory_or_are_no_block_are_written(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"whole": whole, "same": whole, "turned": whole.t(), "part": whole[:, 1]}
    write_safetensors(tmp_path / "x.safetensors", state)
    got = read_safetensors(tmp_path / "x.safetensors")["state_dict"]
    for name, value in state.items():
        assert torch.equal(got[name], value)


def test_weights_are_a_checkpoint_like_any_other(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in STATE.items()}
    write_safetensors(tmp_path / "x.safetensors", state)
    assert read_checkpoint(tmp_path / "x.safetensors")["state_dict"].keys() == STATE.keys()


@pytest.mark.parametrize("data", [b"", b"not this", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(
        CheckpointError, match=r"x\.safetensors: (broken, or no checkpoint|holds no)"
    ):
        read_checkpoint(tmp_path / "x.safetensors")


def test_a_pickle_by_that_name_is_not_unpickled(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"x\.safetensors: broken, or no checkpoint"):
        read_checkpoint(tmp_path / "x.safetensors")
