from __future__ import annotations

import ast
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmaction import apis
from mmaction.apis import load_config
from mmaction.datasets.sources.video import count_frames, read_frames
from mmaction.datasets.transforms.stabilize import Stabilize
from mmaction.errors import DataError, UserError
from mmaction.inference import VideoRecognizer
from mmaction.inference.sources import FrameList, Video, opened
from mmaction.inference.windows import spans_of
from tests.conftest import CLASSES
from tests.frame_fixtures import write_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", 20, step=12)


def test_answers_as_a_test_does(
    recognizer: VideoRecognizer, tiny_config: Path, tiny_checkpoint: Path, tiny_data: Path
) -> None:
    table = apis.test(load_config(tiny_config), tiny_checkpoint).table
    assert table is not None
    names = [f"val/video {n}" for n in range(7)]
    answers = recognizer([tiny_data / "frames" / name for name in names], batch_size=3)
    for answer, scores in zip(answers, table.scores, strict=True):
        np.testing.assert_allclose(answer.probabilities, scores, atol=1e-5)
        assert answer.classes == tuple(CLASSES)
        assert answer.label == CLASSES[int(np.argmax(scores))]


def test_all_kinds_of_sources_are_the_same_video(
    recognizer: VideoRecognizer, film: Path, tmp_path: Path
) -> None:
    pixels = read_frames(film, range(20))
    paths = []
    for number, frame in enumerate(pixels):
        paths.append(tmp_path / f"{number:03d}.png")
        Image.fromarray(frame).save(paths[-1])
    expected = recognizer(film).probabilities
    images = [Image.fromarray(frame) for frame in pixels]
    sources = [film, str(film), pixels, list(pixels), images, paths]
    for source in (*sources, io.BytesIO(film.read_bytes())):
        np.testing.assert_allclose(recognizer(source).probabilities, expected, atol=1e-6)
    for answer in recognizer([*sources, film.open("rb")], batch_size=4):
        np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["..", "x" * 300 + ".mp4", "a/b.mp4", 7])
def test_any_name_of_an_open_file_will_do(
    recognizer: VideoRecognizer, film: Path, name: object
) -> None:
    file = io.BytesIO(film.read_bytes())
    file.name = name
    np.testing.assert_array_equal(recognizer(file).probabilities, recognizer(film).probabilities)


def test_says_when_and_which_frames(recognizer: VideoRecognizer, film: Path) -> None:
    answer = recognizer(film, explain=True)
    # Four segments of five frames at ten a second, the middle of each.
    assert answer.frame_indices.tolist() == [2, 7, 12, 17]
    assert answer.seconds.tolist() == pytest.approx([0.2, 0.7, 1.2, 1.7])
    assert answer.spatial.shape[0] == answer.temporal.shape[0] == len(answer.frames) == 4
    assert recognizer(read_frames(film, range(20))).seconds is None
    assert recognizer(read_frames(film, range(20)), fps=5).seconds[0] == pytest.approx(0.4)


def test_maps_are_those_of_the_network_or_of_an_explainer(
    recognizer: VideoRecognizer, film: Path
) -> None:
    plain, attended, other = (recognizer(film, explain=e) for e in (False, True, "grad_cam"))
    assert plain.spatial is None
    assert plain.frames is None
    assert attended.spatial.min() >= 0
    assert attended.spatial.max() <= 1
    assert other.method == "grad_cam"
    assert other.spatial.shape[0] == 4
    assert not np.allclose(other.temporal, attended.temporal)
    assert other.sheet().shape[2] == 3
    with pytest.raises(UserError, match="explain=True"):
        plain.sheet()


