"""Trains each of several configs, one after another: ``train_each.py PROCESSES CONFIG…``.

A config without ``resume_from`` goes on from its own newest checkpoint. Prints the exit codes of
the first process of each as one JSON list; what they print goes to ``CONFIG.log``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.engine.kill_and_resume import attempt

if __name__ == "__main__":
    processes, *configs = sys.argv[1:]
    codes = [attempt(Path(config), int(processes), 0, 0)[0] for config in configs]
    print(json.dumps(codes))
