"""Tar archives, as Python's tarfile and the system's tar write them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.sources.packed_index import PackError
from mmaction.datasets.sources.packed_tar import read_tar, walk_tar

FILES = {
    "a/1.jpg": b"first",
    "b b/2.jpg": b"",
    "vidé/3.jpg": bytes(range(256)) * 2,
    "4.jpg": bytes(513),
    f"{'long/' * 30}5.jpg": b"x",
    f"{'n' * 90}/{'m' * 120}.jpg": b"y",
}


def write_tar(path: Path, files: dict[str, bytes], layout: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=layout) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def walk(path: Path) -> list[tuple[bytes, int, int]]:
    with open(path, "rb") as file:
        return list(walk_tar(file.fileno(), os.path.getsize(path)))


def contents(path: Path) -> dict[str, bytes]:
    with open(path, "rb") as file:
        return {
            name.decode(): read_tar(file.fileno(), offset, size, name)
            for name, offset, size in walk(path)
        }


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_as_tarfile_wrote_them(tmp_path: Path, layout: int) -> None:
    assert contents(write_tar(tmp_path / "x.tar", FILES, layout)) == FILES


def test_ustar_splits_long_names(tmp_path: Path) -> None:
    files = {"a/1.jpg": b"1", f"{'long/' * 30}5.jpg": b"2"}
    assert contents(write_tar(tmp_path / "x.tar", files, tarfile.USTAR_FORMAT)) == files


PART = st.text(st.sampled_from("aé/.1 ö"), min_size=1, max_size=90)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(PART.map(lambda text: f"v{text}1.jpg"), st.binary(max_size=600), max_size=4),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_any_names(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], layout: int
) -> None:
    path = write_tar(tmp_path_factory.mktemp("tar") / "x.tar", files, layout)
    if any(".." in name.split("/") for name in files):
        with pytest.raises(PackError, match="leads out of it"):
            walk(path)
        return
    found = [(name.decode(), size) for name, _, size in walk(path)]
    with tarfile.open(path) as archive:
        expected = [(os.path.normpath(member.name), member.size) for member in archive]
    assert [(os.path.normpath(name), size) for name, size in found] == expected


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar program")
@pytest.mark.parametrize("layout", ["gnu", "pax", "v7"])
def test_files_as_the_tar_program_writes_them(tmp_path: Path, layout: str) -> None:
    for name, data in FILES.items():
        if layout == "v7" and len(name) > 90:
            continue
        (tmp_path / "frames" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "frames" / name).write_bytes(data)
    command = ["tar", "cf", "x.tar", f"--format={layout}", "-C", "frames", "."]
    if subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"this tar does not write {layout}")
    expected = {n: data for n, data in FILES.items() if layout != "v7" or len(n) <= 90}
    assert contents(tmp_path / "x.tar") == expected


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (tarfile.LNKTYPE, "holds 'a/2.jpg', a hard link; .*--hard-dereference"),
        (tarfile.SYMTYPE, "holds 'a/2.jpg', a link"),
        (tarfile.GNUTYPE_SPARSE, "holds 'a/2.jpg', a sparse file"),
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes, problem: str) -> None:
    path = write_tar(tmp_path / "x.tar", {"a/1.jpg": b"1"})
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("a/2.jpg")
        info.type, info.linkname = kind, "a/1.jpg"
        archive.addfile(info)
    with pytest.raises(PackError, match=problem):
        walk(path)


def test_devices_and_directories_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("a", tarfile.DIRTYPE), ("p", tarfile.FIFOTYPE), ("b", b"0")):
            info = tarfile.TarInfo(name)
            info.type = kind
            archive.addfile(info)
    assert [name for name, _, _ in walk(path)] == [b"b"]


@pytest.mark.parametrize(("mode", "name"), [("w:gz", "gzip"), ("w:bz2", "bzip2"), ("w:xz", "xz")])
def test_compressed_is_refused(tmp_path: Path, mode: str, name: str) -> None:
    with tarfile.open(tmp_path / "x.tar", mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("1.jpg"))
    with pytest.raises(PackError, match=rf"is compressed \({name}\).*unpack it with"):
        walk(tmp_path / "x.tar")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-9000],  # half of a header
        lambda data: data[:1024],  # no end mark
        lambda data: data[:1536],
        lambda data: bytes(512) + data[512:],
        lambda data: data[:512] + bytes([255]) + data[513:],
        lambda data: data[:1536] + b"\1" + data[1537:],  # a header in the middle
        lambda data: data + data * 200,
        lambda data: b"no tar " * 500,
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_tar(tmp_path / "x.tar", {"a/1.jpg": b"", "a/2.jpg": b"22", "a/3.jpg": b"3"})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PackError, match="is damaged|is cut short|goes on after its end"):
        walk(path)


def test_a_read_tells_what_is_wrong(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", FILES)
    (name, offset, size), (_, other, _), *_ = walk(path)
    with open(path, "rb") as file:
        fd = file.fileno()
        with pytest.raises(PackError, match="'b b/2.jpg' is in its place"):
            read_tar(fd, other, size, name)
        with pytest.raises(PackError, match="it has 5 bytes in place of 4"):
            read_tar(fd, offset, 4, name)
        with pytest.raises(PackError, match="is cut short"):
            read_tar(fd, 10**9, size, name)
