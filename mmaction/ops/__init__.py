"""The Cython kernels, each with a plain fallback that gives the same numbers."""

from mmaction.ops.affine import HAS_EXTENSION, affine_clips, affine_clips_torch

__all__ = ["HAS_EXTENSION", "affine_clips", "affine_clips_torch"]
