"""The command that builds annotation lists, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mmaction.datasets import AnnotationList, RawframeDataset
from tests.frame_fixtures import write_film, write_frame_files

V1_LABELS = "Holding something\nFolding something\nMoving something up\n"
KINETICS = "label,youtube_id,time_start,time_end,split\n"


frames = partial(write_frame_files, image_tmpl="{:05d}.jpg")
video = partial(write_film, step=20)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """V1's files, frames of three videos it lists and of one it does not."""
    published = tmp_path / "published"
    published.mkdir()
    for word, text in (
        ("labels", V1_LABELS),
        ("train", "1;Folding something\n2;Holding something\n3;Folding something\n"),
        ("validation", "4;Moving something up\n5;Folding something\n"),
        ("test", "6\n"),
    ):
        (published / f"something-something-v1-{word}.csv").write_text(text)
    for name, count in (("1", 3), ("2", 5), ("4", 4), ("77", 2)):
        frames(tmp_path / "rawframes" / name, count)
    return tmp_path


@pytest.fixture
def build(run_tool: Callable, tmp_path: Path) -> Callable:
    """``build(kind, …)`` writes ``tmp_path / "out"``, from ``published`` if the kind is such."""

    def build(kind: str, *options: object, code: int = 0) -> object:
        published = [] if kind in ("folder", "csv") else [tmp_path / "published"]
        common = ("--out", tmp_path / "out", "--jobs", 1)
        done = run_tool("data/build_annotations", kind, *published, *options, *common)
        assert done.code == code, done.err
        return done

    return build


def test_something_v1(build: Callable, v1: Path) -> None:
    done = build("sthv1", "--frames-root", v1 / "rawframes")
    out = v1 / "out"
    assert (out / "train.txt").read_text() == "1 3 1\n2 5 0\n"
    assert (out / "val.txt").read_text() == "4 4 2\n"
    assert not (out / "test.txt").exists()
    assert (out / "classes.txt").read_text() == V1_LABELS
    assert done.out.splitlines() == [
        "train: 2 of 3 listed videos, 86017 published",
        "  1 are not there: 3",
        "  1 of 3 classes have no video: Moving something up",
        "val: 1 of 2 listed videos, 11522 published",
        "  1 are not there: 5",
        "  2 of 3 classes have no video: Holding something; Folding something",
        "test: 0 of 1 listed videos, 10960 published",
        "  1 are not there: 6",
        f"1 videos in {v1}/rawframes are in no list: 77",
        f"{out}: train.txt, val.txt, 3 classes, report.json",
    ]
    report = json.loads((out / "report.json").read_text())
    assert report["splits"]["train"] == {
        "listed": 3,
        "written": 2,
        "published": 86017,
        "missing": ["3"],
        "unusable": {},
        "classes_without_videos": ["Moving something up"],
    }
    assert report["unlisted"] == {f"{v1}/rawframes": ["77"]}


def test_the_lists_make_a_data_set(build: Callable, v1: Path) -> None:
    build("sthv1", "--frames-root", v1 / "rawframes")
    pipeline = [
        dict(type="SampleSegments", clip_len=2, placement="center"),
        dict(type="DecodeFrames"),
        dict(type="PackClips"),
    ]
    dataset = RawframeDataset(
        ann_file=v1 / "out/train.txt", data_root=v1 / "rawframes", pipeline=pipeline, num_classes=3
    )
    assert dataset[0]["inputs"].shape == (1, 2, 48, 64, 3)
    assert dataset.classes == ("Holding something", "Folding something", "Moving something up")


def test_lists_without_labels_for_a_test_split(build: Callable, v1: Path) -> None:
    frames(v1 / "rawframes/6", 7)
    build("sthv1", "--frames-root", v1 / "rawframes")
    assert (v1 / "out/test.txt").read_text() == "6 7\n"


def test_a_gap_leaves_a_video_out_and_is_reported(build: Callable, v1: Path) -> None:
    (v1 / "rawframes/2/00003.jpg").unlink()
    done = build("sthv1", "--frames-root", v1 / "rawframes")
    assert "  1 can't be used: 2 (00003.jpg is missing (1 of 5))" in done.out.splitlines()
    assert (v1 / "out/train.txt").read_text() == "1 3 1\n"


