from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run_tiny(
    run_tool: Callable[..., Any], tiny_config: Path, tiny_checkpoint: Path
) -> Callable[..., Any]:
    """``run_tiny('test_recognizer', …)`` runs a command on the tiny config and its checkpoint."""
    return lambda name, *options: run_tool(name, tiny_config, tiny_checkpoint, *options)
