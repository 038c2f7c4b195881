"""ST-ABN's own attention as an explanation, and what its attention branch sees of one class."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.options import check_count
from mmaction.models.attention_priors import LEAST_CHANGE, frame_change
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

    def _explain(
        self, model: BaseRecognizer, clips: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        prediction = model(clips)
        spatial, temporal = prediction.spatial_attention, prediction.temporal_attention
        if spatial is None or temporal is None:
            raise ConfigError(
                f"explainer attention: {type(model).__name__} has no attention of its own; "
                "take another explainer, such as grad_cam"
            )
        return spatial, temporal


@EXPLAINERS.register_module(name="refined_attention")
class RefinedAttention(Attention):
    """A_s finer than the backbone's features: its weight goes to what changes, near where it lies.

    A' = A_s↑·D / max over T, h and w of A_s↑·D: A_s↑ is upsampled bilinearly to ``factor`` times
    the cells, D is ``attention_priors.frame_change`` at that size, averaged over a window of one
    cell of A_s, as in joint bilateral upsampling (Kopf et al., SIGGRAPH 2007) the picture says
    where in a cell. What the network passes over stays at zero; what does not change goes there,
    so that it is for actions, and for a camera that stands still or clips that are stabilized.
    A_t stays as it is. No training, one pass.

    Args:
        factor: How many times finer along h and w; a cell of the result has a pixel at least.
    """

    name: ClassVar[str] = "refined_attention"

    def __init__(self, *, factor: int = 4) -> None:
        self.factor = check_count(self.name, "factor", factor)

    def _explain(
        self, model: BaseRecognizer, clips: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        spatial, temporal = super()._explain(model, clips, target)
        frames, height, width = clips.shape[2:]
        grid = (
            min(spatial.shape[2] * self.factor, height),
            min(spatial.shape[3] * self.factor, width),
        )
        change = frame_change(clips, cells=(frames, *grid))
        # An odd number of cells, the one in the middle among them.
        reach = self.factor // 2
        change = F.avg_pool2d(change, 2 * reach + 1, 1, reach, count_include_pad=False)
        finer = F.interpolate(spatial, size=grid, mode="bilinear", align_corners=False) * change
        highest = finer.amax(dim=(1, 2, 3), keepdim=True)
        return finer / highest.clamp(min=LEAST_CHANGE), temporal


@EXPLAINERS.register_module(name="class_response")
class ClassResponse(Explainer):
    """R[:, target]: the attention branch's response to a class, from which A_s and A_t are made.

    R, B×K×T×h×w, is the branch's K-channel map (ST-ABN, arXiv:2110.15574): what its own class
    scores, A_s and A_t all read. It tells classes apart, which A_s does not. That channel k stands
    for class k is learned through those scores, not built in: a linear mixes the channels again.

    Spatial: R[:, target] ≥ 0, as fine as the backbone's features; zero everywhere where the branch
    sees nothing of the class. Temporal: its frame means.
    """

    name: ClassVar[str] = "class_response"

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        branch = getattr(model, "attention_branch", None)
        answers: list[Any] = []
        if isinstance(branch, nn.Module):
            with branch.register_forward_hook(lambda *seen: answers.append(seen[-1])):
                model(clips)
        response = getattr(answers[-1], "response", None) if answers else None
        if response is None:
            raise ConfigError(
                f"explainer class_response: {type(model).__name__} has no attention branch with a "
                "response to each class; take another explainer, such as grad_cam"
            )
        of_class = target[:, None, None, None, None].expand(-1, 1, *response.shape[2:])
        return response.gather(1, of_class).squeeze(1)
