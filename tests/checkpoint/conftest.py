"""Checkpoints in the names of other code, for the tests of reading them."""

from tests.convert.conftest import public, resnet3d

__all__ = ["public", "resnet3d"]
