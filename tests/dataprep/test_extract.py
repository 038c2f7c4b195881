from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmaction.dataprep.extract import (
    DRAFTS,
    RECORD_FILE,
    ExtractOptions,
    ExtractReport,
    extract_videos,
)
from mmaction.datasets.sources.video import read_frames
from mmaction.errors import DataError, UserError

from .conftest import cut, grey_levels, noise, write_video


def extract(root: Path, **options: Any) -> ExtractReport:
    overwrite = options.pop("overwrite", False)
    jobs = options.pop("jobs", 1)
    settings = ExtractOptions(**options)
    return extract_videos(root / "in", root / "out", settings, jobs=jobs, overwrite=overwrite)


def files(directory: Path) -> list[str]:
    """Visible files below a directory."""
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


def means(directory: Path) -> list[float]:
    return [float(cv2.imread(str(directory / name)).mean()) for name in files(directory)]


def test_writes_a_directory_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "in/b.webm", frames=3)
    write_video(tmp_path / "in/class a/x.mp4", frames=5)
    report = extract(tmp_path, jobs=2)
    assert files(tmp_path / "out") == [
        *(f"b/img_0000{n}.jpg" for n in (1, 2, 3)),
        *(f"class a/x/img_0000{n}.jpg" for n in (1, 2, 3, 4, 5)),
    ]
    np.testing.assert_allclose(means(tmp_path / "out/class a/x"), grey_levels(5), atol=5)
    assert report.extracted == ["b", "class a/x"]
    assert (report.frames, report.already_there, report.failed) == (8, 0, {})
    assert not (tmp_path / "out" / DRAFTS).exists()


