"""What is found does not hang on where the frames come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mmaction.datacheck.findings import Depth
from mmaction.datacheck.inspection import inspect_video, whole_digest
from mmaction.dataprep.pack import pack_frames
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.lmdb import LmdbFrames
from tests.datacheck.conftest import FRAMES, frame, look, make_cut, make_empty, only, source_of


def pack(video: Path) -> Path:
    pytest.importorskip("lmdb")
    path = video.parent / "frames.lmdb"
    pack_frames(str(video.parent), str(path))
    return path


def test_packed_frames(video: Path) -> None:
    whole = look(video)
    source = find_frames(pack(video), "a", kind=LmdbFrames)
    assert inspect_video(source, "a", FRAMES, depth=Depth.PIXELS) == whole
    assert whole_digest(source, "a") == whole_digest(source_of(video), "a")


def test_damage_in_packed_frames(video: Path) -> None:
    in_directory = look(video).digest
    make_cut(frame(video, 2))
    make_empty(frame(video, 3))
    frame(video, 5).unlink()
    source = find_frames(pack(video), "a", kind=LmdbFrames)
    inspected = inspect_video(source, "a", 8, depth=Depth.FILES)
    kinds = [found.kind for found in inspected.findings]
    assert kinds == ["gap", "too-few-frames", "truncated", "unreadable"]
    assert "is empty (zero bytes)" in inspected.findings[-1].message
    assert only(inspect_video(source, "b", 8, depth=Depth.NAMES)).kind == "missing-video"
    assert inspected.digest != in_directory


class InMemory(ImageSource):
    """A source of one's own, which nothing in datacheck knows of."""

    data_root, image_tmpl, start_index = "memory", "{}.jpg", 0

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames

    def path(self, name: str, position: int) -> str:
        return f"memory/{name}/{position}.jpg"

    def read(self, name: str, position: int) -> bytes:
        return self._frames[position]

    def file_names(self, name: str) -> list[str]:
        return [f"{number}.jpg" for number in range(len(self._frames))]

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        return []


def test_a_source_of_ones_own(video: Path) -> None:
    frames = [frame(video, number + 1).read_bytes() for number in range(FRAMES)]
    source = InMemory(frames)
    assert inspect_video(source, "a", FRAMES, depth=Depth.PIXELS) == look(video)
    assert whole_digest(source, "a") == whole_digest(source_of(video), "a")
    source = InMemory([*frames[:-1], frames[-1][:-100]])
    finding = only(inspect_video(source, "a", FRAMES, depth=Depth.FILES))
    assert (finding.kind, finding.file) == ("truncated", f"memory/a/{FRAMES - 1}.jpg")