def test_maps_of_stabilized_clips_belong_to_the_frames_as_filmed(
    recognizer: VideoRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A world that goes left by two pixels a frame: the first one's left end was not seen again."""
    coarse = np.random.default_rng(0).integers(0, 256, (16, 40, 3)).astype(np.uint8)
    world = np.asarray(Image.fromarray(coarse).resize((320, 128), Image.Resampling.BICUBIC))
    film = np.stack([world[:, 2 * t : 2 * t + 128] for t in range(12)])
    first, *rest = recognizer.pipeline.transforms
    steady = [first, rest[0], Stabilize(), *rest[1:]]
    monkeypatch.setattr(recognizer.pipeline, "transforms", steady)
    answer = recognizer(film, explain=True)
    assert answer.frames is not None
    assert answer.spatial is not None
    assert answer.spatial.shape == answer.frames.shape[:3]
    unseen = (answer.frames == 0).all(axis=(1, 3))  # whole columns, T×W
    assert unseen[0, 0]
    assert unseen[-1, -1]
    assert not unseen[len(unseen) // 2].any()
    assert (answer.spatial[0, :, 0] == answer.spatial.min()).all()


def test_threads_get_the_answers_of_one(
    recognizer: VideoRecognizer, tiny_data: Path, tmp_path: Path
) -> None:
    videos = [tiny_data / f"frames/val/video {n}" for n in range(7)] * 4
    one = [recognizer(video).probabilities for video in videos]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda video: recognizer(video).probabilities, videos))
    np.testing.assert_allclose(many, one, atol=1e-6)


@pytest.mark.parametrize("explainer", ["grad_cam", "class_response"])
def test_another_call_during_an_explanation_changes_nothing(
    recognizer: VideoRecognizer, film: Path, explainer: str
) -> None:
    alone = recognizer(film, explain=explainer)
    other = read_frames(film, range(20))[::-1].copy()
    expected = recognizer(other).probabilities
    found: list[np.ndarray] = []

    def call(*_: object) -> None:
        if torch.is_inference_mode_enabled():  # not within the explanation, but of the other call
            return
        with ThreadPoolExecutor(1) as thread:
            found.append(thread.submit(recognizer, other).result().probabilities)

    stage = recognizer.network.perception_branch.stage
    with stage.register_forward_hook(call):
        answer = recognizer(film, explain=explainer)
    np.testing.assert_array_equal(answer.spatial, alone.spatial)
    assert found
    for probabilities in found:
        np.testing.assert_array_equal(probabilities, expected)


