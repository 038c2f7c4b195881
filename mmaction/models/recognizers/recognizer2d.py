"""Image networks on the frames of a clip: TSN and TSM."""

from __future__ import annotations

from typing import Any

from mmaction.errors import ConfigError
from mmaction.models.recognizers.recognizer3d import Recognizer3D
from mmaction.registry import MODELS


@MODELS.register_module()
class Recognizer2D(Recognizer3D):
    """A network of images, a frame for each segment of the video, and the consensus of the frames.

    - TSN (Wang et al., arXiv:1608.00859): each frame has scores of its own, and their mean is the
      answer. It can't tell in which order the frames came.
    - TSM (Lin et al., arXiv:1811.08383): the same, its backbone shifted in time
      (``ResNet3D.shift_div``, ``TimmBackbone.temporal='shift'``).

    Args:
        backbone: Config of a network that gives each frame features, such as ``ResNet3D`` with
            ``inflate=(0, 0, 0, 0)``, or a ``TimmBackbone``.
        head: As of ``Recognizer3D``; by default it scores each frame (``consensus=True``).
        **kwargs: See ``Recognizer3D``.

    Raises:
        ConfigError: The backbone has a temporal stride: no feature for each frame is left.
    """

    def __init__(
        self, *, backbone: dict[str, Any], head: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(backbone=backbone, head=dict(consensus=True) | (head or {}), **kwargs)
        stride = getattr(self.backbone, "temporal_stride", 1)
        if stride != 1:
            raise ConfigError(
                f"Recognizer2D: its backbone has temporal_stride={stride}, and so no features for"
                " each frame; Recognizer3D takes it"
            )
