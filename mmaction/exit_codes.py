"""How the project's commands end, beside 0; docs/resuming.md tells users."""

from __future__ import annotations

import os
from pathlib import Path

EXIT_FAILED = 1  # errors in checked data, or a process without the others of its run
EXIT_USER_ERROR = 2
EXIT_UNREADABLE = 3  # between convert/trusted_file.py and the process that it starts
EXIT_STOPPED = 75  # EX_TEMPFAIL of sysexits.h: start the same command again to go on
EXIT_INTERRUPTED = 130
EXIT_BY_SIGNAL = 128  # plus the signal's number
# Where the launcher looks for the code of a run that it has told to end.
CODE_FILE = "MMACTION_STOP_CODE_FILE"


def write_exit_code(code: int) -> None:
    """Tells the launcher, if there is one, that the run has saved and ends with ``code``."""
    path = os.environ.get(CODE_FILE)
    if path:
        Path(path).write_text(str(code))
