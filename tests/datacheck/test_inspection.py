"""One video damaged in one way, and what is found in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmaction.datacheck.findings import NO_DIGEST, Depth
from mmaction.datacheck.inspection import inspect_video, whole_digest
from mmaction.datacheck.problems import Problem
from mmaction.datasets.sources.directory import FrameDirectory
from tests.datacheck.conftest import (
    FILES_ON,
    FRAMES,
    frame,
    look,
    make_cut,
    make_empty,
    only,
    source_of,
)


@pytest.mark.parametrize("depth", Depth)
def test_nothing_is_wrong_with_a_whole_video(video: Path, depth: Depth) -> None:
    assert look(video, depth=depth).findings == ()


@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize(
    ("removed", "annotated", "kind", "severity", "text"),
    [
        ([], 8, "too-few-frames", "error", "annotated with 8 frames, but the last one there is"),
        ([], 4, "more-frames", "warning", "frames go on to number 6; those after 4"),
        ([3], 6, "gap", "error", "1 frame missing between others: number 3"),
        ([1], 6, "gap", "error", "1 frame missing between others: number 1"),
        ([2, 3, 5], 6, "gap", "error", "3 frames missing between others: number 2-3, 5"),
        ([6], 6, "too-few-frames", "error", "number 5 of 1 to 6"),
        ([5], 3, "more-frames", "warning", "those after 3 are never used"),
    ],
)
def test_frames_by_their_numbers(
    video: Path,
    depth: Depth,
    removed: list[int],
    annotated: int,
    kind: str,
    severity: str,
    text: str,
) -> None:
    for number in removed:
        frame(video, number).unlink()
    found = only(look(video, annotated, depth))
    assert (found.kind, found.severity, found.file) == (kind, severity, str(video))
    assert text in found.message


def test_numbers_far_and_early(video: Path) -> None:
    frame(video, 6).rename(video / "img_999999999999999.jpg")
    kinds = [found.kind for found in look(video, 10**17).findings]
    assert kinds == ["gap", "too-few-frames"]
    shutil.copy(frame(video, 1), frame(video, 0))
    early = look(video, 5).findings[0]
    assert (early.kind, early.severity) == ("early-number", "warning")


@pytest.mark.parametrize("depth", Depth)
def test_a_video_that_is_not_there(video: Path, depth: Depth) -> None:
    shutil.rmtree(video)
    assert only(look(video, depth=depth)) == Problem(
        "missing-video", "error", str(video), "can't be listed: No such file or directory"
    )
    video.touch()
    assert "Not a directory" in only(look(video, depth=depth)).message


def test_a_directory_without_frames(video: Path) -> None:
    for path in video.iterdir():
        path.rename(path.with_suffix(".txt"))
    assert "none of its 6 files" in only(look(video)).message
    shutil.rmtree(video)
    video.mkdir()
    assert only(look(video)).kind == "no-frames"


@pytest.mark.parametrize("depth", FILES_ON)
@pytest.mark.parametrize(
    ("damage", "kind", "text"),
    [
        (make_empty, "empty-file", "zero bytes"),
        (make_cut, "truncated", "ends before the image"),
        (Path.mkdir, "not-a-file", "is no regular file"),
        (os.mkfifo, "not-a-file", "is no regular file"),
        (lambda path: path.symlink_to("nowhere"), "unreadable", "can't be read: No such file"),
        (lambda path: path.symlink_to(path), "unreadable", "can't be read: "),
    ],
)
def test_a_bad_file_is_one_finding(
    video: Path, depth: Depth, damage: Callable[[Path], None], kind: str, text: str
) -> None:
    if damage not in (make_empty, make_cut):
        frame(video, 3).unlink()
    damage(frame(video, 3))
    found = only(look(video, depth=depth))
    assert (found.kind, found.severity, found.file) == (kind, "error", str(frame(video, 3)))
    assert text in found.message
    assert look(video, depth=Depth.NAMES).findings == ()


def test_a_cut_png_and_one_with_something_appended(video: Path) -> None:
    for number in range(1, FRAMES + 1):
        image = cv2.imread(str(frame(video, number)))
        assert cv2.imwrite(str(video / f"{number}.png"), image)
    source = FrameDirectory(str(video.parent), "{:d}.png", 1)
    make_cut(video / "2.png")
    with (video / "4.png").open("ab") as file:
        file.write(bytes(100))
    found = only(inspect_video(source, "a", FRAMES, depth=Depth.FILES))
    assert (found.kind, found.file) == ("truncated", str(video / "2.png"))


def test_damage_inside_a_file_shows_when_decoded(video: Path) -> None:
    data = frame(video, 2).read_bytes()
    frame(video, 2).write_bytes(data[:100] + bytes(200) + data[300:])
    assert look(video, depth=Depth.FILES).findings == ()
    found = only(look(video))
    assert (found.kind, found.file) == ("undecodable", str(frame(video, 2)))


def test_a_frame_of_another_size(video: Path) -> None:
    assert cv2.imwrite(str(frame(video, 4)), np.zeros((20, 30, 3), np.uint8))
    assert look(video, depth=Depth.FILES).findings == ()
    found = only(look(video))
    assert (found.kind, found.file) == ("size-change", str(frame(video, 4)))
    assert "64×48 (5 frames), 30×20 (1 frame)" in found.message


@pytest.mark.parametrize(
    ("mode", "turned", "text"),
    [
        ("L", 1, "2 frames grey-scale"),
        ("CMYK", 1, "2 frames of mode CMYK"),
        ("RGB", 6, "2 frames with an EXIF rotation, which is not applied"),
    ],
)
def test_unusual_images_are_a_note(video: Path, mode: str, turned: int, text: str) -> None:
    for number in (2, 5):
        image = Image.open(frame(video, number)).convert(mode)
        exif = image.getexif()
        exif[0x0112] = turned
        image.save(frame(video, number), exif=exif)
    found = only(look(video))
    assert (found.kind, found.severity) == ("unusual-image", "note")
    assert found.message == f"{text}; the first is '{frame(video, 2)}'"


@contextmanager
def powerless() -> Iterator[None]:
    """Root may read everything: become somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_permission_denied(write_frames: Callable[..., Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to others
        Path(folder).chmod(0o755)
        video, other = write_frames(Path(folder, "a"), FRAMES), write_frames(Path(folder, "b"), 2)
        frame(video, 3).chmod(0)
        other.chmod(0)
        with powerless():
            of_file, of_directory = only(look(video)), only(look(other, 2))
        other.chmod(0o700)
    assert (of_file.kind, of_file.file) == ("unreadable", str(frame(video, 3)))
    assert of_file.message == "can't be read: Permission denied"
    assert (of_directory.kind, of_directory.file) == ("unreadable", str(other))


def test_what_can_not_be_read_has_no_digest(video: Path) -> None:
    make_empty(frame(video, FRAMES))
    assert look(video).digest == NO_DIGEST
    assert whole_digest(source_of(video), "a") == NO_DIGEST
    assert whole_digest(source_of(video), "nowhere") == NO_DIGEST
