"""Configs of MMAction 0.x, mmaction2 0.x, TPN and ST-ABN's first code, in this project's form."""

from mmaction.convert.migration.config import migrate

__all__ = ["migrate"]