def test_windows_are_the_parts_of_the_video(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    film = write_film(tmp_path / "long.mp4", 47, step=5)
    assert count_frames(film) == 47
    found = list(recognizer.windows(film, window_sec=1.6, stride_sec=0.5, explain=True))
    starts = [0, 5, 10, 15, 20, 25, 30, 31]  # 16 frames each, the last ends with the video
    assert len(found) == len(starts)
    for start, answer in zip(starts, found, strict=True):
        part = recognizer(read_frames(film, range(start, start + 16)), explain=True)
        np.testing.assert_allclose(answer.probabilities, part.probabilities, atol=1e-6)
        np.testing.assert_allclose(answer.spatial, part.spatial, atol=1e-5)
        assert answer.frame_indices.tolist() == (part.frame_indices + start).tolist()
        np.testing.assert_allclose(answer.seconds, answer.frame_indices / 10)


@pytest.fixture
def halting(tmp_path: Path) -> Path:
    """Ten frames in the first second, one in each of the next six, ten in the last."""
    times = [*range(10), *range(10, 70, 10), *range(70, 80)]
    return write_film(tmp_path / "halting.mkv", len(times), step=9, times=times)


def test_seconds_are_the_frames_own(recognizer: VideoRecognizer, halting: Path) -> None:
    """At the average rate the eighth frame would come at 2.2 s."""
    times = [*range(10), *range(10, 70, 10), *range(70, 80)]
    answer = recognizer(halting)
    expected = [times[i] / 10 for i in answer.frame_indices]
    np.testing.assert_allclose(answer.seconds, expected, atol=1e-3)


def test_windows_are_as_long_as_is_said(recognizer: VideoRecognizer, halting: Path) -> None:
    with opened(halting) as video:
        found = spans_of(video, window_sec=2.0, stride_sec=1.0)
        # First and last frame: by seconds 0-1, 1-2 … 7-8 these are 0-9, 10 … 15, 16-25.
        last = [10, 11, 12, 13, 14, 15, 25]
        assert found == [(n, last[k] - n + 1) for k, n in enumerate([0, *range(10, 16)])]
        assert spans_of(video, window_sec=0.5, stride_sec=1e-9)[-2:] == [(20, 5), (21, 5)]
        assert len(spans_of(video, window_sec=1e-9, stride_sec=1e-9)) == 26


def test_a_gap_of_years_makes_no_windows() -> None:
    times = np.array([0, 0.1, 1e9, 1e9 + 0.1])
    video = Video("v", FrameList(()), "v", 4, 1.0, times)
    assert spans_of(video, window_sec=1.0, stride_sec=0.5) == [(0, 2), (2, 2)]


def test_windows_that_cannot_be(recognizer: VideoRecognizer, film: Path, tiny_data: Path) -> None:
    with pytest.raises(ValueError, match=r"window_sec=0: expected more than 0"):
        next(recognizer.windows(film, window_sec=0))
    sizes = [np.zeros((side, 8, 3), np.uint8) for side in (8, 8, 8, 8, 8, 4, 4, 4)]
    windows = recognizer.windows(sizes, window_sec=4, fps=1)
    assert next(windows).frame_indices.tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="frame 5: 8×4 pixels, those before have 8×8"):
        next(windows)
    with pytest.raises(DataError, match="give fps"):
        next(recognizer.windows(tiny_data / "frames/val/video 1", window_sec=1))
    whole = list(recognizer.windows(film, window_sec=1000))
    np.testing.assert_allclose(whole[0].probabilities, recognizer(film).probabilities, atol=1e-6)
    assert len(whole) == 1


def test_bad_sources_get_one_line(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    frame = np.zeros((8, 8, 3), np.uint8)
    for source, said in (
        (tmp_path / "none.mp4", "does not exist"),
        (broken, "damaged, truncated or no video"),
        (io.BytesIO(b"no video"), "damaged, truncated or no video"),
        (np.zeros((4, 8, 8, 3), np.float32), "expected T×H×W×3, uint8, RGB"),
        (np.zeros((4, 3, 8, 8), np.uint8), "expected T×H×W×3, uint8, RGB"),
        (np.zeros((0, 8, 8, 3), np.uint8), "without frames"),
        (3, "a int is no video"),
        ([frame, frame, frame, frame[:4]], "8×4 pixels, those before have 8×8"),
    ):
        with pytest.raises(DataError, match=said) as raised:
            recognizer(source)
        assert "\n" not in str(raised.value)


def test_json_has_all_but_the_pixels(recognizer: VideoRecognizer, film: Path) -> None:
    answer = recognizer(film, explain=True)
    said = json.loads(answer.to_json())
    assert said["label"] == answer.label
    assert said["name"] == "film.mp4"
    assert list(said["probabilities"].items()) == answer.top(3)
    assert sum(said["probabilities"].values()) == pytest.approx(1)
    np.testing.assert_allclose(said["spatial"], answer.spatial)
    assert Image.open(io.BytesIO(answer._repr_png_())).size[0] > 100


def test_a_notebook_shows_the_sheet(tiny_checkpoint: Path, film: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    said = f"answer = mmaction.load({str(tiny_checkpoint)!r})({str(film)!r}, explain=True)"
    cells = [f"import mmaction\n{said}\nprint(answer.sheet().shape)", "answer.show()", "answer"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=120).execute()
    height, width, _ = ast.literal_eval(book.cells[0].outputs[0].text)
    for cell in book.cells[1:]:
        (shown,) = cell.outputs
        png = io.BytesIO(base64.b64decode(shown.data["image/png"]))
        assert Image.open(png).size == (width, height)
