"""Packing directories of frames, with other programs' eyes on the result."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from mmaction.dataprep.frame_files import is_frame, read_files, walk_files
from mmaction.dataprep.pack import pack_frames, verify_pack
from mmaction.dataprep.pack_writers import ZipWriter
from mmaction.datasets.sources.packed_frames import find_packed_frames
from mmaction.errors import ConfigError, DataError

REPO = Path(__file__).resolve().parents[2]


def contents(path: Path) -> dict[str, bytes]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@pytest.fixture(params=[".zip", ".tar"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a pack is to be made, of either format."""
    return tmp_path / f"out{request.param}"


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


def test_other_programs_read_the_same_frames(source: Path, out: Path) -> None:
    stream = io.StringIO()
    report = pack_frames(str(source), str(out), stream=stream)
    expected = frames_of(source)
    assert contents(out) == expected
    assert list(contents(out)) == sorted(expected, key=lambda name: name.encode().split(b"/"))
    assert (report.frames, report.left_out, report.empty) == (len(expected), 2, 0)
    assert report.example in ("a/notes.txt", "a/.hidden.jpg")
    assert report.size == out.stat().st_size
    count = len(expected)
    assert f"packing: {count}/{count} frames" in stream.getvalue()
    assert f"verifying: {count}/{count} files" in stream.getvalue()
    video = "person 0/video0"
    assert find_packed_frames(out, video).read(video, 0) == expected[f"{video}/img_00001.jpg"]


