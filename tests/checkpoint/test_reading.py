from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.checkpoint.reading import read_checkpoint
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
    assert read_checkpoint(path)["meta"] == {"epoch": 3}


def test_nothing_in_a_checkpoint_runs(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pth", {"state_dict": WEIGHTS, "meta": Bomb(tmp_path / "boom")})
    with pytest.raises(CheckpointError, match=r"x\.pth: refused, it names posix\.mkdir, .*--trust"):
        read_checkpoint(path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("content", [{}, {"meta": {"epoch": 3}}, {"state_dict": {}}, [1, 2]])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"x\.pth: holds no weights"):
        read_checkpoint(saved(tmp_path / "x.pth", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.pth: no such file"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("data", [b"", b"hello world", b"PK\x03\x04", b"\x80\x04"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"x\.pth: broken, or no checkpoint"):
        read_checkpoint(tmp_path / "x.pth")


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
