"""ST-ABN: action recognition that shows where and when it looked (arXiv:2110.15574)."""

from typing import Any

from mmaction.environment import warn_of_rivals
from mmaction.version import __version__

__all__ = ["__version__", "inference_recognizer", "init_recognizer", "load"]

warn_of_rivals()


def __getattr__(name: str) -> Any:
    """Imports what takes torch and seconds when it is first asked for."""
    if name in ("load", "init_recognizer", "inference_recognizer"):
        from mmaction.apis import recognizer

        return getattr(recognizer, name)
    raise AttributeError(f"module 'mmaction' has no attribute {name!r}")
