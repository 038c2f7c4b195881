from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.dataprep.media import counted, file_root, frame_root, open_media
from mmaction.errors import DataError

from .conftest import touch_frames, write_video


def test_frames_are_counted_at_any_depth(tmp_path: Path) -> None:
    for name, count in (("b", 3), ("class a/x", 5), ("class a/deep/y", 1)):
        touch_frames(tmp_path / name, count)
    touch_frames(tmp_path / ".b.partial-1", 9)
    (tmp_path / "empty").mkdir()
    (tmp_path / "class a/note.jpg").touch()
    (tmp_path / "class a/x/flow_x_00001.jpg").touch()
    root = frame_root(str(tmp_path), jobs=2)
    assert root.names == ["b", "class a/deep/y", "class a/x"]
    assert root.count(["class a/x", "b"]) == {"class a/x": 5, "b": 3}


def test_gaps_and_other_beginnings_are_told(tmp_path: Path) -> None:
    touch_frames(tmp_path / "a", 5)
    touch_frames(tmp_path / "b", 5)
    (tmp_path / "b/img_00003.jpg").unlink()
    touch_frames(tmp_path / "c", 5, start=4)
    assert frame_root(str(tmp_path)).count(["a", "b", "c"]) == {
        "a": 5,
        "b": "img_00003.jpg is missing (1 of 5)",
        "c": "begins with img_00004.jpg, others with img_00001.jpg",
    }


def test_the_template_may_be_given(tmp_path: Path) -> None:
    touch_frames(tmp_path / "a", 2, image_tmpl="{:05d}.jpg")
    touch_frames(tmp_path / "b", 2, image_tmpl="{:06d}.jpg")
    assert frame_root(str(tmp_path)).names == ["a"]
    assert frame_root(str(tmp_path), image_tmpl="{:06d}.jpg").names == ["b"]


def test_a_first_directory_that_tells_nothing_is_passed_over(tmp_path: Path) -> None:
    touch_frames(tmp_path / "a", 2, start=7)
    touch_frames(tmp_path / "b", 2)
    assert frame_root(str(tmp_path)).count(["b"]) == {"b": 2}


def test_roots_without_frames(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no directory below"):
        frame_root(str(tmp_path))
    with pytest.raises(DataError, match="can.t be read: No such file"):
        frame_root(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="is not a directory"):
        file_root(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi", ".mkv", ".mov"])
def test_frames_of_files(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / f"c/v{suffix}", frames=7)
    (tmp_path / "bad.mp4").touch()
    root = file_root(str(tmp_path))
    assert root.names == ["bad.mp4", f"c/v{suffix}"]
    counts = root.count(root.names)
    assert counts[f"c/v{suffix}"] == 7
    assert "bad.mp4" in str(counts["bad.mp4"])


def test_places_of_splits(tmp_path: Path) -> None:
    touch_frames(tmp_path / "frames_train/a", 2)
    root = f"{tmp_path}/frames_{{split}}"
    assert list(open_media(root, ["train", "val"], files=False)) == ["train"]
    with pytest.raises(DataError, match="frames_val' can't be read: No such file"):
        open_media(root, ["val"], files=False)
    media = open_media(str(tmp_path / "frames_train"), ["train", "val"], files=False)
    assert media["train"] is media["val"]


def test_videos_are_found_as_lists_write_them() -> None:
    root = counted("root", dict.fromkeys(["c/x.mp4", "d/y", "d/x_1", "e/x_1", "z"], 1))
    assert root.find("c/x.mp4") == root.find("c/x") == root.find("x") == "c/x.mp4"
    assert (root.find("y"), root.find("y.webm"), root.find("z")) == ("d/y", "d/y", "z")
    assert root.find("d/x_1") == "d/x_1"
    assert root.find("w") is None
    with pytest.raises(DataError, match="is there 2 times: 'd/x_1', 'e/x_1'"):
        root.find("x_1")
