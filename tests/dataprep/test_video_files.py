from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.extract import ExtractOptions, extract_videos
from mmaction.dataprep.video_files import (
    VIDEO_SUFFIXES,
    VideoFile,
    check_names,
    find_videos,
    without_suffix,
)
from mmaction.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_searches_directories(tmp_path: Path) -> None:
    touch(tmp_path, "b.webm", "class a/x.MP4", "class a/deep/y.mkv", "notes.txt", "._b.webm")
    touch(tmp_path, ".hidden/z.mp4", "v1.2.avi")
    names = [video.name for video in find_videos(tmp_path)]
    assert names == ["b.webm", "class a/deep/y.mkv", "class a/x.MP4", "v1.2.avi"]
    assert [video.stem for video in find_videos(tmp_path)][-1] == "v1.2"


def test_lists_name_relative_and_absolute_paths(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a/x.mp4\r\n\n./b y.avi\n/far/away/z.webm\nno_suffix\n")
    videos = find_videos(path)
    assert [(video.stem, video.path) for video in videos] == [
        ("a/x", f"{tmp_path}/a/x.mp4"),
        ("b y", f"{tmp_path}/./b y.avi"),
        ("no_suffix", f"{tmp_path}/no_suffix"),
        ("z", "/far/away/z.webm"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "the list is empty"),
        (b"a.mp4\n../b.mp4\n", r"list.txt:2: '../b.mp4' leaves"),
        (b"a.mp4\n\xff\n", "list.txt:2: this is not UTF-8"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: bytes, problem: str) -> None:
    (tmp_path / "list.txt").write_bytes(text)
    with pytest.raises(DataError, match=problem):
        find_videos(tmp_path / "list.txt")


def test_no_videos_and_no_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video below"):
        find_videos(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        find_videos(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a.mp4", "a.webm"], "in/a.mp4' would lie in 'a', those of '.*in/a.webm' in 'a'"),
        (
            ["a.mp4", "a/b/c.mp4"],
            "c.mp4' would lie in 'a/b/c', those of '.*a.mp4' in 'a'; rename one",
        ),
    ],
)
def test_names_that_collide_are_refused_before_anything(
    tmp_path: Path, names: list[str], problem: str
) -> None:
    touch(tmp_path / "in", *names)
    with pytest.raises(DataError, match=problem):
        extract_videos(tmp_path / "in", tmp_path / "out", ExtractOptions())
    assert not (tmp_path / "out").exists()


def test_names_that_only_look_alike() -> None:
    check_names([VideoFile(n, n) for n in ("a.mp4", "b/a.mp4", "ab/c.mp4", "a.b.mp4")])


@given(st.text(min_size=1), st.sampled_from(sorted(VIDEO_SUFFIXES)))
def test_only_video_suffixes_are_taken_off(stem: str, suffix: str) -> None:
    name = f"v{stem}".replace("/", "_")
    assert without_suffix(name + suffix) == name
    assert without_suffix(name + ".jpg") == name + ".jpg"
