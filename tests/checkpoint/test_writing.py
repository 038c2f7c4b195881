"""Writers that are really killed, and disks that are really full."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mmaction.checkpoint.reading import read_checkpoint, require_undamaged
from mmaction.checkpoint.writing import (
    CheckpointWriter,
    copied,
    size_in_bytes,
    write_whole,
)
from mmaction.errors import CheckpointError
from mmaction.files import remove_parts

REPO = Path(__file__).resolve().parents[2]


def test_a_copy_shares_nothing() -> None:
    weight = torch.zeros(3)
    content = {"a": [weight, (1, weight[:2])], "b": "text"}
    copy = copied(content)
    weight += 1
    assert copy["a"][0].tolist() == [0, 0, 0]
    assert copy["a"][1][1].tolist() == [0, 0]
    assert copy["b"] == "text"
    assert size_in_bytes(copy) == 3 * 4 + 2 * 4


def test_training_goes_on_while_a_file_is_written(tmp_path: Path) -> None:
    """``write`` returns before the file is there; what is called after it finds it whole."""
    path, there, go_on = tmp_path / "a.pth", [], threading.Event()
    writer = CheckpointWriter()
    writer.write({"w": torch.zeros(1)}, path, then=lambda: there.append(go_on.wait(10)))
    assert there == []
    go_on.set()
    writer.wait()
    assert there == [True]
    assert torch.load(path, weights_only=True)["w"].tolist() == [0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_files_are_written_one_after_another(tmp_path: Path) -> None:
    writer, order = CheckpointWriter(), []
    for number in range(4):
        content = {"w": torch.full((100_000,), float(number))}
        writer.write(content, tmp_path / "a.pth", then=lambda n=number: order.append(n))
    writer.wait()
    assert order == [0, 1, 2, 3]
    assert torch.load(tmp_path / "a.pth", weights_only=True)["w"][0] == 3


@pytest.fixture
def small_files() -> Iterator[int]:
    """Files of this process may have a megabyte, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_too_large_leaves_the_former_one(tmp_path: Path, small_files: int) -> None:
    path = tmp_path / "a.pth"
    write_whole({"w": torch.zeros(10)}, path)
    with pytest.raises(
        CheckpointError,
        match=r"^checkpoint .*a\.pth: can't be written \(File too large\); it needs 4\.0 MB, "
        r"[\d,.]+ MB are free there; checkpoints written before are whole$",
    ):
        write_whole({"w": torch.zeros(small_files)}, path)
    assert torch.load(path, weights_only=True)["w"].shape == (10,)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_what_went_wrong_in_the_background_is_raised(tmp_path: Path, small_files: int) -> None:
    writer = CheckpointWriter()
    writer.write({"w": torch.zeros(small_files)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="File too large"):
        writer.write({"w": torch.zeros(1)}, tmp_path / "b.pth")
    writer.write({"w": torch.zeros(1)}, tmp_path / "b.pth")
    writer.wait()
    assert [p.name for p in tmp_path.iterdir()] == ["b.pth"]


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"can't be written \(.*it needs 0\.0 MB"):
        write_whole({"w": torch.zeros(1)}, tmp_path / "file" / "a.pth")


WRITE_ON_AND_ON = """
import os, sys, torch
from pathlib import Path
from mmaction.checkpoint.writing import write_whole

folder = Path(sys.argv[1])
while True:
    write_whole({"state_dict": {"w": torch.zeros(20_000_000)}}, folder / "b.pth")
    os.rename(folder / "b.pth", folder / "c.pth")
    write_whole({"state_dict": {"w": torch.zeros(20_000_000)}}, folder / "a.pth")
"""


def test_a_kill_in_the_midst_leaves_the_former_one(tmp_path: Path) -> None:
    """Killed while a file of some size is being written over a whole one."""
    path = tmp_path / "a.pth"
    write_whole({"state_dict": {"w": torch.full((3,), 7.0)}}, path)
    command = [sys.executable, "-c", WRITE_ON_AND_ON, str(tmp_path)]
    writer = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(REPO)})
    try:
        while True:  # it stands still while this looks, so that no write ends meanwhile
            assert writer.poll() is None
            writer.send_signal(signal.SIGSTOP)
            if parts := list(tmp_path.glob(".part-*.a.pth")):
                break
            writer.send_signal(signal.SIGCONT)
            time.sleep(0.005)
    finally:
        writer.kill()
        writer.wait()
    assert parts[0].exists()
    require_undamaged(path)
    assert read_checkpoint(path)["state_dict"]["w"].tolist() == [7, 7, 7]
    require_undamaged(tmp_path / "c.pth")
    remove_parts(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pth", "c.pth"]


def test_a_disk_that_fills_up_ends_the_run_with_one_line(
    make_config: Callable[..., Path], tiny_data: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Room for two checkpoints and the logs: the first two are whole, the third is not there."""
    own_mounts = ["unshare", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*own_mounts, "true"]).returncode:
        pytest.skip("this process may not have mounts of its own")
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    config = make_config(
        tiny_data,
        f"work_dir = {str(disk / 'work')!r}\ntrain_cfg['max_epochs'] = 9\n"
        "default_hooks['checkpoint'] = dict(max_keep_ckpts=-1, save_best=None)",
    )
    kilobytes = int(tiny_checkpoint.stat().st_size * 2.4) // 1024 + 200
    train = f"{sys.executable} {REPO}/tools/train_recognizer.py {config} --no-validate"
    script = (
        f"mount -t tmpfs -o size={kilobytes}k tmpfs {disk}; {train}; code=$?;"
        f" cp -r {disk}/work {copy}; exit $code"
    )
    done = subprocess.run(
        [*own_mounts, script],
        env={**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: checkpoint {disk}/work/epoch_")
    assert "can't be written (No space left on device); it needs " in line
    whole = sorted(copy.glob("*.pth"))
    assert len(whole) >= 2
    for path in whole:
        require_undamaged(path)
    last = Path((copy / "last_checkpoint").read_text()).name
    assert last == whole[-1].name
    assert not list(copy.glob(".*"))
