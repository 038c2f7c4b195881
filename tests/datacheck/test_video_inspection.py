"""A video file damaged in one way, and what is found in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mmaction.datacheck.findings import NO_DIGEST, Depth, Inspected
from mmaction.datacheck.inspection import inspect_video, whole_digest
from mmaction.datasets.sources.video import VideoFiles
from tests.datacheck.conftest import FILES_ON, only
from tests.frame_fixtures import write_film


def write_noise(path: Path, *, cover: bool = False) -> Path:
    """Twenty frames of 64×48 pixels as MPEG-4, after a cover picture if there is one."""
    images = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    return write_film(path, images=list(images), codec="mpeg4", cover=cover)


@pytest.fixture
def video_file(tmp_path: Path) -> Path:
    return write_noise(tmp_path / "film.mp4")


def look_at_file(path: Path, annotated: int = 20, depth: Depth = Depth.PIXELS) -> Inspected:
    return inspect_video(VideoFiles(data_root=path.parent), path.name, annotated, depth=depth)


@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize("cover", [False, True])
def test_a_good_video_file(tmp_path: Path, depth: Depth, cover: bool) -> None:
    film = write_noise(tmp_path / "film.mkv", cover=cover)
    assert look_at_file(film, depth=depth).findings == ()


def test_frames_of_a_video_file(video_file: Path) -> None:
    fewer = only(look_at_file(video_file, 25))
    assert (fewer.kind, fewer.severity) == ("too-few-frames", "error")
    more = only(look_at_file(video_file, 12))
    assert (more.kind, more.severity) == ("more-frames", "warning")
    assert "annotated with 12 frames, but the file has 20" in more.message


@pytest.mark.parametrize("depth", FILES_ON)
def test_damaged_video_files(video_file: Path, depth: Depth) -> None:
    data = video_file.read_bytes()
    video_file.write_bytes(data[: len(data) // 2])  # the index comes last
    assert only(look_at_file(video_file, depth=depth)).kind == "undecodable"
    video_file.write_bytes(b"")
    assert only(look_at_file(video_file, depth=depth)).kind == "empty-file"
    video_file.unlink()
    assert only(look_at_file(video_file, depth=depth)).kind == "missing-video"
    video_file.mkdir()
    assert only(look_at_file(video_file, depth=depth)).kind == "not-a-file"


def test_damage_inside_a_video_file_shows_when_decoded(video_file: Path) -> None:
    data = bytearray(video_file.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    video_file.write_bytes(data)
    assert look_at_file(video_file, depth=Depth.FILES).findings == ()
    assert [found.kind for found in look_at_file(video_file).findings] == ["undecodable"]


def test_digests_of_video_files(video_file: Path) -> None:
    copy = video_file.with_name("copy.mp4")
    shutil.copy(video_file, copy)
    source = VideoFiles(data_root=video_file.parent)
    assert look_at_file(copy).digest == look_at_file(video_file).digest != NO_DIGEST
    assert whole_digest(source, "copy.mp4") == whole_digest(source, "film.mp4")
    with copy.open("ab") as file:
        file.write(b"more")
    assert look_at_file(copy).digest != look_at_file(video_file).digest
