"""Commands answer ``--help`` and mistyped options before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]

HEAVY = ("torch", "mmengine", "mmcv", "numpy", "cv2", "matplotlib")
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


def run_probe(tool: str, argument: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROBE, tool, ",".join(HEAVY), argument]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60)


def test_there_are_tools() -> None:
    assert {"tools/train_recognizer.py", "tools/data/check_dataset.py"} <= set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_help_imports_nothing_heavy(tool: str) -> None:
    done = run_probe(tool, "--help")
    assert done.stdout.startswith("usage: ")
    assert done.stderr == "exit 0 []\n"


def test_a_mistyped_option_is_refused_as_fast() -> None:
    done = run_probe("tools/train_recognizer.py", "--wrok-dir")
    assert done.stderr.endswith("exit 2 []\n")
