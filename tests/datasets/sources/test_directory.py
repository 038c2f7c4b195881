from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.errors import ConfigError, DataError


def touch(directory: Path, *names: str) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("names", "image_tmpl", "start_index"),
    [
        (["img_00001.jpg", "img_00002.jpg"], "img_{:05d}.jpg", 1),
        (["00000.jpg", "00001.jpg"], "{:05d}.jpg", 0),
        (["000001.jpg"], "{:06d}.jpg", 1),
        (["frame_0001.png", "frame_0002.png"], "frame_{:04d}.png", 1),
        ([f"{n}.JPEG" for n in range(1, 12)], "{:d}.JPEG", 1),
        ([f"take-7 {n:02d}.jpg" for n in (*range(1, 12), 100)], "take-7 {:02d}.jpg", 1),
        (["img_00001.jpg", "flow_x_00001.jpg", "flow_y_00001.jpg"], "img_{:05d}.jpg", 1),
        (["img_00001.jpg", "ground_truth.npz", "notes.txt"], "img_{:05d}.jpg", 1),
    ],
)
def test_finds_out_template_and_start(
    tmp_path: Path, names: list[str], image_tmpl: str, start_index: int
) -> None:
    touch(tmp_path / "a b", *names)
    source = find_frames(tmp_path, "a b")
    assert (source.image_tmpl, source.start_index) == (image_tmpl, start_index)
    assert source.path("a b", 0) == str(tmp_path / "a b" / image_tmpl.format(start_index))
    assert source.read("a b", 0) == b"x"


FROM_3 = [f"img_{n:05d}.jpg" for n in range(3, 9)]
LISTING = r"holds img_00003.jpg, img_00004.jpg, img_00005.jpg, …, img_00008.jpg \(6 in all\)"


def test_takes_what_is_given_where_it_is_there(tmp_path: Path) -> None:
    touch(tmp_path / "a", *FROM_3)
    source = find_frames(tmp_path, "a", image_tmpl="img_{:05d}.jpg", start_index=3)
    assert source.path("a", 2) == str(tmp_path / "a" / "img_00005.jpg")


@pytest.mark.parametrize(
    ("files", "given", "message"),
    [
        (FROM_3, dict(image_tmpl="{:05d}.jpg"), rf"no frame fits image_tmpl='{{:05d}}.*{LISTING}"),
        (FROM_3, dict(image_tmpl="img_{:06d}.jpg"), r"no frame fits image_tmpl='img_{:06d}.jpg'"),
        (FROM_3, dict(start_index=1), rf"no frame 'img_00001.jpg' for start_index=1; .*{LISTING}"),
        (FROM_3, {}, rf"start at number 3, neither 0 nor 1; .*{LISTING}"),
        ([], {}, r"no numbered images; '.*/a' is empty"),
        (["clip.mp4"], {}, r"no numbered images; '.*/a' holds clip.mp4 \(1 in all\)"),
        (["u_01.jpg", "v_01.jpg"], {}, r"several series of numbered images; .*u_01.jpg, v_01.jpg"),
        (None, {}, r"frame directory '.*/a' does not exist"),
    ],
)
def test_names_what_is_there_instead(
    tmp_path: Path, files: list[str] | None, given: dict[str, Any], message: str
) -> None:
    if files is not None:
        touch(tmp_path / "a", *files)
    with pytest.raises(DataError, match=message):
        find_frames(tmp_path, "a", **given)


@pytest.mark.parametrize(
    "image_tmpl", ["img.jpg", "img_%05d.jpg", "{}/{}.jpg", "a/{:05d}.jpg", "{x}", "{video}.jpg"]
)
def test_no_template(tmp_path: Path, image_tmpl: str) -> None:
    touch(tmp_path / "a", "img_00001.jpg")
    with pytest.raises(ConfigError, match=r"no file name with one number such as 'img_{:05d}.jpg'"):
        find_frames(tmp_path, "a", image_tmpl=image_tmpl)


