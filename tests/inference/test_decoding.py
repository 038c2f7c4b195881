"""What makes a bad video, and what is no video's fault."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmaction.errors import TransientError
from mmaction.inference import VideoRecognizer
from mmaction.inference.decoding import Decoded, decoded_batches
from tests.conftest import write_videos
from tests.frame_fixtures import write_film


@contextmanager
def no_more_files() -> Iterator[None]:
    """Within it, no file can be opened."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def decoded(recognizer: VideoRecognizer, path: Path) -> Decoded:
    [[found]] = decoded_batches([str(path)], recognizer.pipeline, batch_size=1, num_workers=0)
    return found


def test_too_many_open_files_make_no_bad_video(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    write_videos(tmp_path, ["frames"], image_tmpl="img_{:05d}.jpg")
    for path in (write_film(tmp_path / "film.mp4", 8), tmp_path / "frames"):
        assert decoded(recognizer, path).error is None
        with no_more_files(), pytest.raises(TransientError, match="Too many open files"):
            decoded(recognizer, path)


def test_a_failing_disk_makes_no_bad_video(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.symlink_to("/proc/self/mem")  # a file whose first byte can't be read
    with pytest.raises(TransientError, match=r"film\.mp4' can't be read: Input/output error"):
        decoded(recognizer, path)


def test_what_is_wrong_with_the_file_itself_does(
    recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_bytes(b"no video")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    for name in ("text.mp4", "none.mp4", "loop.mp4", "x" * 300):
        assert decoded(recognizer, tmp_path / name).error
