"""Frames out of a pack, against the same frames in directories."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import shutil
import tarfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmaction.datasets import RawframeDataset, SampleKey
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.packed_frames import PackedFrames, find_packed_frames
from mmaction.errors import ConfigError, DataError

PIPELINE = [
    dict(type="SampleSegments", clip_len=4, placement="random"),
    dict(type="DecodeFrames"),
    dict(type="RandomResizedCrop", size=32),
    dict(type="Flip"),
    dict(type="ColorJitter", brightness=0.4),
    dict(type="PackClips"),
]
FORMATS = [".zip", ".tar"]

Files = dict[str, bytes]


def write_pack(path: Path, files: Files) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def files_below(root: Path, above: str = "") -> Files:
    paths = [path for path in root.rglob("*.jpg") if path.is_file()]
    return {above + str(path.relative_to(root)): path.read_bytes() for path in paths}


def numbered(video: str, *numbers: int) -> Files:
    return {f"{video}/img_{n:05d}.jpg": f"{video} {n}".encode() for n in numbers}


@pytest.fixture(params=FORMATS)
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a pack is to be written, of either format."""
    return tmp_path / f"x{request.param}"


@pytest.mark.parametrize("above", ["", "./", "frames/"])
def test_samples_are_those_of_directories(video_root: Path, pack: Path, above: str) -> None:
    write_pack(pack, files_below(video_root, above))
    common = dict(ann_file=video_root / "list.txt", pipeline=PIPELINE)
    plain = RawframeDataset(data_root=video_root, **common)
    packed = RawframeDataset(data_root=pack, **common)
    assert packed.sources[0].missing(packed.annotations, range(len(packed))) == []
    for index in range(len(plain)):
        for epoch in range(2):
            one, other = (d[SampleKey(index, epoch, 3)] for d in (plain, packed))
            np.testing.assert_array_equal(one["inputs"], other["inputs"])
            np.testing.assert_array_equal(one["color"], other["color"])


def test_finds_out_what_directories_tell(tmp_path: Path, pack: Path) -> None:
    files = {
        **numbered("a/b", 0, 1, 2),
        **numbered("c", 1, 2),
        "d/flow_1.jpg": b"f",
        "d/1.jpg": b"1",
        "d/2.jpg": b"2",
        "d/notes.txt": b"n",
    }
    write_pack(pack, files)
    for name, data in files.items():
        (tmp_path / "frames" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "frames" / name).write_bytes(data)
    for video in ("a/b", "c", "d", "d/", "./c"):
        plain, packed = find_frames(tmp_path / "frames", video), find_packed_frames(pack, video)
        assert (plain.image_tmpl, plain.start_index) == (packed.image_tmpl, packed.start_index)
        assert plain.read(video, 1) == packed.read(video, 1)
    source = find_packed_frames(pack, "a/b")
    assert list(source.video_names()) == ["a/b", "c", "d"]
    assert [source.frame_count(name) for name in ("a/b", "c", "d", "e")] == [3, 2, 0, 0]
    assert source.files("d") == ["1.jpg", "2.jpg", "flow_1.jpg", "notes.txt"]
    # The same words, the pack in the directory's place.
    bad = [
        ("a/b", dict(start_index=7)),
        ("a/b", dict(image_tmpl="x{}.jpg")),
        ("nowhere/a", {}),
    ]
    for video, given_ in bad:
        messages = []
        for find, root in ((find_frames, tmp_path / "frames"), (find_packed_frames, pack)):
            with pytest.raises(DataError) as error:
                find(root, video, **given_)
            messages.append(str(error.value).replace(str(root), "ROOT"))
        assert messages[1].startswith(messages[0])
    with pytest.raises(ConfigError, match="is no file name with one number"):
        find_packed_frames(pack, "c", image_tmpl="x.jpg")


def test_missing_frames_say_what_is_there(pack: Path) -> None:
    write_pack(pack, {**numbered("a", 1, 2, 3, 6, 7), "a/img_00008.jpg": b""})
    source = find_packed_frames(pack, "a")
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


def test_missing_videos_of_many_are_found_fast(tmp_path: Path, pack: Path) -> None:
    write_pack(
        pack, {name: data for n in range(60) for name, data in numbered(f"v/{n}", 1).items()}
    )
    lines = [f"v/{n % 61} 1 0\n" for n in range(240_000)]
    (tmp_path / "list.txt").write_text("".join(lines))
    annotations = AnnotationList.load(tmp_path / "list.txt")
    source = find_packed_frames(pack, "v/1")
    start = time.perf_counter()
    missing = source.missing(annotations, range(len(annotations)))
    assert time.perf_counter() - start < 5
    assert missing == list(range(60, 240_000, 61))


def test_packs_that_cannot_be_used(tmp_path: Path) -> None:
    def error(name: str) -> str:
        with pytest.raises(DataError) as info:
            find_packed_frames(tmp_path / name, "a")
        return str(info.value)

    assert error("none.zip") == f"pack '{tmp_path}/none.zip' does not exist"
    (tmp_path / "dir.tar").mkdir()
    assert "is a directory, named as if it were a file" in error("dir.tar")
    (tmp_path / "x.tar.gz").touch()
    assert "is compressed, so that single frames can't be read" in error("x.tar.gz")
    (tmp_path / "x.rar").touch()
    assert "has to end in .zip or .tar" in error("x.rar")
    (tmp_path / "empty.zip").touch()
    assert "is no zip file, or cut short" in error("empty.zip")
    assert "holds no files" in error(write_pack(tmp_path / "nothing.tar", {}).name)
    assert not list(tmp_path.glob("*.index"))
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a/1.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/1.jpg", b"2")
    assert "holds 'a/1.jpg' twice" in error("twice.zip")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(pack: Path) -> None:
    write_pack(pack, numbered("a", 1)).chmod(0)
    with pytest.raises(DataError, match="can't be read: Permission denied"):
        find_packed_frames(pack, "a")


