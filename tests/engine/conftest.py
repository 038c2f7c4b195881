"""Whole trainings on the tiny data set, two steps an epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config, train
from mmaction.engine import ActionRunner

Trained = Callable[..., tuple[ActionRunner, Path]]


@pytest.fixture
def trained(make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path) -> Trained:
    """``trained(text, name=…, key=value…)``: a finished run by the tiny config, and its work_dir.

    ``text`` is the config's end, keys are options of the command line.
    """

    def run(text: str = "", name: str = "run", **options: Any) -> tuple[ActionRunner, Path]:
        work_dir = tmp_path / name
        text = f"{text}\nwork_dir = {str(work_dir)!r}"
        config = make_config(tiny_data, text, name=f"{name}.py")
        return train(load_config(config, options)), work_dir

    return run
