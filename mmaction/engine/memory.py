"""Memory that a run frees and takes again at every step."""

from __future__ import annotations

import ctypes
import sys

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Has the C library keep what is freed, for this process and those it forks later.

    A batch of clips or an activation takes tens of megabytes. By default glibc gives such pieces
    back to the system when they are freed, and every page of them is cleared and mapped anew at the
    next step, which takes longer than filling it. Does nothing with other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            mallopt(parameter, _BYTES)
