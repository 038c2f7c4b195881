"""Packing directories of frames, read back by lmdb itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmaction.dataprep import pack as packing
from mmaction.dataprep.pack import pack_frames
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.lmdb import LmdbFrames, close_packs
from mmaction.errors import DataError

lmdb = pytest.importorskip("lmdb")
REPO = Path(__file__).resolve().parents[2]


def contents(path: Path) -> dict[str, bytes]:
    close_packs()
    with (
        lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment,
        environment.begin() as transaction,
    ):
        return {key.decode(): value[4:] for key, value in transaction.cursor()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.lmdb"


def write(root: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return str(root)


def test_the_same_frames_are_read_back(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {f"person 0/a/img_{n:05d}.jpg": bytes([n]) * 5000 for n in range(1, 31)}
    expected |= {f"b/{'long' * 40}/é 1.JPG": b"two", "b/c.png": b""}
    others = {"b/notes.txt": b"n", "b/.hidden.jpg": b"h", "b/.hidden/1.jpg": b"h"}
    assert pack_frames(write(tmp_path / "in", expected | others), str(out)) == 32
    assert contents(out) == expected
    assert [path.name for path in out.parent.glob("out*")] == ["out.lmdb"]
    progress = capsys.readouterr().err
    assert "packing: 32/32 frames" in progress
    assert "verifying: 32/32 frames" in progress
    found = find_frames(out, "person 0/a", kind=LmdbFrames)
    assert found.read("person 0/a", 3) == bytes([4]) * 5000


def test_what_can_not_be_packed(out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dir.lmdb").mkdir()
    with pytest.raises(DataError, match="empty' holds no frames"):
        pack_frames(str(tmp_path / "empty"), str(out))
    with pytest.raises(DataError, match="dir.lmdb' can't be written as a pack: .*directory"):
        pack_frames(
            write(tmp_path / "in", {"a/1.jpg": b"x"}), str(tmp_path / "dir.lmdb"), overwrite=True
        )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/1.jpg").symlink_to("nowhere")
    with pytest.raises(DataError, match="can't be written as a pack: .*No such file.*/1.jpg"):
        pack_frames(str(tmp_path / "broken"), str(out))
    with pytest.raises(DataError, match="its name is longer than 511 bytes"):
        pack_frames(
            write(tmp_path / "in", {f"{'d' * 250}/{'e' * 250}/12345678.jpg": b"x"}), str(out)
        )
    assert {path.name for path in tmp_path.iterdir()} == {"broken", "dir.lmdb", "empty", "in"}


def test_the_map_grows(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_FIRST_MAP_BYTES", 1 << 16)
    files = {f"a/{number}.jpg": bytes([number]) * 50_000 for number in range(40)}
    assert pack_frames(write(tmp_path / "frames", files), str(out)) == 40
    assert contents(out) == files


# Stops for good where the first frames are written.
KILLED = """
import os, signal, sys
from mmaction.dataprep import pack
pack._FRAMES_A_TRANSACTION = 20
put = pack._put
def interrupted(environment, records):
    put(environment, records)
    os.kill(os.getpid(), signal.SIG{how})
pack._put = interrupted
pack.pack_frames(sys.argv[1], sys.argv[2], overwrite=True)
"""


@pytest.mark.parametrize("how", ["KILL", "INT"])
def test_packing_that_was_interrupted_leaves_what_there_was(
    tmp_path: Path, out: Path, how: str
) -> None:
    frames = {f"a/{number}.jpg": b"%d" % number for number in range(50)}
    write(tmp_path / "frames", frames)
    command = [sys.executable, "-c", KILLED.format(how=how), tmp_path / "frames", out]

    def interrupted() -> None:
        done = subprocess.run([str(part) for part in command], cwd=REPO, capture_output=True)
        assert done.returncode != 0

    interrupted()
    assert not out.exists()
    # What has changed meanwhile is packed as it is now.
    (tmp_path / "frames/a/0.jpg").unlink()
    del frames["a/0.jpg"]
    frames["a/1.jpg"] = b"changed"
    assert pack_frames(write(tmp_path / "frames", frames), str(out)) == 49
    assert contents(out) == frames
    assert list(tmp_path.glob(".*")) == []  # nothing that the killed one had begun
    interrupted()
    assert contents(out) == frames
