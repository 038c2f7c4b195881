"""What a run checks and mends in the Python around it before it starts."""

from __future__ import annotations

import importlib
import os
import sys
import warnings

from mmaction.errors import first_line


def tolerate_broken_torchvision() -> None:
    """Makes a torchvision that can't be imported count as absent, with one warning.

    Its wheel raises ``RuntimeError`` beside another torch than the one it was built for, and
    mmengine's environment report, which expects ``ModuleNotFoundError`` alone, would take the whole
    run down with it. Only ImageNet weights need torchvision.
    """
    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError as e:
        if e.name != "torchvision":
            _mark_absent(e)
    except (ImportError, RuntimeError, OSError, AttributeError) as e:
        _mark_absent(e)


def _mark_absent(cause: Exception) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    # None makes every later import raise ModuleNotFoundError: what "not installed" looks like.
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    if os.environ.get("RANK", "0") != "0":
        return  # the first process says it for all
    warnings.warn(
        f"torchvision can't be imported ({first_line(cause)}); "
        "going on without it and its ImageNet weights",
        stacklevel=3,
    )
