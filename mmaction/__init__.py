"""ST-ABN: action recognition that shows where and when it looked (arXiv:2110.15574)."""

from mmaction.environment import warn_of_rivals
from mmaction.version import __version__

__all__ = ["__version__"]

warn_of_rivals()
