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
        found = {key.decode(): value[4:] for key, value in transaction.cursor()}
    found.pop("\0complete", None)
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.lmdb"


@pytest.fixture
def source(video_root: Path, tmp_path: Path) -> Path:
    """Frames of videos on several levels, other files and odd names among them."""
    for path in video_root.rglob("*.jpg"):
        copy = tmp_path / "source" / path.relative_to(video_root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    frame = copy.read_bytes()
    (tmp_path / "source/a" / ("long" * 40)).mkdir(parents=True)
    (tmp_path / "source/a" / ("long" * 40) / "é 1.JPG").write_bytes(frame)
    (tmp_path / "source/a/notes.txt").write_text("n")
    (tmp_path / "source/a/.hidden.jpg").write_bytes(frame)
    (tmp_path / "source/nothing").mkdir()
    return tmp_path / "source"


def frames_of(source: Path) -> dict[str, bytes]:
    paths = [p for p in source.rglob("*") if p.suffix.lower() == ".jpg" and p.name[0] != "."]
    return {str(path.relative_to(source)): path.read_bytes() for path in paths}


def test_the_same_frames_are_read_back(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = frames_of(source)
    count = len(expected)
    assert pack_frames(str(source), str(out)) == count
    assert contents(out) == expected
    assert [path.name for path in out.parent.glob("out*")] == ["out.lmdb"]
    progress = capsys.readouterr().err
    assert f"packing: {count}/{count} frames" in progress
    assert f"verifying: {count}/{count} frames" in progress
    video = "person 0/video0"
    found = find_frames(out, video, kind=LmdbFrames)
    assert found.read(video, 0) == expected[f"{video}/img_00001.jpg"]


def test_what_can_not_be_packed(source: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dir.lmdb").mkdir()
    with pytest.raises(DataError, match="empty' holds no frames"):
        pack_frames(str(tmp_path / "empty"), str(out))
    with pytest.raises(DataError, match="dir.lmdb' can't be written as a pack: .*directory"):
        pack_frames(str(source), str(tmp_path / "dir.lmdb"))
    deep = source / ("d" * 250) / ("e" * 250)
    deep.mkdir(parents=True)
    (deep / "image_12345.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match="its name is longer than 511 bytes"):
        pack_frames(str(source), str(out))
    assert not out.exists()


def test_the_map_grows(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_FIRST_MAP_BYTES", 1 << 16)
    (tmp_path / "frames/a").mkdir(parents=True)
    for number in range(40):
        (tmp_path / f"frames/a/{number}.jpg").write_bytes(bytes([number]) * 50_000)
    assert pack_frames(str(tmp_path / "frames"), str(out)) == 40
    assert contents(out)["a/39.jpg"] == bytes([39]) * 50_000


# Stops for good where the first frames are written.
KILLED = """
import os, signal, sys
from mmaction.dataprep import pack
pack._FRAMES_A_TRANSACTION = 20
whole = pack._write
def write(environment, records):
    whole(environment, records)
    if records:
        os.kill(os.getpid(), signal.SIG{how})
pack._write = write
pack.pack_frames(sys.argv[1], sys.argv[2])
"""


@pytest.mark.parametrize("how", ["KILL", "INT"])
def test_packing_that_was_interrupted_goes_on(tmp_path: Path, out: Path, how: str) -> None:
    (tmp_path / "frames/a").mkdir(parents=True)
    for number in range(50):
        (tmp_path / f"frames/a/{number}.jpg").write_bytes(b"%d" % number)
    command = [sys.executable, "-c", KILLED.format(how=how), tmp_path / "frames", out]
    done = subprocess.run([str(part) for part in command], cwd=REPO, capture_output=True)
    assert done.returncode != 0
    assert 0 < len(contents(out)) < 50
    with pytest.raises(DataError, match="packing was interrupted: the same tools/data/pack_frames"):
        find_frames(out, "a", kind=LmdbFrames)
    # What has changed meanwhile is packed as it is now.
    (tmp_path / "frames/a/0.jpg").unlink()
    (tmp_path / "frames/a/1.jpg").write_bytes(b"changed")
    assert pack_frames(str(tmp_path / "frames"), str(out)) == 49
    expected = {f"a/{n}.jpg": b"%d" % n for n in range(1, 50)}
    assert contents(out) == expected | {"a/1.jpg": b"changed"}
