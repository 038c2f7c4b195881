from __future__ import annotations

import json
import os
import resource
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmaction.apis.demo import demo
from mmaction.datasets.sources.video import count_frames, frame_rate, read_frames
from mmaction.errors import ConfigError, UserError
from mmaction.explain.sheet import BAR
from mmaction.inference import VideoRecognizer
from mmaction.inference.film import Timeline, draw, write_film
from mmaction.models import Recognizer3D
from tests.frame_fixtures import write_film as make_film


def remux(given: Any, made: Any, *streams: Any) -> None:
    """Writes streams of a film into another as they are."""
    copies = {stream.index: made.add_stream_from_template(stream) for stream in streams}
    for packet in given.demux(*streams):
        if packet.dts is not None:
            packet.stream = copies[packet.stream.index]
            made.mux(packet)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three seconds at ten a second, with sound."""
    silent = make_film(tmp_path / "silent.mp4", 30, step=6)
    path = tmp_path / "film.mp4"
    with av.open(str(silent)) as given, av.open(str(path), "w") as made:
        sound = made.add_stream("aac", rate=16000)
        sound.layout = "mono"
        remux(given, made, given.streams.video[0])
        tone = np.sin(np.arange(3 * 16000) * 0.2).astype(np.float32)
        for start in range(0, len(tone), 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1000], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            made.mux(sound.encode(frame))
        made.mux(sound.encode())
    return path


def test_film_keeps_size_rate_and_sound(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    parts = demo(recognizer, film, out, window_sec=1.0, stride_sec=0.5)
    assert len(parts) == 5  # from 0, 0.5, 1, 1.5 and 2
    assert count_frames(out) == 30
    with av.open(str(film)) as given, av.open(str(out)) as made:
        before, after = given.streams.video[0], made.streams.video[0]
        assert (after.width, after.height) == (before.width, before.height)
        times = [[f.time for f in c.decode(video=0)] for c in (given, made)]
        np.testing.assert_allclose(times[1], np.array(times[0]) - times[0][0], atol=1e-3)
    with av.open(str(out)) as made:
        samples = sum(frame.samples for frame in made.decode(audio=0))
        assert samples / 16000 == pytest.approx(3, abs=0.2)


def test_film_of_a_late_part_of_a_recording_begins_at_once(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.mkv"
    options = {"output_ts_offset": "100"}
    with av.open(str(film)) as given, av.open(str(late), "w", options=options) as made:
        remux(given, made, *given.streams)
    demo(recognizer, late, tmp_path / "out.mp4", window_sec=1.0, stride_sec=1.0)
    for kind in ("video", "audio"):
        with av.open(str(late)) as given, av.open(str(tmp_path / "out.mp4")) as made:
            before, after = ([f.time for f in c.decode(**{kind: 0})] for c in (given, made))
        assert before[0] == pytest.approx(100, abs=0.1)
        assert after[0] == pytest.approx(before[0] - 100, abs=0.1)
        assert after[-1] == pytest.approx(before[-1] - 100, abs=0.1)


def test_plain_samples_at_a_rate_that_aac_lacks_are_kept(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    fine = tmp_path / "fine.mkv"
    with av.open(str(film)) as given, av.open(str(fine), "w") as made:
        sound = made.add_stream("pcm_s16le", rate=192_000)
        sound.layout = "mono"
        remux(given, made, given.streams.video[0])
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 3 * 192_000), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 192_000, 0, Fraction(1, 192_000)
        made.mux(sound.encode(frame))
        made.mux(sound.encode())
    demo(recognizer, fine, tmp_path / "out.mp4", window_sec=1.0, stride_sec=1.0)
    with av.open(str(tmp_path / "out.mp4")) as made:
        samples = sum(frame.samples for frame in made.decode(audio=0))
        assert samples / made.streams.audio[0].rate == pytest.approx(3, abs=0.2)


def test_a_film_that_fails_leaves_no_file_open(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    without_maps = list(recognizer.windows(film, window_sec=1.0))
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(AssertionError) as kept:
        write_film(film, without_maps, tmp_path / "out.mp4")
    assert set(os.listdir("/proc/self/fd")) == before
    assert kept.tb  # it holds what has not been closed
    assert list(tmp_path.glob("*out*")) == []


def test_a_full_disk_is_no_fault_of_the_video(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    """More than a file may hold here: the system says so as it does of a full disk."""
    parts = list(recognizer.windows(film, window_sec=1.0, explain=True))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(UserError, match=r"film '.*out\.mp4' can't be written: File too large"):
            write_film(film, parts, tmp_path / "out.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("*out*")) == []


def test_a_frame_has_the_map_of_the_nearest_look_and_its_weight(
    recognizer: VideoRecognizer, film: Path
) -> None:
    parts = list(recognizer.windows(film, window_sec=1.0, stride_sec=0.5, explain=True))
    timeline = Timeline(parts)
    position = int(parts[2].frame_indices[1])
    part, number = timeline.look(position)
    assert part.frame_indices[number] == position
    frame = read_frames(film, [position])[0]
    drawn = draw(frame, position, timeline)
    assert drawn.shape == frame.shape
    filled = (drawn[-1] == np.array(BAR)).all(axis=1).sum()
    assert filled == pytest.approx(part.temporal[number] * frame.shape[1], abs=1.5)
    left, top, width, height = part.region
    assert (left, top) >= (0, 0)
    assert left + width <= frame.shape[1]
    assert top + height <= frame.shape[0]


def test_json_has_every_part(recognizer: VideoRecognizer, film: Path, tmp_path: Path) -> None:
    parts = demo(recognizer, film, tmp_path / "a.json", window_sec=1.0, stride_sec=1.0)
    said: dict[str, Any] = json.loads((tmp_path / "a.json").read_text())
    assert said["video"] == "film.mp4"
    assert [each["label"] for each in said["parts"]] == [part.label for part in parts]
    assert len(said["parts"]) == 3


def test_page_has_a_player_for_each_part(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    parts = demo(recognizer, film, tmp_path / "page", window_sec=1.5, stride_sec=1.5)
    assert [part.frames for part in parts] == [None, None]  # a long video's would fill the memory
    assert parts[0]._repr_png_() is None
    assert (tmp_path / "page/index.html").is_file()
    assert len(list((tmp_path / "page/film.mp4").glob("*/player.js"))) == 2


def test_a_video_of_one_frame_has_a_player(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    still = make_film(tmp_path / "still.mp4", 1)
    (part,) = demo(recognizer, still, tmp_path / "page")
    assert set(part.frame_indices) == {0}
    (shown,) = (tmp_path / "page/still.mp4").glob("*/clip.mp4")
    assert count_frames(shown) == len(part.frame_indices)
    assert 1 < frame_rate(shown) < 100


def test_without_attention_another_explainer_is_named(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    backbone = dict(type="ResNet3D", depth=10, base_channels=4)
    plain = VideoRecognizer(
        network=Recognizer3D(num_classes=3, clip_len=4, backbone=backbone).eval(),
        pipeline=recognizer.pipeline,
        description=recognizer.description,
    )
    lengths = dict(window_sec=1.0, stride_sec=1.0)
    with pytest.raises(UserError, match="no attention maps: name an explainer, .*--explainer rise"):
        demo(plain, film, tmp_path / "a.mp4", **lengths)
    parts = demo(plain, film, tmp_path / "a.mp4", explainer="grad_cam", **lengths)
    assert [part.method for part in parts] == ["grad_cam"] * 3
    assert count_frames(tmp_path / "a.mp4") == 30


def test_other_names_are_refused(recognizer: VideoRecognizer, film: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out .*a\.avi: expected a file \.mp4 or \.json"):
        demo(recognizer, film, tmp_path / "a.avi")
    assert not (tmp_path / "a.avi").exists()
    (tmp_path / "same.mp4").symlink_to(film)
    with pytest.raises(ConfigError, match=r"same\.mp4: is the video itself"):
        demo(recognizer, film, tmp_path / "same.mp4")
    for key, value in (("stride_sec", 0.0), ("window_sec", float("inf"))):
        with pytest.raises(ConfigError, match=f"{key}={value}: expected more than 0"):
            demo(recognizer, film, tmp_path / "a.json", **{key: value})
