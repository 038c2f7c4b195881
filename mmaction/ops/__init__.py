"""The compiled kernel, with a plain fallback of the same numbers to the bit."""

from mmaction.ops.affine import HAS_EXTENSION, affine_clips, affine_clips_torch

__all__ = ["HAS_EXTENSION", "affine_clips", "affine_clips_torch"]
