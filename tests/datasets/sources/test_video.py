from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.video import VideoFiles, count_frames, frame_times, read_frames
from mmaction.errors import DataError
from tests.frame_fixtures import write_film

REAL = Path(__file__).resolve().parents[4] / "shared" / "video" / "arm_wrestling.mp4"
WIDTH, HEIGHT, FRAMES = 64, 48, 40
# A frame is told by its brightness: steps of 6 survive compression.
STEP = 6


def write_video(path: Path, *, times: Sequence[int] = range(FRAMES), gop: int = 12) -> Path:
    size = dict(width=WIDTH, height=HEIGHT)
    return write_film(path, len(times), step=STEP, **size, times=times, gop_size=gop)


def numbers(frames: np.ndarray) -> list[int]:
    """Which frames these are, by their brightness."""
    return np.rint(frames.mean(axis=(1, 2, 3)) / STEP).astype(int).tolist()


def test_variable_frame_rate_changes_nothing(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, FRAMES)).tolist()
    video = write_video(tmp_path / "a.mp4", times=times)
    assert count_frames(video) == FRAMES
    for positions in ([0, 1, 2], [11, 12, 13], [5, 20, 39]):
        assert numbers(read_frames(video, positions)) == positions


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_frames_are_shown_when_they_say(tmp_path: Path, suffix: str) -> None:
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, FRAMES)).tolist()
    video = write_video(tmp_path / f"a.{suffix}", times=times)
    found = frame_times(video)
    np.testing.assert_allclose(np.diff(found), np.diff(times) / 10, atol=2e-3)
    # A player begins with the first frame, or shows nothing until then.
    assert found[0] in (pytest.approx(0, abs=0.1), pytest.approx(times[0] / 10))


@pytest.mark.skipif(not REAL.exists(), reason="the real clip is not here")
@pytest.mark.parametrize("positions", [range(32), range(170, 202), [186, 187], range(0, 280, 9)])
def test_real_video_as_if_decoded_from_its_start(positions: Sequence[int]) -> None:
    with av.open(str(REAL)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    expected = np.stack([every[position] for position in positions])
    assert np.array_equal(read_frames(REAL, list(positions)), expected)


# The matrix of an MP4's track header: how a player turns what is stored.
IDENTITY = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
MATRICES = {
    "a quarter right": ((0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000), -1),
    "a quarter left": ((0, -0x10000, 0, 0x10000, 0, 0, 0, WIDTH << 16, 0x40000000), 1),
    "half": ((-0x10000, 0, 0, 0, -0x10000, 0, WIDTH << 16, HEIGHT << 16, 0x40000000), 2),
}


def matrix_bytes(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(4, "big", signed=True) for value in values)


@pytest.mark.parametrize("turn", MATRICES)
def test_is_turned_as_a_player_would(tmp_path: Path, turn: str) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 200  # a bright upper left quarter
    path = write_film(tmp_path / "a.mp4", images=[image])
    data = path.read_bytes()
    header = data.index(b"tkhd")
    at = data.index(matrix_bytes(IDENTITY), header)
    matrix, quarters_left = MATRICES[turn]
    path.write_bytes(data[:at] + matrix_bytes(matrix) + data[at + 36 :])
    [frame] = read_frames(path, [0])
    expected = np.rot90(image, quarters_left)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 4


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_bytes(b"no video at all" * 50)
    (tmp_path / "directory.mp4").mkdir()
    half = write_video(tmp_path / "half.mp4")  # its index is at the end
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        silence.rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    for name, reason in (
        ("missing.mp4", "does not exist"),
        ("empty.mp4", r"can't be read: it is empty \(zero bytes\)"),
        ("text.mp4", "can't be read: it is damaged, truncated or no video file"),
        ("half.mp4", "can't be read: it is damaged, truncated or no video file"),
        ("directory.mp4", "is a directory, not a video file"),
        ("sound.mp4", "has no video stream"),
    ):
        for read in (count_frames, lambda path: read_frames(path, [0])):
            with pytest.raises(DataError, match=rf"^video '.*{name}' {reason}") as error:
                read(tmp_path / name)
            assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good file, to be damaged."""
    path = tmp_path_factory.mktemp("whole") / "a.mkv"
    return write_video(path, times=range(16), gop=4).read_bytes()


def test_an_unknown_codec_is_named(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(whole.replace(b"V_MPEG", b"V_XXXX"))
    with pytest.raises(DataError, match=r"^video '.*a.mkv' can't be read: its codec is not known$"):
        read_frames(path, [0])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_gives_the_right_frames_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.mkv"
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        frames = read_frames(path, [0, 5, 9])
    except DataError:
        return
    assert frames.shape[0] == 3
    assert frames.dtype == np.uint8


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.mp4 3 0\nb/c.mp4 4 2\nd.mp4 5 7\n")
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "d.mp4").mkdir()
    source = VideoFiles(data_root=tmp_path)
    assert source.missing(AnnotationList.load(tmp_path / "list.txt"), [0, 1, 2]) == [1, 2]
    with pytest.raises(DataError, match="nowhere' is not a directory"):
        VideoFiles(data_root=tmp_path / "nowhere")
