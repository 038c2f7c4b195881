"""The index of a pack, against plain dicts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.datasets.sources.packed_index import (
    MOST_BYTES,
    Fingerprint,
    FrameIndex,
    IndexBuilder,
    PackError,
    clean_name,
    join_number,
    load_index,
    save_index,
    split_number,
)

FINGERPRINT = Fingerprint(size=1000, modified=5, checksum=77)
PART = st.sampled_from([b"a", b"b c", b"a7", b"07", b"7", b"img_00012.jpg", b"1.png", "é".encode()])
NAMES = st.lists(st.lists(PART, min_size=1, max_size=3).map(b"/".join), min_size=1, unique=True)


def build(names: list[bytes]) -> FrameIndex:
    """File i lies at 10 i and has i bytes."""
    builder = IndexBuilder()
    for i, name in enumerate(names):
        builder.add(name, 10 * i, i)
    return builder.finish()


@pytest.mark.parametrize(
    ("file", "series", "number"),
    [
        (b"img_00012.jpg", b"img_00000.jpg", 12),
        (b"7.png", b"0.png", 7),
        (b"000.png", b"000.png", 0),
        (b"notes", b"notes", 0),
        (b"clip2_10", b"clip2_00", 10),
        (b"1234567890123", b"1234000000000", 567890123),
    ],
)
def test_a_name_is_a_series_and_a_number(file: bytes, series: bytes, number: int) -> None:
    assert split_number(file) == (series, number)
    assert join_number(series, number) == file


@given(st.one_of(st.binary(), st.from_regex(rb"[a0-9_.\n]*", fullmatch=True)))
def test_series_and_number_are_the_name(file: bytes) -> None:
    series, number = split_number(file)
    assert join_number(series, number) == file
    assert 0 <= number < 2**31


@given(NAMES)
def test_finds_what_was_added_and_nothing_else(names: list[bytes]) -> None:
    index = build(names)
    expected: dict[bytes, dict[bytes, tuple[int, int]]] = {}
    for i, name in enumerate(names):
        directory, _, file = name.rpartition(b"/")
        expected.setdefault(directory or b".", {})[file] = (10 * i, i)
    assert list(index.directories) == sorted(expected)
    for directory, files in expected.items():
        at = index.directories.find(directory)
        assert at is not None
        assert sorted(index.files(at)) == sorted(files)
        assert {file: index.find(at, file) for file in files} == files
        assert index.find(at, b"img_00013.jpg") is None
        assert index.find(at, b"other") is None
    assert index.directories.find(b"nowhere") is None
    assert sorted(index.name(at) for at in range(len(names))) == sorted(names)


def test_the_folder_that_all_lies_in() -> None:
    assert build([b"frames/a/1.jpg", b"frames/b/1.jpg"]).only_folder == "frames"
    assert build([b"frames/a/1.jpg", b"more/b/1.jpg"]).only_folder == "."
    assert build([b"1.jpg"]).only_folder == "."


def test_no_files_and_the_same_twice() -> None:
    with pytest.raises(PackError, match="holds no files"):
        IndexBuilder().finish()
    with pytest.raises(PackError, match=r"holds 'a/img_2.jpg' twice"):
        build([b"a/img_2.jpg", b"a/img_1.jpg", b"b/img_2.jpg", b"a/img_2.jpg"])
    with pytest.raises(PackError, match=r"holds '1.jpg' twice"):
        build([b"1.jpg", b"1.jpg"])
    with pytest.raises(PackError, match="too many for a frame"):
        IndexBuilder().add(b"a/1.jpg", 0, MOST_BYTES + 1)


def test_names_are_cleaned_or_refused() -> None:
    assert clean_name(b"./a//b/./1.jpg") == b"a/b/1.jpg"
    assert clean_name("vidé/1.jpg".encode()) == "vidé/1.jpg".encode()
    assert clean_name(b"a../..b/1.jpg") == b"a../..b/1.jpg"
    for name in (b"/etc/1.jpg", b"../1.jpg", b"a/../../1.jpg", b"//1.jpg"):
        with pytest.raises(PackError, match="leads out of it"):
            clean_name(name)
    with pytest.raises(PackError, match=r"not UTF-8: 'a/\\xe9.jpg'"):
        clean_name(b"a/\xe9.jpg")


def test_file_keeps_the_index(tmp_path: Path) -> None:
    path = str(tmp_path / "x.index")
    index = build([b"a/1.jpg", b"b/img_2.jpg", b"b/img_1.jpg"])
    save_index(path, index, FINGERPRINT)
    loaded = load_index(path, FINGERPRINT)
    assert loaded is not None
    for name, values in vars(index).items():
        np.testing.assert_array_equal(getattr(loaded, name), values)
        assert getattr(loaded, name).dtype == values.dtype
    assert not loaded.keys.flags.writeable


def test_the_index_of_another_pack_is_none(tmp_path: Path) -> None:
    path = str(tmp_path / "x.index")
    assert load_index(path, FINGERPRINT) is None
    save_index(path, build([b"a/1.jpg"]), FINGERPRINT)
    assert load_index(path, Fingerprint(1001, 5, 77)) is None
    assert load_index(path, Fingerprint(1000, 5, 78)) is None
    # The same content at another time: copied, unless it changed after the index was written.
    written = os.stat(path).st_mtime_ns
    assert load_index(path, Fingerprint(1000, written, 77)) is not None
    assert load_index(path, Fingerprint(1000, written + 1, 77)) is None


def test_a_damaged_index_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.index"
    save_index(str(path), build([b"a/1.jpg"]), FINGERPRINT)
    data = path.read_bytes()
    for damaged in (b"", data[:50], data[:-1], data + b"\0", b"x" + data[1:]):
        path.write_bytes(damaged)
        assert load_index(str(path), FINGERPRINT) is None


def test_a_million_frames_are_mapped_in_no_time(tmp_path: Path) -> None:
    videos, frames = 20_000, 50
    names = b"".join(b"v%05d" % n for n in range(videos))
    index = FrameIndex(
        offsets=np.arange(videos * frames) * 20_000,
        keys=np.tile(np.arange(1, frames + 1), videos),
        first=np.arange(videos + 1) * frames,
        directory_ends=np.arange(videos + 1) * 6,
        series_ends=np.array([0, 13]),
        sizes=np.full(videos * frames, 19_000, dtype=np.uint32),
        directory_bytes=np.frombuffer(names, np.uint8),
        series_bytes=np.frombuffer(b"img_00000.jpg", np.uint8),
    )
    path = str(tmp_path / "x.index")
    save_index(path, index, FINGERPRINT)
    assert os.path.getsize(path) < 21 * 10**6
    start = time.perf_counter()
    loaded = load_index(path, FINGERPRINT)
    assert loaded is not None
    video = loaded.directories.find(b"v12345")
    assert video == 12345
    found = loaded.find(video, b"img_00007.jpg")
    assert time.perf_counter() - start < 0.05
    assert found == ((12345 * 50 + 6) * 20_000, 19_000)