@pytest.mark.parametrize(
    ("video", "position", "message"),
    [
        (
            "a",
            3,
            r"'.*/a/img_00004.jpg' does not exist; the directory has 7 frames,"
            r" the nearest img_00003.jpg and img_00006.jpg",
        ),
        ("a", 20, r"has 7 frames, the nearest img_00009.jpg$"),
        ("b", 0, r"frame directory '.*/b' does not exist"),
        ("c", 0, r"'.*/c/img_00001.jpg' does not exist; '.*/c' holds 1.jpg"),
        ("a", 7, r"img_00008.jpg' is a directory, not an image file"),
        ("a", 8, r"img_00009.jpg' is empty \(zero bytes\)"),
        ("file", 0, r"file/img_00001.jpg' can't be read: Not a directory"),
    ],
)
def test_frames_that_can_not_be_read(
    tmp_path: Path, video: str, position: int, message: str
) -> None:
    touch(tmp_path / "a", *[f"img_{n:05d}.jpg" for n in (1, 2, 3, 6, 7)])
    (tmp_path / "a/img_00008.jpg").mkdir()
    (tmp_path / "a/img_00009.jpg").write_bytes(b"")
    touch(tmp_path / "c", "1.jpg")
    (tmp_path / "file").write_bytes(b"")
    source = find_frames(tmp_path, "a")
    with pytest.raises(DataError, match=message):
        source.read(video, position)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    touch(tmp_path / "a", "img_00001.jpg")
    (tmp_path / "a" / "img_00001.jpg").chmod(0)
    with pytest.raises(DataError, match="can't be read: Permission denied"):
        find_frames(tmp_path, "a").read("a", 0)


def test_videos_without_a_directory(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a 3 0\nb 4 2\nc/d 5 7\nc/e 5 1\nc/f 5 3\n")
    annotations = AnnotationList.load(tmp_path / "list.txt")
    source = FrameDirectory(str(tmp_path), "img_{:05d}.jpg", 1)
    everything = range(len(annotations))
    assert source.missing(annotations, everything) == [0, 1, 2, 3, 4]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "c").mkdir()
    for name in ("a", "c/d", "c/f"):  # linked directories count
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "c/e").write_text("a file")
    assert source.missing(annotations, everything) == [1, 3]
    assert source.missing(annotations, [0, 3]) == [3]
    with pytest.raises(DataError, match="nowhere' is not a directory"):
        FrameDirectory(str(tmp_path / "nowhere"), "{}.jpg", 1).missing(annotations, [0])


def test_frames_named_after_their_video(tmp_path: Path) -> None:
    """As in Charades and AVA; found out, or said."""
    for video in ("7UPGT", "x/B {1}"):
        (tmp_path / video).mkdir(parents=True)
        plain = video.split("/")[-1].replace("{", "").replace("}", "")
        touch(tmp_path / video, *(f"{plain}-{n:06d}.jpg" for n in (1, 2)))
    for source in (
        find_frames(tmp_path, "7UPGT"),
        find_frames(tmp_path, "7UPGT", image_tmpl="{video}-{:06d}.jpg"),
    ):
        assert source.image_tmpl == "{video}-{:06d}.jpg"
        assert source.path("7UPGT", 1) == str(tmp_path / "7UPGT/7UPGT-000002.jpg")
        assert source.read("x/B {1}", 0) == b"x"
        assert source.count("7UPGT") == 2


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".png"])
def test_videos_may_differ_in_the_suffix_of_their_frames(tmp_path: Path, suffix: str) -> None:
    """Within a video they may not: of the series that there is, a missing frame is named."""
    touch(tmp_path / "a", "img_1.jpg", "img_2.jpg")
    touch(tmp_path / "b", f"img_1{suffix}", f"img_3{suffix}")
    source = find_frames(tmp_path, "a")
    assert source.read("b", 0) == b"x"
    assert source.path("b", 0) == str(tmp_path / f"b/img_1{suffix}")
    assert source.read("a", 1) == b"x"
    assert (source.count("a"), source.count("b")) == (2, 2)
    with pytest.raises(
        DataError, match=rf"img_2{suffix}' does not exist; .* nearest img_1{suffix}"
    ):
        source.read("b", 1)
    again = pickle.loads(pickle.dumps(source))
    assert again.read("b", 0) == b"x"
