"""Is this project right and fast on this GPU? One command, in calls of nine minutes.

    python benchmarks/on_gpu.py [--minutes 9] [--out on_gpu] [--device cuda] [--only NAME …]

Runs the parts of ``benchmarks/gpu/parts.py`` one after another, the most important first, each in a
process of its own with a limit. After each, ``results.json`` and ``results.md`` in ``--out`` have
what is done so far; a crash or a timeout is a line there. A second call with the same ``--out``
goes on with what is left. What it needs: benchmarks/on_gpu.md. ``--device cpu`` tries it, small.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from gpu.parts import PARTS, Row, Settings
from gpu.results import Outcome, Results


def run_part(name: str, *, device: str, seconds: float) -> Outcome:
    """Runs a part in a process of its own, ended with all that it started after its limit.

    Args:
        name: Of the part.
        device: ``'cuda'`` or ``'cpu'``.
        seconds: The limit.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows, errors = Path(folder) / "rows", Path(folder) / "errors"
        command = [sys.executable, __file__, "--part", name, "--rows", str(rows)]
        command += ["--device", device, "--seconds", str(seconds)]
        with errors.open("w") as file:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True
            )
            try:
                code = process.wait(timeout=seconds)
                status, note = ("done", "") if code == 0 else ("failed", _why(code, errors))
            except subprocess.TimeoutExpired:
                status, note = "timed out", f"after {seconds:.0f} s"
            finally:
                _end_all(process)
        measured = _read_rows(rows)
    return Outcome(status, round(time.perf_counter() - started, 1), note, measured)


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started; a loader's workers outlive one that is killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _why(code: int, errors: Path) -> str:
    lines = errors.read_text(errors="replace").strip().splitlines()
    return f"exit code {code}: {lines[-1] if lines else 'no word'}"


def _read_rows(path: Path) -> list[Row]:
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def measure(name: str, path: Path, settings: Settings) -> None:
    """In the part's own process: measures, and keeps each row at once."""
    with path.open("a") as file:
        for row in PARTS[name].rows(settings):
            file.write(json.dumps(row) + "\n")
            file.flush()


def parse_args() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9, help="for all (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("on_gpu"), help="where results go")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts, done or not")
    for option in ("--part", "--rows", "--seconds"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.part:
        measure(args.part, Path(args.rows), Settings(args.device, float(args.seconds)))
        return 0
    deadline = time.perf_counter() + 60 * args.minutes
    try:
        results = Results(args.out, device=args.device)
    except ValueError as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    if args.device == "cuda" and not _has_gpu():
        print("error: torch sees no GPU here; --device cpu tries the command", file=sys.stderr)
        return 2
    for name in args.only or results.unfinished():
        part, left = PARTS[name], deadline - time.perf_counter()
        if part.missing():
            outcome = Outcome("skipped", note=f"not installed: {', '.join(part.missing())}")
        elif left < part.least:
            outcome = Outcome("no time left", note=f"needs {part.least:.0f} s or more")
        else:
            outcome = run_part(name, device=args.device, seconds=min(part.most, left))
        results.add(name, outcome)
        print(f"{name}: {outcome.status} in {outcome.seconds:.0f} s {outcome.note}", flush=True)
    print(args.out / "results.md")
    return 0


def _has_gpu() -> bool:
    """In another process, so that this one holds no memory on the device."""
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code]).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