def test_options_shape_the_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "in/v.mp4", frames=8)
    extract(tmp_path, image_tmpl="{:06d}.jpg", short_side=24, fps=5, quality=60)
    assert files(tmp_path / "out/v") == [f"00000{n}.jpg" for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(means(tmp_path / "out/v"), grey_levels(8)[::2], atol=5)
    assert cv2.imread(str(tmp_path / "out/v/000001.jpg")).shape == (24, 32, 3)


def test_quality_is_that_of_opencv(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in/v.mp4", frames=1)
    extract(tmp_path, quality=70)
    [image] = read_frames(path, [0])
    bgr = np.ascontiguousarray(image[..., ::-1])
    expected = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    assert (tmp_path / "out/v/img_00001.jpg").read_bytes() == expected.tobytes()


def test_making_smaller_averages(tmp_path: Path) -> None:
    board = np.indices((48, 64)).sum(axis=0) % 2 * 200
    write_video(tmp_path / "in/v.mp4", images=[np.dstack([board] * 3).astype(np.uint8)])
    extract(tmp_path, short_side=24)
    image = cv2.imread(str(tmp_path / "out/v/img_00001.jpg"))
    np.testing.assert_allclose(image, np.full((24, 32, 3), 100), atol=8)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [((340, 256), 128, (170, 128)), ((256, 340), 128, (128, 170)), ((64, 48), 96, (64, 48))],
)
def test_the_shorter_side_fits(
    tmp_path: Path, size: tuple[int, int], short_side: int, expected: tuple[int, int]
) -> None:
    write_video(tmp_path / "in/v.mp4", frames=1, width=size[0], height=size[1])
    extract(tmp_path, short_side=short_side)
    assert cv2.imread(str(tmp_path / "out/v/img_00001.jpg")).shape[1::-1] == expected


def test_what_is_done_is_skipped(tmp_path: Path) -> None:
    write_video(tmp_path / "in/a.mp4", frames=3)
    extract(tmp_path)
    before = (tmp_path / "out/a/img_00001.jpg").stat().st_mtime_ns
    write_video(tmp_path / "in/b.mp4", frames=2)
    report = extract(tmp_path)
    assert (report.extracted, report.already_there) == (["b"], 1)
    assert (tmp_path / "out/a/img_00001.jpg").stat().st_mtime_ns == before


def test_a_video_that_changed_is_extracted_anew(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in/a.mp4", frames=6)
    extract(tmp_path)
    write_video(path, frames=2)
    assert extract(tmp_path).extracted == ["a"]
    assert files(tmp_path / "out") == ["a/img_00001.jpg", "a/img_00002.jpg"]
    # One byte of the same size is another video.
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert extract(tmp_path).extracted == ["a"]
    assert extract(tmp_path).already_there == 1


def test_other_options_need_overwrite(tmp_path: Path) -> None:
    write_video(tmp_path / "in/a.mp4", frames=4)
    extract(tmp_path)
    with pytest.raises(DataError, match="short_side=None, now 24: .*--overwrite"):
        extract(tmp_path, short_side=24)
    assert len(files(tmp_path / "out")) == 4
    extract(tmp_path, short_side=24, fps=5, overwrite=True)
    assert len(files(tmp_path / "out")) == 2
    assert not (tmp_path / "out" / DRAFTS).exists()


def test_frames_of_others_are_left_alone(tmp_path: Path) -> None:
    write_video(tmp_path / "in/a.mp4", frames=2)
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/a/mine.txt").write_text("keep")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="out/a' is there and was not written by this command"):
            extract(tmp_path, overwrite=overwrite)
    (tmp_path / "out/a" / RECORD_FILE).write_text("{}")
    with pytest.raises(DataError, match="was not written by this command"):
        extract(tmp_path)
    assert files(tmp_path / "out") == ["a/mine.txt"]


def test_bad_videos_stop_nothing(tmp_path: Path) -> None:
    good = write_video(tmp_path / "in/good.mp4", frames=3)
    (tmp_path / "in/empty.mp4").touch()
    data = good.read_bytes()
    (tmp_path / "in/cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "in/gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    report = extract(tmp_path, jobs=2)
    assert report.extracted == ["good"]
    videos = tmp_path / "in"
    assert report.failed == {
        f"{videos}/cut.mp4": f"video '{videos}/cut.mp4' has no video stream",
        f"{videos}/empty.mp4": f"video '{videos}/empty.mp4' can't be read:"
        " it is empty (zero bytes)",
        f"{videos}/gone.mp4": f"video '{videos}/gone.mp4' can't be read: No such file or directory",
    }
    assert os.listdir(tmp_path / "out/good")
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == ["good"]
    # Put right, it is extracted by the next run.
    (tmp_path / "in/cut.mp4").write_bytes(data)
    assert extract(tmp_path).extracted == ["cut"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied_is_a_cause(tmp_path: Path) -> None:
    write_video(tmp_path / "in/a.mp4").chmod(0)
    [problem] = extract(tmp_path).failed.values()
    assert problem.endswith("a.mp4' can't be read: Permission denied")


def test_damaged_videos_fail_unless_kept(tmp_path: Path) -> None:
    cut(write_video(tmp_path / "in/a.webm", images=noise(30)), 0.5)
    report = extract(tmp_path)
    [problem] = report.failed.values()
    assert "a.webm' is truncated: it ends at 1." in problem
    assert files(tmp_path / "out") == []
    report = extract(tmp_path, keep_damaged=True)
    assert (report.extracted, list(report.damaged)) == (["a"], ["a"])
    assert 0 < report.frames < 30
    assert len(files(tmp_path / "out/a")) == report.frames


def test_a_change_of_size_within_a_video_is_resized_away(tmp_path: Path) -> None:
    # Two raw H.264 streams one after the other are one whose size changes.
    import av

    parts = []
    for width in (64, 96):
        path = tmp_path / f"{width}.h264"
        with av.open(str(path), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
            for _ in range(3):
                grey = np.full((48, width, 3), 90, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        parts.append(path.read_bytes())
    (tmp_path / "in").mkdir()
    (tmp_path / "in/list.txt").write_text("joined.h264\n")
    (tmp_path / "in/joined.h264").write_bytes(b"".join(parts))
    extract_videos(tmp_path / "in/list.txt", tmp_path / "out", ExtractOptions())
    shapes = [cv2.imread(str(tmp_path / "out" / name)).shape for name in files(tmp_path / "out")]
    assert shapes == [(48, 64, 3)] * 6


def test_leftovers_of_killed_runs_are_cleaned_up(tmp_path: Path) -> None:
    write_video(tmp_path / "in/c/a.mp4", frames=2)
    for left in (f"{DRAFTS}/.a.123/new", "c/.mine"):
        (tmp_path / "out" / left).mkdir(parents=True)
    extract(tmp_path)
    assert sorted(os.listdir(tmp_path / "out")) == [".lock", "c"]
    assert sorted(os.listdir(tmp_path / "out/c")) == [".mine", "a"]


def test_one_command_at_a_time(
    tmp_path: Path,
    hold_directory: Callable[[Path], subprocess.Popen],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mmaction.files._PATIENCE_SEC", 0.1)
    pytest.importorskip("fcntl")
    write_video(tmp_path / "in/a.mp4", frames=2)
    (tmp_path / "out").mkdir()
    holder = hold_directory(tmp_path / "out")
    with pytest.raises(UserError, match=f"out': process {holder.pid} on .* writes there: wait"):
        extract(tmp_path)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (dict(quality=0), "quality is 0, must be from 1 to 100"),
        (dict(quality=101), "quality is 101"),
        (dict(short_side=0), "short_side is 0, must be at least 1"),
        (dict(fps=0.0), "fps is 0, must be greater than 0"),
        (dict(fps=float("nan")), "fps is nan"),
        (dict(image_tmpl="img.jpg"), "image_tmpl='img.jpg' is no file name"),
        (dict(image_tmpl="{:05d}.png"), "is no name of a JPEG"),
        (dict(image_tmpl="{video}_{:05d}.jpg"), "is no name of a JPEG"),
        (dict(image_tmpl="{}/{}.jpg"), "image_tmpl"),
        (dict(image_tmpl="{:05d.jpg"), "image_tmpl"),
        (dict(image_tmpl="../{:05d}.jpg"), "image_tmpl"),
    ],
)
def test_options_that_cannot_be_right(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        ExtractOptions(**options)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    write_video(tmp_path / "in/a.mp4", frames=2)
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="out.*can't be written"):
        extract(tmp_path)
    (tmp_path / "out").unlink()
    (tmp_path / "in/c").mkdir()
    write_video(tmp_path / "in/c/b.mp4", frames=2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/c").touch()  # a file where a directory must be made
    with pytest.raises(DataError, match="out/c.*can't be written"):
        extract(tmp_path)
