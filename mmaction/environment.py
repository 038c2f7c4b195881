"""What a run checks and mends in the process around it before it starts."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from mmaction.errors import ConfigError, first_line

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_BYTES = 1 << 30

OUR_MMENGINE = "onedl-mmengine"
# Distributions that install packages of the same names as this project and what it builds on.
_RIVALS = {
    "mmaction": ("mmaction2", "onedl-mmaction2", "mmaction"),
    "mmengine": ("mmengine", "mmengine-lite"),
}
_declared: list[Any] = []  # a torch Library takes its operators back when it is freed
_BROKEN = (ImportError, RuntimeError, OSError, AttributeError)  # what importing torchvision raises


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
    run down with it. Few things need torchvision.

    Returns:
        What it can't be imported for; None where it can, or has been without its operators.
    """
    return None if "torchvision.models" in sys.modules else _hide_broken_torchvision()


@functools.cache
def _hide_broken_torchvision() -> Exception | None:
    try:
        importlib.import_module("torchvision.models")
    except _BROKEN as e:
        _forget_torchvision()
        # None makes every later import raise ModuleNotFoundError: what "not installed" looks like.
        sys.modules["torchvision"] = None  # type: ignore[assignment]
        return e
    return None


def _forget_torchvision() -> None:
    """What is left of an import that has failed, or ``tolerate_broken_torchvision``'s mark."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


def import_torchvision(module: str = "models") -> ModuleType:
    """A module of torchvision, if need be without its compiled operators.

    Its wheel raises beside another torch than the one it was built for, since it describes
    operators that did not load. Its networks and transforms need none of them: once they are
    declared, without anything that computes them, it imports.

    Args:
        module: Dotted, below torchvision.

    Raises:
        ImportError, RuntimeError, OSError, AttributeError: It isn't there, or fits no torch of now.
    """
    try:
        return importlib.import_module(f"torchvision.{module}")
    except _BROKEN:
        _forget_torchvision()
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("no module named 'torchvision'")
    import torch

    described = Path(spec.origin).with_name("_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in re.findall(r'register_fake\("torchvision::(\w+)"\)', described):
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor x) -> Tensor")
    _declared.append(library)
    return importlib.import_module(f"torchvision.{module}")


def torchvision_transforms(*, of: str) -> ModuleType:
    """``torchvision.transforms.v2``, imported when something asks for it.

    Args:
        of: Who, for the message.

    Raises:
        ConfigError: It can't be imported.
    """
    try:
        return import_torchvision("transforms.v2")
    except _BROKEN as e:
        raise ConfigError(
            f"{of} needs torchvision, which can't be imported ({first_line(e)}): install the"
            " release that belongs to this torch"
        ) from e


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
