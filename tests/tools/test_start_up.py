"""Commands answer ``--help`` and mistyped options before anything heavy is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]

HEAVY = "torch,mmengine,mmcv,numpy,cv2,matplotlib"
TOOLS = sorted(
    path.relative_to(REPO).as_posix()
    for pattern in ("*.py", "*/*.py")
    for path in (REPO / "tools").glob(pattern)
)

# Runs the tool as a script, then says on stderr what of HEAVY it has imported.
PROBE = """
import runpy, sys
tool, heavy, sys.argv = sys.argv[1], sys.argv[2].split(","), sys.argv[1:2] + sys.argv[3:]
try:
    runpy.run_path(tool, run_name="__main__")
except SystemExit as e:
    print("exit", e.code or 0, [name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture
def probe(run_process: Callable[..., Any]) -> Callable[..., Any]:
    return partial(run_process, sys.executable, "-c", PROBE)


def test_there_are_tools() -> None:
    assert {"tools/train_recognizer.py", "tools/data/check_dataset.py"} <= set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_help_imports_nothing_heavy(tool: str, probe: Callable[..., Any]) -> None:
    done = probe(tool, HEAVY, "--help")
    assert done.out.startswith("usage: ")
    assert done.err == "exit 0 []\n"


def test_a_mistyped_option_is_refused_as_fast(probe: Callable[..., Any]) -> None:
    done = probe("tools/train_recognizer.py", HEAVY, "--wrok-dir")
    assert done.err.endswith("exit 2 []\n")
