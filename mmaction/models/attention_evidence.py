"""An attention branch whose maps are evidence: high where and when a class shows, low elsewhere.

The published branch (``AttentionBranch``) may give its maps any sign and any frame. A_s is a free
combination of the class response R before a norm and a sigmoid, so that the actor may as well be
marked by low weights; A_t comes from linears over T, so that nothing ties its t-th weight to the
t-th frame. Both are then used through a convolution that can undo them. This branch takes those
freedoms away: see ``EvidenceBranch``.

Dimension letters: B clips, C channels, T frames, h×w cells of the feature map, K classes.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models.attention_branch import AttentionOutput
from mmaction.models.backbones.convolutions import norm
from mmaction.registry import MODELS

# Evidence below this counts as none: a clip without any is not blown up to a map of noise.
LEAST = 1e-3
_FIRST_SCALE = 8.0
_UPDATE = 0.05  # of a running mean, a training step


@MODELS.register_module()
class PointwiseStage(nn.Sequential):
    """1×1×1 convolution, norm, ReLU: B×C×T×h×w to B×``out_channels``×T×h×w.

    A cheap stage for an attention branch: each cell answers for itself, so that evidence can't be
    carried to the cells around it.

    Args:
        in_channels: C.
        out_channels: Channels that come out.
        norm_cfg: The norm layer's config.
    """

    def __init__(
        self, *, in_channels: int, out_channels: int, norm_cfg: dict[str, Any] | None = None
    ) -> None:
        conv = nn.Conv3d(in_channels, out_channels, 1, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        super().__init__(conv, norm(norm_cfg, out_channels), nn.ReLU())
        self.out_channels = out_channels


@MODELS.register_module()
class EvidenceBranch(BaseModule):
    """Features B×C×T×h×w to ``AttentionOutput``, with maps that only rise with the response R ≥ 0.

    - R = ReLU(BN(conv1×1×1(BN(stage(x))))), as in the published branch, B×K×T×h×w.
    - A_s = e / max over T, h and w of e, e = Σ_k |w_k|·R_k: 1 at the clip's strongest cell, 0 where
      R is. |w| instead of a free w: no class can lower the attention. e is averaged over
      ``spatial_smoothing_frames`` frames around each, for clips in which the world stands still
      (``Stabilize``): a frame that says little itself looks where its neighbours do; and over
      ``spatial_smoothing_cells``² cells, as features read further than their cell.
    - A_t = s / max over T of s, s(t) = Σ_k |v_k| · mean over h×w of A_s·R_k, averaged over
      ``smoothing_frames`` frames around t: a frame's weight depends on what R says, where the
      branch looks, of that frame and of its neighbours.
    - scores_k = g·(Σ A_s·A_t·R_k / Σ A_s·A_t) + b_k, sums over T, h and w, g > 0 learned: the mean
      response where and when the branch looks. The branch names a class only through what it looks
      at (attention pooling as in multiple-instance learning, Ilse et al., arXiv:1802.04712), and as
      R can't be negative, it is evidence for class k alone.

    Both maps are relative to the clip's own maximum: they rank the cells and the frames of a clip,
    and say nothing from one clip to another. With ``absolute``, they are relative to what is usual
    where the clip's maximum is lower: e / max(max e, m), m the running mean of the training clips'
    maxima, a buffer. So a clip that lacks what the class is told by has faint maps, and little of
    it reaches the perception branch, where else the next best cells would be looked at. With
    ``of_answer``, e and s are of the classes that the branch believes in: R_k is weighed by
    softmax_k(g·mean R_k + b_k), which has no gradient, so that what speaks for another class, such
    as what somebody else does meanwhile, is not looked at.

    Args:
        stage: Module that runs first, of spatial stride 1, with ``out_channels``; the backbone's
            next residual stage, or a ``PointwiseStage``.
        num_classes: K.
        clip_len: T of the features.
        smoothing_frames: Odd; 1 leaves A_t as it is.
        spatial_smoothing_frames: Odd; 1 leaves A_s as it is.
        spatial_smoothing_cells: Odd; 1 leaves A_s as it is.
        absolute: See above.
        of_answer: See above.
        norm_cfg: The norm layers' config.

    Raises:
        ConfigError: A number of frames or cells that is not an odd number ≥ 1.
    """

    usual: Tensor | None

    def __init__(
        self,
        *,
        stage: nn.Module,
        num_classes: int,
        clip_len: int,
        smoothing_frames: int = 3,
        spatial_smoothing_frames: int = 1,
        spatial_smoothing_cells: int = 1,
        absolute: bool = False,
        of_answer: bool = False,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        for key, width in (
            ("smoothing_frames", smoothing_frames),
            ("spatial_smoothing_frames", spatial_smoothing_frames),
            ("spatial_smoothing_cells", spatial_smoothing_cells),
        ):
            if not isinstance(width, int) or width < 1 or width % 2 == 0:
                raise ConfigError(
                    f"attention_branch.{key}={width!r}: expected an odd number, 1 or more"
                )
        channels: int = stage.out_channels  # type: ignore[assignment]
        self.smoothing_frames = smoothing_frames
        self.of_answer = of_answer
        cells = spatial_smoothing_cells
        self.spatial_window = (spatial_smoothing_frames, cells, cells)
        self.stage = stage
        self.bn_stage = norm(norm_cfg, channels)
        self.conv_response = nn.Conv3d(channels, num_classes, 1, bias=False)
        self.bn_response = norm(norm_cfg, num_classes)
        self.spatial_weight = nn.Parameter(torch.full((num_classes,), 1 / num_classes))
        self.temporal_weight = nn.Parameter(torch.full((num_classes,), 1 / num_classes))
        self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))
        self.score_bias = nn.Parameter(torch.zeros(num_classes))
        # Of A_s's and of A_t's evidence; 0 before the first training step.
        self.register_buffer("usual", torch.zeros(2) if absolute else None)
        nn.init.kaiming_normal_(self.conv_response.weight, mode="fan_out", nonlinearity="relu")

    def _believed(self, response: Tensor) -> Tensor:
        """R, B×K×T×h×w, each class weighed by what the mean of R says of it."""
        scores = self.log_scale.exp() * response.mean(dim=(2, 3, 4)) + self.score_bias
        return response * scores.softmax(dim=1).detach()[..., None, None, None]

    def spatial(self, response: Tensor) -> Tensor:
        """A_s, B×1×T×h×w in [0, 1], of R."""
        evidence = torch.einsum("k,bkthw->bthw", self.spatial_weight.abs(), response)[:, None]
        if max(window := self.spatial_window) > 1:
            reach = tuple(width // 2 for width in window)
            evidence = F.avg_pool3d(evidence, window, 1, reach, count_include_pad=False)
        return evidence / self._full(evidence.amax(dim=(2, 3, 4), keepdim=True), of=0)

    def temporal(self, response: Tensor, spatial: Tensor) -> Tensor:
        """A_t, B×1×T×1×1 in [0, 1], of R and A_s."""
        per_frame = (response * spatial).mean(dim=(3, 4))
        evidence = torch.einsum("k,bkt->bt", self.temporal_weight.abs(), per_frame)[:, None]
        frames = self.smoothing_frames
        evidence = F.avg_pool1d(evidence, frames, 1, frames // 2, count_include_pad=False)
        weights = evidence / self._full(evidence.amax(dim=2, keepdim=True), of=1)
        return weights[..., None, None]

    def _full(self, highest: Tensor, *, of: int) -> Tensor:
        """The evidence, of A_s (0) or A_t (1), that has a weight of 1, given the clips' highest."""
        highest = highest.clamp(min=LEAST)
        if self.usual is None:
            return highest
        if self.training:
            now = highest.detach().mean()
            self.usual[of].lerp_(now, _UPDATE if self.usual[of] > 0 else 1.0)
        return torch.maximum(highest, self.usual[of].clone())

    def scores(self, response: Tensor, attention: Tensor) -> Tensor:
        """B×K logits from R, B×K×T×h×w, where the attention A_s·A_t, B×1×T×h×w, looks."""
        seen = (response * attention).sum(dim=(2, 3, 4))
        pooled = seen / attention.sum(dim=(2, 3, 4)).clamp(min=LEAST)
        return self.log_scale.exp() * pooled + self.score_bias

    def forward(self, features: Tensor) -> AttentionOutput:
        x = self.bn_stage(self.stage(features))
        response = torch.relu_(self.bn_response(self.conv_response(x)))
        evidence = self._believed(response) if self.of_answer else response
        spatial = self.spatial(evidence)
        temporal = self.temporal(evidence, spatial)
        return AttentionOutput(
            scores=self.scores(response, spatial * temporal),
            spatial=spatial,
            temporal=temporal,
            response=response,
        )
