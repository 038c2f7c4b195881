"""How the project's commands end, beside 0; docs/resuming.md tells users."""

from __future__ import annotations

EXIT_FAILED = 1  # errors in checked data, or a process without the others of its run
EXIT_USER_ERROR = 2
EXIT_UNREADABLE = 3  # between convert/trusted_file.py and the process that it starts
EXIT_STOPPED = 75  # EX_TEMPFAIL of sysexits.h: start the same command again to go on
EXIT_INTERRUPTED = 130
EXIT_BY_SIGNAL = 128  # plus the signal's number
