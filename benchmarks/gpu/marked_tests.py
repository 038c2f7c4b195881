"""The tests marked ``gpu``, a row each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from gpu.parts import WHOLE, Row, Settings, not_installed

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 300  # characters of a failure


def measure(settings: Settings) -> Iterator[Row]:
    """Runs tests/gpu without the other tests' set-up, which needs the whole environment."""
    missing = not_installed(WHOLE)
    if missing:
        why = f"not installed: {', '.join(missing)}"
        yield {"test": "test_precision, test_runs", "outcome": "skipped", "why": why}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "tests/gpu", "--confcutdir=tests/gpu"]
        command += ["-m", "gpu", "-p", "no:cacheprovider", f"--junitxml={report}"]
        environment = {**os.environ, "GPU_TESTS_DEVICE": settings.device}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if not report.exists():
            raise RuntimeError(done.stderr.strip().splitlines()[-1:] or done.stdout)
        for case in ElementTree.parse(report).iter("testcase"):
            yield _row(case)


def _row(case: ElementTree.Element) -> Row:
    row: Row = {"test": f"{case.get('classname', '').split('.')[-1]}: {case.get('name')}"}
    row["seconds"] = round(float(case.get("time", 0)), 1)
    for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(kind)
        if found is not None:
            return row | {"outcome": word, "why": (found.get("message") or "")[:SHOWN]}
    return row | {"outcome": "passed"}
