"""ST-ABN's own attention as an explanation."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="attention")
class Attention(Explainer):
    """A_s and A_t of ST-ABN (arXiv:2110.15574), as the network itself used them.

    Both are class-agnostic: there is one A_s and one A_t a clip, whatever the class. The target is
    recorded and changes nothing; ``class_response`` tells classes apart.

    Spatial: A_s, in [0, 1], as fine as the backbone's features. Temporal: A_t, in [0, 1]; it
    multiplies features without a residual and a norm follows, so that its scale carries no meaning
    across clips: compare the frames of one clip only.
    """

    name: ClassVar[str] = "attention"

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        prediction = model(clips)
        spatial, temporal = prediction.spatial_attention, prediction.temporal_attention
        if spatial is None or temporal is None:
            raise ConfigError(
                f"explainer attention: {type(model).__name__} has no attention of its own; "
                "take another explainer, such as grad_cam"
            )
        return spatial, temporal
