"""Zip archives, as Python's zipfile and the system's zip write them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.datasets.sources.packed_index import PackError
from mmaction.datasets.sources.packed_zip import read_zip, walk_zip

FILES = {"a/1.jpg": b"first", "b b/2.jpg": b"", "vidé/3.jpg": bytes(range(256)), "4.jpg": b"x"}


def write_zip(path: Path, files: dict[str, bytes] = FILES, compression: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def walk(path: Path) -> list[tuple[bytes, int, int]]:
    with open(path, "rb") as file:
        return list(walk_zip(file.fileno(), os.path.getsize(path)))


def contents(path: Path) -> dict[str, bytes]:
    with open(path, "rb") as file:
        return {
            name.decode(): read_zip(file.fileno(), offset, size, name)
            for name, offset, size in walk(path)
        }


def test_files_as_zipfile_wrote_them(tmp_path: Path) -> None:
    assert contents(write_zip(tmp_path / "x.zip")) == FILES


def test_directories_comment_and_checksums_behind_the_files(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.mkdir("a") if hasattr(archive, "mkdir") else archive.writestr("a/", b"")
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.comment = b"PK\5\6 is no end here" * 3
    path = tmp_path / "x.zip"
    path.write_bytes(pipe.getvalue())
    assert contents(path) == FILES
    damaged = pipe.getvalue().replace(b"first", b"fIrst")
    path.write_bytes(damaged)
    with pytest.raises(PackError, match="damaged, at byte .* of the pack"):
        contents(path)


def test_zip64_fields_of_small_files(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    assert contents(path) == FILES


def test_more_files_than_16_bits_count(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"{n}.jpg"), b"")
    names = [name for name, _, _ in walk(path)]
    assert names == [b"%d.jpg" % n for n in range(66_000)]


@pytest.mark.skipif(shutil.which("zip") is None, reason="there is no zip program")
@pytest.mark.parametrize("pipe", ["", " | cat"])
def test_files_as_the_zip_program_writes_them(tmp_path: Path, pipe: str) -> None:
    for name, data in FILES.items():
        (tmp_path / "frames" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "frames" / name).write_bytes(data)
    command = f"zip -q -0 -r - .{pipe} > ../x.zip"
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(command, shell=True, cwd=tmp_path / "frames", env=environment, check=True)
    assert contents(tmp_path / "x.zip") == FILES


def test_compressed_encrypted_and_links_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a/1.jpg": bytes(100)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(PackError, match=r"is compressed \('a/1.jpg'\); .* zip -0 -r"):
        walk(path)
    data = bytearray(write_zip(path, {"a/1.jpg": b"x"}).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(PackError, match=r"is encrypted \('a/1.jpg'\)"):
        walk(path)
    link = zipfile.ZipInfo("a/1.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "../../etc/passwd")
    with pytest.raises(PackError, match=r"holds 'a/1.jpg', a link"):
        walk(path)
    with pytest.raises(PackError, match="leads out of it"):
        walk(write_zip(path, {"../1.jpg": b"x"}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a zip" * 50,
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"before" + data,
        lambda data: data.replace(b"PK\1\2", b"PK\1\3", 1),
        lambda data: data[:-12] + b"\xff\x00" + data[-10:],  # the number of files
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_zip(tmp_path / "x.zip")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PackError, match="is damaged|is no zip file"):
        walk(path)


def test_a_read_tells_what_is_wrong(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip")
    (name, offset, size), (_, other, _), *_ = walk(path)
    with open(path, "rb") as file:
        fd = file.fileno()
        with pytest.raises(PackError, match="no file begins at byte 3 of"):
            read_zip(fd, 3, size, name)
        with pytest.raises(PackError, match="'b b/2.jpg' is in its place"):
            read_zip(fd, other, size, name)
        with pytest.raises(PackError, match="it has 5 bytes in place of 4"):
            read_zip(fd, offset, 4, name)
        with pytest.raises(PackError, match="no file begins"):
            read_zip(fd, 10**9, size, name)
