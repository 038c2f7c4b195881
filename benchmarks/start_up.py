"""How long Python takes before this project's code does its first work.

    python benchmarks/start_up.py [--rounds 5]

Prints two tables of medians, seconds of wall-clock in a fresh process: imports, with what each adds
to the row that it builds on, and ``--help`` of every command. Rounds are interleaved.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from timing import interleaved_ms, print_table

REPO = Path(__file__).resolve().parents[1]
# What is imported, and the row that it is compared with.
IMPORTS = {
    "nothing": ("pass", None),
    "torch, mmengine": ("import torch, mmengine", None),
    "… and mmaction": ("import torch, mmengine, mmaction", "torch, mmengine"),
    "… and mmaction.models": ("import torch, mmengine, mmaction.models", "torch, mmengine"),
    "… and mmaction.apis": ("import torch, mmengine, mmaction.apis", "torch, mmengine"),
}


def runner(*arguments: str) -> Callable[[], object]:
    def run() -> object:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=REPO, check=True, capture_output=True)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="to take the median of")
    args = parser.parse_args()

    times = interleaved_ms(
        {name: runner("-c", code) for name, (code, _) in IMPORTS.items()},
        rounds=args.rounds,
        warm_up=1,
    )
    seconds = {name: statistics.median(values) / 1e3 for name, values in times.items()}
    rows = []
    for name, (_, base) in IMPORTS.items():
        added = ""
        if base is not None:
            pairs = zip(times[name], times[base], strict=True)
            added = f"{statistics.median(a - b for a, b in pairs) / 1e3:.2f}"
        rows.append([name, f"{seconds[name]:.2f}", added])
    print_table(["import", "s", "adds s"], rows)
    print()

    tools = sorted(
        path.relative_to(REPO).as_posix()
        for pattern in ("*.py", "*/*.py")
        for path in (REPO / "tools").glob(pattern)
    )
    times = interleaved_ms(
        {tool: runner(tool, "--help") for tool in tools}, rounds=args.rounds, warm_up=1
    )
    print_table(
        ["--help of", "s"],
        [[tool, f"{statistics.median(values) / 1e3:.2f}"] for tool, values in times.items()],
    )


if __name__ == "__main__":
    main()
