from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.errors import DataError
from mmaction.inference.listing import find_paths


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_directories_are_searched_for_videos_and_frames(tmp_path: Path) -> None:
    make(tmp_path, "a/2.mp4", "a/1.webm", "a/notes.md", "a/thumb.jpg", "a/b/3.avi", ".h/4.mp4")
    make(tmp_path, "frames/x y/img_1.jpg", "frames/x y/img_2.jpg", "frames/z/0.png")
    found = find_paths([tmp_path / "frames/z", tmp_path])
    names = ["frames/z", "a/1.webm", "a/2.mp4", "a/b/3.avi", "frames/x y"]
    assert found == [str(tmp_path / name) for name in names]


def test_lists_are_taken_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, "1.mp4")
    (tmp_path / "list.txt").write_text("\n2.mp4 \n../elsewhere.mp4\n/root/3.mp4\n1.mp4\n2.mp4\n")
    found = find_paths([tmp_path / "1.mp4", tmp_path / "list.txt"])
    names = ["1.mp4", "2.mp4", "../elsewhere.mp4", "/root/3.mp4"]
    assert found == [str(tmp_path / "x").removesuffix("x") * (n[0] != "/") + n for n in names]


def test_what_is_not_there_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    for name, said in (
        ("none.mp4", "does not exist"),
        ("none.txt", "does not exist"),
        ("empty", "no video file and no directory of frames"),
        ("empty.txt", "the list is empty"),
    ):
        with pytest.raises(DataError, match=said):
            find_paths([tmp_path / name])
