from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmaction.checkpoint.run_directory import RunDirectory

Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """``saved(name, epoch, iter)``: a checkpoint of that progress."""

    def save(name: str, epoch: int, step: int) -> Path:
        content = {"meta": {"epoch": epoch, "iter": step}, "w": torch.zeros(1000)}
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


def found_in(directory: Path) -> tuple[Path | None, list[str]]:
    return RunDirectory(directory, directory).newest()


def test_the_most_trained_is_taken_whatever_its_name_and_time(saved: Saved, tmp_path: Path) -> None:
    saved("epoch_10.pth", 10, 100)
    saved("epoch_2.pth", 2, 20)
    newest = saved("iter_104.pth", 10, 104)
    saved("epoch_9.pth", 9, 90)
    saved("best_top1_epoch_11.pth", 11, 110)
    assert found_in(tmp_path) == (newest, [])


def test_an_epochs_end_is_later_than_its_last_step(saved: Saved, tmp_path: Path) -> None:
    saved("iter_20.pth", 1, 20)
    newest = saved("epoch_2.pth", 2, 20)
    assert found_in(tmp_path) == (newest, [])


def test_damaged_ones_are_passed_over_with_a_reason(saved: Saved, tmp_path: Path) -> None:
    whole = saved("epoch_1.pth", 1, 10)
    turned, cut, empty = (saved(f"epoch_{n}.pth", n, 10 * n) for n in (2, 3, 4))
    content = bytearray(turned.read_bytes())
    content[len(content) // 2] ^= 1
    turned.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-100])
    empty.write_bytes(b"")
    found, passed_over = found_in(tmp_path)
    assert found == whole
    assert len(passed_over) == 3
    for path, reason in ((turned, "fails its checksum"), (cut, "broken"), (empty, "broken")):
        [line] = [line for line in passed_over if str(path) in line]
        assert reason in line


def test_what_is_no_training_is_left_alone(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "weights.pth")
    (tmp_path / ".part-77.iter_3.pth").write_bytes(b"half")
    assert found_in(tmp_path) == (None, [])
