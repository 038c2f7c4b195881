from __future__ import annotations

import subprocess
import sys

import pytest

TAKE_AND_FREE = """
import resource
import numpy as np
from mmaction.engine.memory import keep_freed_memory

{first}
for _ in range(3):
    np.ones(20_000_000, np.uint8), np.ones(50_000_000, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(20_000_000, np.uint8), np.ones(50_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(first: str) -> int:
    command = [sys.executable, "-c", TAKE_AND_FREE.format(first=first)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of glibc's")
def test_what_was_freed_is_taken_again_without_new_pages() -> None:
    if page_faults("pass") < 1000:
        pytest.skip("this C library keeps freed memory by itself")
    assert page_faults("keep_freed_memory()") < 100
