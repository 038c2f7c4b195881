"""Frames out of a pack, against the same frames in directories."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mmaction.dataprep.pack import pack_frames, verify_pack
from mmaction.datasets import RawframeDataset, SampleKey
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.lmdb import LmdbFrames
from mmaction.errors import ConfigError, DataError

pytest.importorskip("lmdb")

find_packed = partial(find_frames, kind=LmdbFrames)
PIPELINE = [
    dict(type="SampleSegments", clip_len=4, placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=32),
    dict(type="Flip"),
    dict(type="ColorJitter", brightness=0.4),
    dict(type="PackClips"),
]


def packed(root: Path, files: dict[str, bytes]) -> Path:
    """``root/x.lmdb`` of these files, which also lie below ``root/frames``."""
    for name, data in files.items():
        path = root / "frames" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    pack_frames(str(root / "frames"), str(root / "x.lmdb"))
    return root / "x.lmdb"


def numbered(video: str, *numbers: int) -> dict[str, bytes]:
    return {f"{video}/img_{n:05d}.jpg": f"{video} {n}".encode() for n in numbers}


def test_samples_are_those_of_directories(video_root: Path, tmp_path: Path) -> None:
    pack_frames(str(video_root), str(tmp_path / "x.lmdb"))
    common = dict(ann_file=video_root / "list.txt", pipeline=PIPELINE)
    plain = RawframeDataset(data_root=video_root, **common)
    packed = RawframeDataset(data_root=tmp_path / "x.lmdb", **common)
    assert packed.sources[0].missing(packed.annotations, range(len(packed))) == []
    for index in range(len(plain)):
        for epoch in range(2):
            one, other = (d[SampleKey(index, epoch, 3)] for d in (plain, packed))
            np.testing.assert_array_equal(one["inputs"], other["inputs"])
            np.testing.assert_array_equal(one["color"], other["color"])


def test_finds_out_what_directories_tell(tmp_path: Path) -> None:
    files = {**numbered("a/b", 0, 1, 2), **numbered("c", 1, 2), "d/1.jpg": b"1", "d/2.jpg": b"2"}
    pack = packed(tmp_path, files)
    for video in ("a/b", "c", "d", "d/", "./c"):
        plain, found = find_frames(tmp_path / "frames", video), find_packed(pack, video)
        assert (plain.image_tmpl, plain.start_index) == (found.image_tmpl, found.start_index)
        assert plain.read(video, 1) == found.read(video, 1)
    assert find_packed(pack, "d").file_names("d") == ["1.jpg", "2.jpg"]
    assert find_packed(pack, "d").file_names("a") == []
    # The same words, the pack in the directory's place.
    bad = [("a/b", dict(start_index=7)), ("a/b", dict(image_tmpl="x{}.jpg")), ("nowhere/a", {})]
    for video, given in bad:
        messages = []
        for find, root in ((find_frames, tmp_path / "frames"), (find_packed, pack)):
            with pytest.raises(DataError) as error:
                find(root, video, **given)
            messages.append(str(error.value).replace(str(root), "ROOT"))
        assert messages[0] == messages[1]
    with pytest.raises(ConfigError, match="is no file name with one number"):
        find_packed(pack, "c", image_tmpl="x.jpg")


def test_missing_frames_say_what_is_there(tmp_path: Path) -> None:
    pack = packed(tmp_path, {**numbered("a", 1, 2, 3, 6, 7), "a/img_00008.jpg": b""})
    source = find_packed(pack, "a")
    with pytest.raises(
        DataError,
        match=rf"'{pack}/a/img_00004.jpg' does not exist; the directory has 6 frames,"
        r" the nearest img_00003.jpg and img_00006.jpg",
    ):
        source.read("a", 3)
    with pytest.raises(DataError, match=rf"frame directory '{pack}/b' does not exist"):
        source.read("b", 0)
    with pytest.raises(DataError, match=r"img_00008.jpg' is empty \(zero bytes\)"):
        source.read("a", 7)


def test_missing_videos(tmp_path: Path) -> None:
    source = find_packed(packed(tmp_path, {**numbered("a", 1), **numbered("ab", 1)}), "a")
    (tmp_path / "list.txt").write_text("a 1\nb 1\nab 1\nab/c 1\n")
    annotations = AnnotationList.load(tmp_path / "list.txt")
    assert source.missing(annotations, range(4)) == [1, 3]


def read_all(source: LmdbFrames, video: str, count: int) -> list[bytes]:
    return [source.read(video, position) for position in range(count)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(tmp_path: Path, method: str) -> None:
    """The pack is open in this process when the others are forked from it."""
    frames = range(1, 60)
    pack = packed(tmp_path, {**numbered("a", *frames), **numbered("b", *frames)})
    source = find_packed(pack, "a")
    expected = {video: read_all(source, video, 59) for video in "ab"}
    assert len(pickle.dumps(source)) < 1000
    context = multiprocessing.get_context(method)
    processes = 1 if method == "spawn" else 2  # one that is spawned imports everything again
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        results = [(video, pool.submit(read_all, source, video, 59)) for video in "ababab"]
        for video, result in results:
            assert result.result(timeout=60) == expected[video]
    assert read_all(source, "a", 59) == expected["a"]


def test_two_data_sets_share_a_pack(tmp_path: Path) -> None:
    pack = packed(tmp_path, {**numbered("a", 1), **numbered("b", 1)})
    one, other = find_packed(pack, "a"), find_packed(pack, "b")
    assert (one.read("a", 0), other.read("b", 0)) == (b"a 1", b"b 1")


def test_a_damaged_frame_is_an_error(tmp_path: Path) -> None:
    pack = packed(tmp_path, {"a/1.jpg": b"good" * 100, "a/2.jpg": b"mark" * 100})
    data = pack.read_bytes()
    pack.write_bytes(data.replace(b"markmark", b"markMark"))
    source = find_packed(pack, "a")
    assert source.read("a", 0) == b"good" * 100
    with pytest.raises(
        DataError, match=rf"frame '{pack}/a/2.jpg' is damaged: it fails its checksum"
    ):
        source.read("a", 1)


def test_packs_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "text.lmdb").write_text("no pack" * 1000)
    for path in (tmp_path / "text.lmdb", tmp_path / "none.lmdb"):
        with pytest.raises(DataError, match=rf"'{path}' can't be read as a pack"):
            find_packed(path, "a")


def test_a_pack_that_was_copied_in_part_is_an_error(tmp_path: Path) -> None:
    """LMDB itself would read behind the file's end, which kills the process."""
    pack = packed(tmp_path, {f"a/{n}.jpg": bytes(20_000) for n in range(50)})
    size = pack.stat().st_size
    with pack.open("r+b") as file:
        file.truncate(size // 2)
    with pytest.raises(DataError, match=f"is cut short: {size // 2} bytes of {size}; copy or pa"):
        find_packed(pack, "a")
    with pytest.raises(DataError, match="is cut short"):
        verify_pack(str(pack))


@pytest.mark.parametrize(
    ("name", "unpack"),
    [("x.zip", "zipfile -e '{0}.zip' '{0}'"), ("x.tar", "tarfile -e '{0}.tar' '{0}'")],
)
def test_a_pack_of_former_times_names_the_command_that_converts_it(
    tmp_path: Path, name: str, unpack: str
) -> None:
    (tmp_path / "list.txt").write_text("a 1 0\n")
    with pytest.raises(ConfigError) as error:
        RawframeDataset(
            data_root=tmp_path / name, ann_file=tmp_path / "list.txt", pipeline=PIPELINE
        )
    base = tmp_path / "x"
    assert unpack.format(base) in str(error.value)
    assert f"tools/data/pack_frames.py '{base}' '{base}.lmdb'" in str(error.value)


def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ConfigError, match="packs need the package lmdb: pip install lmdb"):
        LmdbFrames("x.lmdb", "{}.jpg", 0).read("a", 0)
