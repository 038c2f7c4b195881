from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.apis.recognizer import load
from mmaction.inference import VideoRecognizer


@pytest.fixture(scope="session")
def recognizer(tiny_checkpoint: Path) -> VideoRecognizer:
    """The tiny network: clips of four frames, three classes."""
    return load(tiny_checkpoint)
