from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.datacheck.looking import FRAMES


@pytest.fixture
def video(tmp_path: Path, write_frames: Callable[..., Path]) -> Path:
    """Six frames of 64×48 pixels, numbered from 1."""
    return write_frames(tmp_path / "a", FRAMES)