def test_the_same_frames_give_the_same_bytes(source: Path, out: Path) -> None:
    pack_frames(str(source), str(out), stream=io.StringIO())
    before = hashlib.sha256(out.read_bytes()).hexdigest()
    for path in source.rglob("*"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    pack_frames(str(source), str(out), overwrite=True, stream=io.StringIO())
    assert hashlib.sha256(out.read_bytes()).hexdigest() == before


def test_only_the_frames_of_a_template(source: Path, out: Path) -> None:
    report = pack_frames(
        str(source), str(out), image_tmpl="img_{:05d}.jpg", verify=False, stream=io.StringIO()
    )
    assert set(contents(out)) == {n for n in frames_of(source) if "img_" in n}
    assert report.left_out == 3
    verified = verify_pack(str(out), str(source), image_tmpl="img_{:05d}.jpg", stream=io.StringIO())
    assert verified.frames == report.frames
    with pytest.raises(DataError, match=r"holds 33 frames, but '.*' 34"):
        verify_pack(str(out), str(source), stream=io.StringIO())


def test_what_cannot_be_packed(source: Path, out: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has to end in .zip or .tar"):
        pack_frames(str(source), str(tmp_path / "x.rar"))
    with pytest.raises(DataError, match="nowhere' is not a directory"):
        pack_frames(str(tmp_path / "nowhere"), str(out))
    with pytest.raises(DataError, match="nothing' holds no images"):
        pack_frames(str(source / "nothing"), str(out))
    with pytest.raises(DataError, match=r"holds no files named 'x{}.jpg', but 36 others such as"):
        pack_frames(str(source), str(out), image_tmpl="x{}.jpg")
    with pytest.raises(ConfigError, match="is no file name with one number"):
        pack_frames(str(source), str(out), image_tmpl="x.jpg")
    (source / "loop").symlink_to(source, target_is_directory=True)
    with pytest.raises(DataError, match="loop' is a link to the directory it lies in"):
        pack_frames(str(source), str(out))
    (source / "loop").unlink()
    (source / "gone.jpg").symlink_to("nowhere")
    with pytest.raises(DataError, match="gone.jpg' can't be read: No such file"):
        pack_frames(str(source), str(out))
    assert list(tmp_path.iterdir()) == [source]
    out.write_text("kept")
    with pytest.raises(ConfigError, match="exists; --overwrite replaces it"):
        pack_frames(str(source), str(out))
    assert out.read_text() == "kept"


def test_a_name_that_is_not_utf8(tmp_path: Path, out: Path) -> None:
    directory = os.fsencode(tmp_path / "source")
    os.mkdir(directory)
    with open(directory + b"/\xe9.jpg", "wb") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"\\xe9.jpg' has a name that is not UTF-8"):
        pack_frames(str(tmp_path / "source"), str(out))


def test_links_are_packed_as_what_they_lead_to(source: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/all").symlink_to(source, target_is_directory=True)
    (tmp_path / "linked/again").symlink_to(source, target_is_directory=True)
    report = pack_frames(str(tmp_path / "linked"), str(out), stream=io.StringIO())
    assert report.frames == 2 * len(frames_of(source))
    video = "again/person 0/video0/img_00001.jpg"
    assert contents(out)[video] == (source / video.removeprefix("again/")).read_bytes()


def test_empty_frames_are_counted(source: Path, out: Path) -> None:
    (source / "a/1.jpg").touch()
    assert pack_frames(str(source), str(out), stream=io.StringIO()).empty == 1
    assert verify_pack(str(out), stream=io.StringIO()).empty == 1


def test_too_little_room(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file of holes is larger than any disk.
    with open(source / "a/1.jpg", "wb") as file:
        file.truncate(2**43)
    with pytest.raises(DataError, match=r"has .* GB free, but packing takes 8796.\d\d GB"):
        pack_frames(str(source), str(out))
    assert not out.exists()


def test_verifying_finds_differences(source: Path, out: Path) -> None:
    pack_frames(str(source), str(out), stream=io.StringIO())
    verify_pack(str(out), stream=io.StringIO())
    frame = source / "person 0/video0/img_00002.jpg"
    data = frame.read_bytes()
    frame.write_bytes(data[:-3] + b"xyz")
    with pytest.raises(DataError, match=r"1 of 34 files .* 'person 0/video0/img_00002.jpg': diff"):
        verify_pack(str(out), str(source), stream=io.StringIO())
    frame.write_bytes(data)
    (source / "new").mkdir()
    (source / "new/1.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"holds 34 frames, but '.*source' 35"):
        verify_pack(str(out), str(source), stream=io.StringIO())
    damaged = bytearray(out.read_bytes())
    start = damaged.index(data)
    damaged[start + 2] ^= 0xFF
    out.write_bytes(damaged)
    with pytest.raises(DataError, match=r"1 of 34 files in '.*' are not right: 'person 0/video0/i"):
        verify_pack(str(out), stream=io.StringIO())


def test_verifies_packs_with_a_folder_around(source: Path, out: Path) -> None:
    frames = frames_of(source)
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in frames.items():
                archive.writestr(f"around/{name}", data)
    else:
        with tarfile.open(out, "w") as tar:
            for name in frames:
                tar.add(source / name, f"around/{name}")
    assert verify_pack(str(out), str(source), stream=io.StringIO()).frames == len(frames)


def test_archives_beyond_4_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with open(path, "wb") as file, ZipWriter(file) as pack:
        pack.add(b"a/1.jpg", b"first")
        file.seek(5 << 30)  # a hole
        pack._position = 5 << 30
        pack.add(b"a/2.jpg", b"second")
    assert path.stat().st_blocks < 1000
    with zipfile.ZipFile(path) as archive:
        assert archive.read("a/2.jpg") == b"second"
        assert archive.getinfo("a/2.jpg").header_offset == 5 << 30
    source = find_packed_frames(path, "a")
    assert [source.read("a", position) for position in (0, 1)] == [b"first", b"second"]


def test_more_frames_than_16_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with open(path, "wb") as file, ZipWriter(file) as pack:
        for n in range(65_600):
            pack.add(b"a/%d.jpg" % n, b"%d" % n)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 65_600
    assert find_packed_frames(path, "a").read("a", 65_599) == b"65599"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_no_half_pack(tmp_path: Path, out: Path, how: signal.Signals) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/1.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "source/2.jpg")  # reading it takes for ever
    code = "import sys, mmaction.dataprep.pack as p; p.pack_frames(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(tmp_path / "source"), str(out)]
    process = subprocess.Popen(command, cwd=REPO, stderr=subprocess.DEVNULL)
    writer = os.open(tmp_path / "source/2.jpg", os.O_WRONLY)  # waits until it is read
    try:
        process.send_signal(how)
        time.sleep(0.1)
    finally:
        os.close(writer)
    assert process.wait(timeout=60) != 0
    assert not out.exists()
    if how == signal.SIGINT:
        assert list(tmp_path.iterdir()) == [tmp_path / "source"]


def test_files_come_in_order_however_many_are_read(tmp_path: Path) -> None:
    for n in range(700):
        (tmp_path / f"{n % 7}").mkdir(exist_ok=True)
        (tmp_path / f"{n % 7}/{n}.jpg").write_bytes(b"%d" % n)
    paths = list(walk_files(str(tmp_path)))
    assert sorted(paths) == sorted(f"{n % 7}/{n}.jpg" for n in range(700))
    read = list(read_files(str(tmp_path), paths))
    assert [path for path, _ in read] == paths
    assert all(path.split("/")[1] == f"{data.decode()}.jpg" for path, data in read)


def test_what_is_a_frame() -> None:
    assert is_frame("a/b/1.PNG", None)
    assert not is_frame("a/b/.1.png", None)
    assert not is_frame("a/b.jpg/notes", None)
    assert is_frame("a/img_00001.jpg", "img_{:05d}.jpg")
    assert not is_frame("a/img_1.jpg", "img_{:05d}.jpg")
