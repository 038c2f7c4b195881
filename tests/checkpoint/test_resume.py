from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.checkpoint.resume import find_newest, position_in_epoch

Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """``saved(name, epoch, iter)``: a checkpoint of that progress."""

    def save(name: str, epoch: int, step: int) -> Path:
        content = {"meta": {"epoch": epoch, "iter": step}, "w": torch.zeros(1000)}
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


def test_the_most_trained_is_taken_whatever_its_name_and_time(saved: Saved, tmp_path: Path) -> None:
    saved("epoch_10.pth", 10, 100)
    saved("epoch_2.pth", 2, 20)
    newest = saved("iter_104.pth", 10, 104)
    saved("epoch_9.pth", 9, 90)
    saved("best_top1_epoch_11.pth", 11, 110)
    found = find_newest(tmp_path)
    assert found.newest == newest
    assert found.passed_over == []


def test_an_epochs_end_is_later_than_its_last_step(saved: Saved, tmp_path: Path) -> None:
    saved("iter_20.pth", 1, 20)
    newest = saved("epoch_2.pth", 2, 20)
    assert find_newest(tmp_path).newest == newest


def test_damaged_ones_are_passed_over_with_a_reason(saved: Saved, tmp_path: Path) -> None:
    whole = saved("epoch_1.pth", 1, 10)
    turned, cut, empty = (saved(f"epoch_{n}.pth", n, 10 * n) for n in (2, 3, 4))
    content = bytearray(turned.read_bytes())
    content[len(content) // 2] ^= 1
    turned.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-100])
    empty.write_bytes(b"")
    found = find_newest(tmp_path)
    assert found.newest == whole
    assert len(found.passed_over) == 3
    for path, reason in ((turned, "fails its checksum"), (cut, "broken"), (empty, "broken")):
        [line] = [line for line in found.passed_over if str(path) in line]
        assert reason in line


def test_what_is_no_training_is_left_alone(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "weights.pth")
    (tmp_path / ".part-77.iter_3.pth").write_bytes(b"half")
    found = find_newest(tmp_path)
    assert (found.newest, found.passed_over) == (None, [])


def meta(done: int, *, batches: int, samples: int) -> dict[str, Any]:
    return {
        "epoch": 2,
        "iter": 2 * batches + done,
        "batches_done": done,
        "epoch_batches": batches,
        "samples_a_batch": samples,
    }


@pytest.mark.parametrize(
    ("given", "batches", "samples", "expected"),
    [
        (meta(3, batches=10, samples=8), 10, 8, (3, True)),
        (meta(0, batches=10, samples=8), 10, 8, (0, True)),
        # Half as many processes: 24 samples are 6 batches of 4.
        (meta(3, batches=10, samples=8), 20, 4, (6, False)),
        # Twice as many: 24 samples are one and a half batches of 16.
        (meta(3, batches=10, samples=8), 5, 16, (1, False)),
        # At an epoch's end it makes no difference to the position.
        (meta(0, batches=10, samples=8), 5, 16, (0, True)),
        # mmengine's own say it by the steps.
        ({"epoch": 2, "iter": 23}, 10, 8, (3, True)),
        ({"epoch": 2, "iter": 20}, 10, 8, (0, True)),
        ({"epoch": 2, "iter": 40}, 10, 8, (0, False)),
    ],
)
def test_position_in_the_epoch(
    given: dict[str, Any], batches: int, samples: int, expected: tuple[int, bool]
) -> None:
    assert position_in_epoch(given, batches=batches, samples_a_batch=samples) == expected
