"""A sample's way through its transforms, and the check that they fit together.

Every transform takes and returns one dict, the *results* of a sample so far:

=================  ============================================================================
key                value
=================  ============================================================================
``index``          int: position of the video in its data set
``name``           str: directory of the video, as the annotation writes it
``title``          str: what results call it (absent: as ``name``)
``label``          int or None
``more_labels``    tuple of int: further ones, where a list has several (absent: none)
``total_frames``   int >= 1: frames of the video, or of the part of it that is an own sample
``first_frame``    int: where that part begins (absent: 0)
``rng``            numpy Generator: the only source of random numbers
``source``         :class:`~mmaction.datasets.sources.base.FrameSource`
``replaces``       tuple of BadVideo: those in whose place this one was taken (absent: none)
``edit``           VideoEdit: where and when to look (absent or None: nobody says)
``frame_indices``  int64, clips×T, 0-based positions in the part (a sampling transform), then in the
                   video (``DecodeFrames``)
``frames``         D times uint8 RGB, H×W×3, to be taken once and in order: each distinct frame
                   (``DecodeFrames``)
``frame_slots``    int64, clips×T, positions in ``frames`` (``DecodeFrames``)
``frame_size``     height and width of a decoded frame (``DecodeFrames``)
``views``          list of :class:`~mmaction.datasets.transforms.geometry.View` taken of every clip
``motions``        float64, clips×T×3×3: from a frame's pixels to those of the clip's middle frame,
                   onto which it is moved (``Stabilize``; absent: none is moved)
``unsteady``       int: how many of these are not known (``Stabilize``)
``color``          float32, 3×4 affine map of RGB in 0..255 (``ColorJitter``; absent: identity)
``static_frame``   (int in [0, T), float in [0, 1)): the frame of each clip that is mixed into all
                   of them, and its share (``MixStaticFrame``; absent: none)
``operators``      list of (TorchvisionTransform, int): what is done to the finished clips, and the
                   seed of each (absent: nothing)
=================  ============================================================================

The last transform, ``PackClips``, turns them into the item that the data set returns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

Results = dict[str, Any]


class Transform(ABC):
    """One step of a pipeline. ``needs`` and ``gives`` name keys, so that order can be checked."""

    needs: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def __call__(self, results: Results) -> Results: ...


def number_range(name: str, key: str, value: int | Sequence[int]) -> tuple[int, int]:
    """An argument that is a whole number >= 1, or (low, high) of such, as the latter.

    Raises:
        ConfigError: It is neither.
    """
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(n, int) for n in pair) or not 1 <= pair[0] <= pair[1]:
        raise ConfigError(
            f"{name}: {key}={value!r}; it is a number >= 1 or (low, high) with 1 <= low <= high"
        )
    return pair[0], pair[1]


class Pipeline:
    """Transforms in a row.

    Args:
        transforms: Configs, each a dict with the ``type`` of a registered transform.

    Raises:
        ConfigError: An argument that can't be right, or a step before the one it builds on.
        KeyError, TypeError: An unknown type or argument, as mmengine's registries say it.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any]]) -> None:
        self.transforms = [TRANSFORMS.build(dict(config)) for config in transforms]
        check_order(self.transforms)

    def __call__(self, results: Results) -> Results:
        for transform in self.transforms:
            results = transform(results)
        return results


def check_order(transforms: Iterable[Transform]) -> None:
    """Raise ConfigError where a transform comes before what it needs, or nothing is packed."""
    given: set[str] = set()
    for transform in transforms:
        for key in getattr(transform, "needs", ()):
            if key not in given:
                givers = _givers(key)
                raise ConfigError(
                    f"pipeline: {type(transform).__name__} needs '{key}': put {givers} before it"
                )
        given.update(getattr(transform, "gives", ()))
    if "inputs" not in given:
        raise ConfigError(f"pipeline: it has to end with {_givers('inputs')}")


def _givers(key: str) -> str:
    kinds = TRANSFORMS.module_dict.items()
    return " or ".join(sorted(name for name, kind in kinds if key in getattr(kind, "gives", ())))