def test_index_is_made_once_and_again_for_another_pack(pack: Path) -> None:
    write_pack(pack, numbered("a", 1, 2))
    find_packed_frames(pack, "a")
    index = Path(f"{pack}.index")
    made = index.stat().st_ino
    assert find_packed_frames(pack, "a").read("a", 1) == b"a 2"
    assert index.stat().st_ino == made
    # The same number of bytes, other frames.
    write_pack(pack, numbered("a", 1, 3))
    source = find_packed_frames(pack, "a")
    assert source.read("a", 2) == b"a 3"
    with pytest.raises(DataError, match="does not exist"):
        source.read("a", 1)
    index.write_bytes(b"damaged")
    assert find_packed_frames(pack, "a").read("a", 2) == b"a 3"
    assert len(list(pack.parent.iterdir())) == 2


def test_copies_keep_their_index(pack: Path, tmp_path: Path) -> None:
    write_pack(pack, numbered("a", 1, 2))
    find_packed_frames(pack, "a")
    (tmp_path / "copy").mkdir()
    for path in (pack, Path(f"{pack}.index")):
        shutil.copyfile(path, tmp_path / "copy" / path.name)
    index = tmp_path / "copy" / f"{pack.name}.index"
    before = index.stat().st_ino
    assert find_packed_frames(tmp_path / "copy" / pack.name, "a").read("a", 0) == b"a 1"
    assert index.stat().st_ino == before


def test_index_stays_in_memory_where_it_cannot_be_written(pack: Path) -> None:
    write_pack(pack, numbered("a", 1, 2))
    Path(f"{pack}.index").mkdir()  # also root can't write a file there
    source = find_packed_frames(pack, "a")
    assert source.read("a", 1) == b"a 2"
    assert pickle.loads(pickle.dumps(source)).read("a", 1) == b"a 2"
    assert len(list(pack.parent.iterdir())) == 2


def read_all(source: PackedFrames, video: str, count: int) -> list[bytes]:
    return [source.read(video, position) for position in range(count)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(pack: Path, method: str) -> None:
    write_pack(pack, {**numbered("a", *range(1, 60)), **numbered("b", *range(1, 60))})
    source = find_packed_frames(pack, "a")
    expected = {video: read_all(source, video, 59) for video in "ab"}
    assert len(pickle.dumps(source)) < 1000
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        results = [(video, pool.submit(read_all, source, video, 59)) for video in "ababab"]
        for video, result in results:
            assert result.result(timeout=60) == expected[video]
    assert read_all(source, "a", 59) == expected["a"]


def find_and_read(pack: str) -> bytes:
    return find_packed_frames(pack, "a").read("a", 0)


def test_processes_that_all_come_first(pack: Path) -> None:
    write_pack(pack, numbered("a", *range(1, 2000)))
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(find_and_read, [str(pack)] * 8, timeout=60)) == [b"a 1"] * 8
    assert sorted(path.name for path in pack.parent.iterdir()) == [pack.name, f"{pack.name}.index"]


def test_a_damaged_frame_in_a_zip_is_an_error(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "x.zip", numbered("a", *range(1, 3000)))
    source = find_packed_frames(pack, "a")
    data = bytearray(pack.read_bytes())
    data[data.index(b"a 1500")] ^= 1
    with open(pack, "r+b") as file:
        file.write(data)
    with pytest.raises(DataError, match=r"img_01500.jpg' can't be read: .*damaged.*\(CRC\)"):
        source.read("a", 1499)
    assert source.read("a", 1500) == b"a 1501"


VIDEOS = {**numbered("a", 1, 2, 3), **numbered("é", 1, 2), **numbered(f"{'long' * 30}", 1)}


def differing(found: bytes, expected: bytes) -> int:
    """How many bytes differ."""
    return sum(a != b for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("target", ["pack", "index"])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_never_gives_another_frame(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, target: str, data: st.DataObject
) -> None:
    pack = write_pack(tmp_path_factory.mktemp("fuzz") / f"x{suffix}", VIDEOS)
    find_packed_frames(pack, "a")
    index = Path(f"{pack}.index")
    victim = pack if target == "pack" else index
    content = bytearray(victim.read_bytes())
    stop = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    flips = data.draw(st.integers(1, 4))
    for _ in range(flips):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(0, 255))
    victim.write_bytes(content[:stop])
    if target == "pack" and data.draw(st.booleans()):
        index.unlink()
    try:
        source = find_packed_frames(pack, "a", image_tmpl="img_{:05d}.jpg", start_index=1)
    except DataError:
        return
    for name, expected in VIDEOS.items():
        video, _, file = name.partition("/")
        try:
            found = source.read(video, int(file[4:9]) - 1)
        except DataError:
            continue
        # A tar has no checksum of its frames: what was flipped in them is all that may differ.
        if target == "pack" and suffix == ".tar":
            assert differing(found, expected) <= flips
        else:
            assert found == expected


def test_reads_come_from_the_pack_that_was_found(pack: Path) -> None:
    write_pack(pack, numbered("a", 1, 2))
    source = find_packed_frames(pack, "a")
    os.replace(write_pack(pack.with_name(f"new{pack.suffix}"), numbered("b", 1)), pack)
    assert source.read("a", 1) == b"a 2"
    other = pickle.loads(pickle.dumps(source))
    with pytest.raises(DataError, match="frame directory '.*/a' does not exist"):
        other.read("a", 1)
