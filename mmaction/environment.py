"""What a run checks and mends in the process around it before it starts."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from pathlib import Path

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_BYTES = 1 << 30

OUR_MMENGINE = "onedl-mmengine"
# Distributions that install packages of the same names as this project and what it builds on.
_RIVALS = {
    "mmaction": ("mmaction2", "onedl-mmaction2", "mmaction"),
    "mmengine": ("mmengine", "mmengine-lite"),
}


def warn_of_rivals() -> None:
    """One line for each other distribution whose files lie among this project's, or mmengine's.

    pip lets the one that is installed last overwrite the other, and uninstalling either deletes
    files of both.
    """
    for package, names in _RIVALS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        own = Path(spec.origin).resolve().parent
        if package == "mmengine" and not any(importlib.metadata.distributions(name=OUR_MMENGINE)):
            continue
        for rival in (r for name in names for r in importlib.metadata.distributions(name=name)):
            if Path(str(rival.locate_file(package))).resolve() == own:
                name = rival.metadata["Name"]
                warnings.warn(
                    f"{name} {rival.version} is installed over {own}, or under it: pip uninstall"
                    f" {name}, and install st-abn again, in an environment of its own",
                    stacklevel=2,
                )


def import_mmengine_alone() -> None:
    """Imports mmengine's optimizers as if transformers were not installed.

    They would import it for its Adafactor (torch's own is ``TorchAdafactor``), which takes a
    quarter of a second of each command's start.
    """
    if "transformers" not in sys.modules:
        sys.modules["transformers"] = None  # type: ignore[assignment]
        try:
            importlib.import_module("mmengine.optim")
        finally:
            del sys.modules["transformers"]


def tolerate_broken_torchvision() -> Exception | None:
    """Makes a torchvision that can't be imported count as absent, for this process.

    Its wheel raises ``RuntimeError`` beside another torch than the one it was built for, and
    mmengine's environment report, which expects ``ModuleNotFoundError`` alone, would take the whole
    run down with it. Only ImageNet weights need torchvision.

    Returns:
        What it can't be imported for; None where it can, or has been without its operators.
    """
    return None if "torchvision.models" in sys.modules else _hide_broken_torchvision()


@functools.cache
def _hide_broken_torchvision() -> Exception | None:
    try:
        importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError, OSError, AttributeError) as e:
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        # None makes every later import raise ModuleNotFoundError: what "not installed" looks like.
        sys.modules["torchvision"] = None  # type: ignore[assignment]
        return e
    return None


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
