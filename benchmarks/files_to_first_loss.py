"""How much of this project runs from the train command to the first loss: files and functions.

``python benchmarks/files_to_first_loss.py CONFIG [train_recognizer's options]`` starts a training,
loaded in this process, and stops it where the first loss is known. A file counts where one of its
functions is entered; what importing it runs does not.
"""

from __future__ import annotations

import inspect
import os
import runpy
import sys
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

REPO = Path(__file__).resolve().parents[1]
PACKAGE = f"{REPO / 'mmaction'}{os.sep}"
LOSS = f"{PACKAGE}models/recognizers/base.py", "forward"
# Without a worker of its own, so that loading is seen too.
HERE = ["num_workers=0", "persistent_workers=False"]

entered: dict[str, set[tuple[str, int]]] = defaultdict(set)


def note(frame: FrameType, event: str, returned: Any) -> None:
    """Notes the function that is entered; ends all once the first loss is returned."""
    code: CodeType = frame.f_code
    if not code.co_filename.startswith((PACKAGE, f"{REPO / 'tools'}{os.sep}")):
        return
    if event == "call" and code.co_flags & inspect.CO_OPTIMIZED:  # no module's or class's body
        caller = frame.f_back.f_code if frame.f_back else code
        importing = caller.co_name == "<module>" and caller.co_filename.startswith(PACKAGE)
        if not importing and not code.co_name.startswith("<"):
            file = os.path.relpath(code.co_filename, REPO)
            entered[file].add((code.co_name, code.co_firstlineno))
    elif event == "return" and (code.co_filename, code.co_name) == LOSS:
        if not isinstance(returned, dict) or any(loss.is_meta for loss in returned.values()):
            return  # the estimate of a step's memory, before there is a batch
        report()
        os._exit(0)  # nothing that a training does at its end belongs to the count


def report() -> None:
    """Prints each file with the number of its functions, room by room, then the sums."""
    for file, names in sorted(entered.items()):
        print(f"{len(names):4}  {file}")
    functions = sum(map(len, entered.values()))
    print(f"{functions:4}  functions in {len(entered)} files", flush=True)


if __name__ == "__main__":
    options = [f"train_dataloader.{option}" for option in HERE]
    own = ["--work-dir", tempfile.mkdtemp(), "--cfg-options", *options]
    sys.argv = ["train_recognizer.py", *sys.argv[1:], *own]
    threading.setprofile(note)
    sys.setprofile(note)
    runpy.run_path(str(REPO / "tools/train_recognizer.py"), run_name="__main__")
    sys.exit("no loss was seen: the training ended without one")