def test_something_v2_from_video_files(build: Callable, tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    (published / "labels.json").write_text('{"Folding something": "0", "Holding something": "1"}')
    train = [{"id": "7", "label": "holding a cup", "template": "Holding [something]"}]
    (published / "train.json").write_text(json.dumps(train))
    video(tmp_path / "videos/7.mp4", 6)
    (tmp_path / "videos/8.mp4").touch()
    done = build("sthv2", "--videos-root", tmp_path / "videos")
    assert (tmp_path / "out/train.txt").read_text() == "7.mp4 6 1\n"
    assert "1 videos in" in done.out


def test_kinetics_in_places_of_their_own(build: Callable, tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    rows = KINETICS + "waving,abc,5,15,train\nbending,x_y-z,0,10,train\n"
    (published / "train.csv").write_text(rows)
    (published / "val.csv").write_text(KINETICS + "bending,abc,90,100,validate\n")
    frames(tmp_path / "rawframes_train/abc_000005_000015", 2, image_tmpl="img_{:05d}.jpg")
    frames(tmp_path / "rawframes_train/bending/x_y-z_000000_000010", 3, image_tmpl="img_{:05d}.jpg")
    frames(tmp_path / "rawframes_val/bending/abc_000090_000100", 4, image_tmpl="img_{:05d}.jpg")
    root = tmp_path / "rawframes_{split}"
    build("kinetics400", "--frames-root", root)
    out = tmp_path / "out"
    assert (out / "train.txt").read_text() == (
        "abc_000005_000015 2 1\nbending/x_y-z_000000_000010 3 0\n"
    )
    assert (out / "val.txt").read_text() == "bending/abc_000090_000100 4 0\n"
    assert (out / "classes.txt").read_text() == "bending\nwaving\n"


def test_class_folders(build: Callable, tmp_path: Path) -> None:
    for folder, count in (("wave", 5), ("bend over", 10)):
        for number in range(count):
            frames(tmp_path / "mine" / folder / f"v{number}", 2)
    build("folder", "--frames-root", tmp_path / "mine")
    train = AnnotationList.load(tmp_path / "out/train.txt")
    val = AnnotationList.load(tmp_path / "out/val.txt")
    assert np.bincount(train.labels).tolist() == [8, 4]
    assert np.bincount(val.labels).tolist() == [2, 1]
    assert not set(train.names()) & set(val.names())
    assert all(name.startswith("bend over/") for name in list(val.names())[:2])


def test_class_folders_of_splits(build: Callable, tmp_path: Path) -> None:
    video(tmp_path / "train/wave/a.mp4", 4)
    video(tmp_path / "train/bend/b.mp4", 3)
    video(tmp_path / "val/wave/c.mp4", 2)
    build("folder", "--videos-root", tmp_path / "{split}")
    assert (tmp_path / "out/train.txt").read_text() == "bend/b.mp4 3 0\nwave/a.mp4 4 1\n"
    assert (tmp_path / "out/val.txt").read_text() == "wave/c.mp4 2 1\n"


def test_a_csv_with_frames_and_splits(build: Callable, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("path;label;frames;split\na b;x;4;train\nc;y;5;train\nd;x;6;val\n")
    build("csv", table)
    assert (tmp_path / "out/train.txt").read_text() == "a b 4 0\nc 5 1\n"
    assert (tmp_path / "out/val.txt").read_text() == "d 6 0\n"


def test_a_csv_whose_frames_are_counted(build: Callable, tmp_path: Path) -> None:
    frames(tmp_path / "mine/a", 3)
    table = tmp_path / "table.csv"
    table.write_text("path,label\na,x\nb,x\n")
    assert "has no column 'frames'" in build("csv", table, code=2).error
    done = build("csv", table, "--frames-root", tmp_path / "mine", "--val-share", 0)
    assert (tmp_path / "out/train.txt").read_text() == "a 3 0\n"
    assert "1 are not there: b" in done.out


def test_parts_of_long_videos_in_seconds_and_in_frames(build: Callable, tmp_path: Path) -> None:
    """Frames are shown at 0, 0.1, … 0.9 s: of seconds those from the start to before the end."""
    video(tmp_path / "films/long.mp4", 10)
    frames(tmp_path / "frames/long", 10)
    table, root = tmp_path / "table.csv", ("--val-share", 0)
    table.write_text(
        "path,label,start_sec,end_sec\nlong,x,0.2,0.5\nlong,y,0.45,9\nlong,x,2,3\n"
    )
    done = build("csv", table, "--videos-root", tmp_path / "films", *root)
    assert (tmp_path / "out/train.txt").read_text() == "long.mp4 2:5 0\nlong.mp4 5:10 1\n"
    assert "10:10 is no part of its 10 frames" in done.out
    done = build("csv", table, "--frames-root", tmp_path / "frames", *root, code=2)
    assert "say by --fps how many frames a second has there" in done.err
    build("csv", table, "--frames-root", tmp_path / "frames", *root, "--fps", 10)
    assert (tmp_path / "out/train.txt").read_text() == "long 2:5 0\nlong 5:10 1\n"
    table.write_text("path,label,frames,start_frame,end_frame\nlong,x,10,3,8\nlong,y,10,8,11\n")
    done = build("csv", table, *root)
    assert (tmp_path / "out/train.txt").read_text() == "long 3:8 0\n"
    assert "8:11 is no part of its 10 frames" in done.out
    table.write_text("path,label,start_sec,end_sec\nlong,x,3,3\n")
    assert "start_sec '3', end_sec '3': expected two" in build("csv", table, code=2).error


def test_a_draw_keeps_the_parts_of_a_video_together(build: Callable, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    rows = [f"{n},x,9,0,3\n{n},y,9,3,6\n" for n in range(6)]
    table.write_text("path,label,frames,start_frame,end_frame\n" + "".join(rows))
    build("csv", table)
    train, val = (AnnotationList.load(tmp_path / f"out/{s}.txt") for s in ("train", "val"))
    assert set(train.names()).isdisjoint(val.names())


def test_run_again_it_replaces_its_own_lists_only(build: Callable, v1: Path) -> None:
    (v1 / "out").mkdir()
    (v1 / "out/train.txt").write_text("mine 3 0\n")
    done = build("sthv1", "--frames-root", v1 / "rawframes", code=2)
    assert "train.txt' is there and was not written by this command" in done.err
    assert [path.name for path in (v1 / "out").iterdir()] == ["train.txt"]
    build("sthv1", "--frames-root", v1 / "rawframes", "--overwrite")
    frames(v1 / "rawframes/3", 8)
    build("sthv1", "--frames-root", v1 / "rawframes")
    assert (v1 / "out/train.txt").read_text() == "1 3 1\n2 5 0\n3 8 1\n"


def test_bad_input_costs_one_line_and_writes_nothing(build: Callable, v1: Path) -> None:
    (v1 / "published/something-something-v1-train.csv").write_text("1;Dancing\n")
    done = build("sthv1", "--frames-root", v1 / "rawframes", code=2)
    assert "v1-train.csv:1: label 'Dancing' is no class of" in done.error
    assert not (v1 / "out").exists()


def test_nothing_found_shows_both_names(build: Callable, v1: Path) -> None:
    frames(v1 / "other/clip_1", 2)
    done = build("sthv1", "--frames-root", v1 / "other", code=2)
    assert "listed is '1' (" in done.err
    assert "there is 'clip_1'" in done.err
    assert not (v1 / "out").exists()


def test_names_that_no_list_can_hold(build: Callable, tmp_path: Path) -> None:
    frames(tmp_path / "mine/wave/a\nb", 2)
    done = build("folder", "--frames-root", tmp_path / "mine", "--val-share", 0, code=2)
    assert "rename" in done.err or "directory frames label" in done.err
    assert not (tmp_path / "out/train.txt").exists()
