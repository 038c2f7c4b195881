"""ST-ABN, the Spatio-Temporal Attention Branch Network (Mitsuhara et al., arXiv:2110.15574).

Dimension letters: B clips, C channels, T frames, h×w cells of the feature map, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models.attention_guidance import (
    guidance_targets,
    spatial_guidance,
    swap_surroundings,
    temporal_guidance,
)
from mmaction.models.attention_masking import mask_by_attention
from mmaction.models.attention_priors import local_change, still_share
from mmaction.models.losses import top1
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.models.recognizers.features import (
    NeckPrediction,
    auxiliary_loss,
    build_neck,
    extract,
    feature_channels,
)
from mmaction.models.residual_stage import default_stage
from mmaction.registry import MODELS
from mmaction.structures import ClipSample, Prediction

GUIDANCE = ("guidance_spatial", "guidance_temporal")
LOSS_WEIGHTS = dict(perception=1.0, attention=1.0, stillness=0.0) | dict.fromkeys(GUIDANCE, 0.0)


@MODELS.register_module()
class PerceptionBranch(BaseModule):
    """Features B×C×T×h×w to logits B×K: a stage, global average, dropout, linear.

    In ST-ABN these are the network's answer.

    Args:
        stage: Module with ``out_channels`` that runs first: the last residual stage.
        num_classes: K.
        dropout_ratio: Before the linear.
        consensus: Each step in time has logits of its own, and their mean is the answer. That is
            the same but for the dropout, which then differs from step to step.
    """

    def __init__(
        self,
        *,
        stage: nn.Module,
        num_classes: int,
        dropout_ratio: float = 0.5,
        consensus: bool = False,
    ) -> None:
        super().__init__()
        self.stage = stage
        self.consensus = consensus
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(stage.out_channels, num_classes)  # type: ignore[arg-type]
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, features: Tensor) -> Tensor:
        pooled = self.stage(features).mean(dim=(3, 4)).transpose(1, 2)
        if self.consensus:
            return self.fc(self.dropout(pooled)).mean(dim=1)
        return self.fc(self.dropout(pooled.mean(dim=1)))


@MODELS.register_module()
class STABN(BaseRecognizer):
    """Features → attention branch → attention mechanism → perception branch.

    The attention branch reads the features and says where (A_s) and when (A_t) to look; the
    mechanism weighs the features with both; the perception branch names the class from what is
    left. Each branch owns a copy of the residual stage that follows the backbone's last.

    Args:
        backbone: Config of the feature extractor, from clips to B×C×T'×h×w, with ``out_channels``,
            which is C. Where T' isn't T, it has ``temporal_stride``, T' being ⌈T/temporal_stride⌉.
            Where it has no ``make_next_stage`` and a branch's config no ``stage``, the branch gets
            a ``ResidualStage``, and the log says which.
        neck: Config of a neck over several stages of the backbone, such as ``TPN``, whose features
            the branches read; its ``steps`` of the last level are T'.
        attention_branch: Config of the attention branch. ``spatial_stride`` (default 1) and
            ``blocks`` (default: the depth's) shape its stage; ``pretrained_stage=False`` leaves it
            at its start values where the backbone's weights are pretrained.
        attention_mechanism: Config of the attention mechanism.
        perception_branch: Config of the perception branch. ``spatial_stride`` (default: the
            backbone's for that stage) and ``blocks`` shape its stage.
        loss_weights: Of the two losses of scores, ``perception`` and ``attention``, 1 each in the
            paper; and of ``stillness``, 0 in the paper: the share of A_s that lies where the
            picture doesn't change (``attention_priors.still_share``); and of ``guidance_spatial``
            and ``guidance_temporal``, 0 likewise: how far A_s and A_t are from what a data set's
            ``edits`` say of some of the clips (``attention_guidance``). They are means over all
            clips of a batch, so that several processes minimise what one would.
        swap_surroundings: How often, in [0, 1], what an edit says to look away from is replaced by
            another clip's in training (``attention_guidance.swap_surroundings``).
        mask_by_attention: How often, in [0, 1], a training clip is shown in part, with a label as
            sure as the share of the attention that is left (``attention_masking``). The attention
            is computed before, without gradients: a training step takes a forward pass more.
        **kwargs: See ``BaseRecognizer``.
    """

    def __init__(
        self,
        *,
        backbone: dict[str, Any],
        neck: dict[str, Any] | None = None,
        attention_branch: dict[str, Any] | None = None,
        attention_mechanism: dict[str, Any] | None = None,
        perception_branch: dict[str, Any] | None = None,
        loss_weights: dict[str, float] | None = None,
        swap_surroundings: float = 0.0,
        mask_by_attention: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.loss_weights = LOSS_WEIGHTS | (loss_weights or {})
        if self.loss_weights.keys() != LOSS_WEIGHTS.keys():
            known = ", ".join(LOSS_WEIGHTS)
            raise ConfigError(f"model.loss_weights={loss_weights!r}: expected keys among {known}")
        probs = dict(swap_surroundings=swap_surroundings, mask_by_attention=mask_by_attention)
        for name, prob in probs.items():
            if not 0 <= prob <= 1:
                raise ConfigError(f"model.{name}={prob}: expected 0 to 1")
        self.swap_surroundings = swap_surroundings
        self.mask_by_attention = mask_by_attention
        if self.blending and any(self.loss_weights[kind] for kind in GUIDANCE):
            raise ConfigError("model.blending blends clips, edits don't fit these: leave one out")
        self.backbone = MODELS.build(backbone)
        self._made_by_backbone: list[nn.Module] = []
        sizes = dict(clip_len=self.clip_len, num_classes=self.num_classes)
        self.neck: Any = None if neck is None else build_neck(neck, self.backbone, **sizes)
        channels = feature_channels(self.neck or self.backbone)
        self.temporal_stride: int = getattr(self.backbone, "temporal_stride", 1)
        if self.neck is not None:
            self.temporal_stride *= self.neck.temporal_stride
        self.feature_steps = -(-self.clip_len // self.temporal_stride)
        self.attention_branch = self._build_branch(
            dict(type="AttentionBranch", spatial_stride=1) | (attention_branch or {}),
            clip_len=self.feature_steps,
        )
        self.attention_mechanism = MODELS.build(
            dict(type="AttentionMechanism") | (attention_mechanism or {}),
            default_args=dict(channels=channels),
        )
        self.perception_branch = self._build_branch(
            dict(type="PerceptionBranch") | (perception_branch or {})
        )

    def _build_branch(self, cfg: dict[str, Any], **sizes: int) -> Any:
        shape = {key: cfg.pop(key, None) for key in ("spatial_stride", "blocks")}
        pretrained = cfg.pop("pretrained_stage", True)
        reads: nn.Module = self.neck or self.backbone
        if "stage" not in cfg and hasattr(reads, "make_next_stage"):
            stage: nn.Module = reads.make_next_stage(**shape)  # type: ignore[operator]
            self._made_by_backbone += [stage] if pretrained else []
        else:
            stage_cfg = cfg.pop("stage", None) or default_stage(reads, name=cfg["type"], **shape)
            stage = MODELS.build(stage_cfg)
        return MODELS.build(
            cfg, default_args=dict(stage=stage, num_classes=self.num_classes, **sizes)
        )

    def init_weights(self) -> None:
        """Loads the backbone's pretrained weights, also into the branches' stages that it made."""
        super().init_weights()
        if hasattr(self.backbone, "init_next_stage"):
            for stage in self._made_by_backbone:
                self.backbone.init_next_stage(stage)

    def training_clips(
        self, clips: Tensor, labels: Tensor, samples: Sequence[ClipSample]
    ) -> tuple[Tensor, Tensor]:
        if samples and self.swap_surroundings:
            clips = swap_surroundings(clips, samples, prob=self.swap_surroundings)
        clips, labels = super().training_clips(clips, labels, samples)
        if not self.mask_by_attention:
            return clips, labels
        if labels.ndim == 1:
            labels = F.one_hot(labels, self.num_classes).to(clips.dtype)
        unsure = 0.0 if self.multi_label else 1 / self.num_classes
        attention, prob = self._attention(clips), self.mask_by_attention
        return mask_by_attention(clips, labels, attention, prob=prob, unsure=unsure)

    @torch.no_grad()
    def _attention(self, clips: Tensor) -> Tensor:
        """A_s·A_t of training clips as a test would have them: B×T×h×w."""
        self.eval()
        seen = self.predict_clips(clips)
        self.train()
        assert seen.spatial_attention is not None
        assert seen.temporal_attention is not None
        return seen.spatial_attention * seen.temporal_attention[:, :, None, None]

    def predict_clips(self, clips: Tensor) -> NeckPrediction:
        features, auxiliary = extract(clips, self.backbone, self.neck, steps=self.feature_steps)
        return self._attend(features, auxiliary)

    def predict_features(self, features: Tensor) -> NeckPrediction:
        if self.mask_by_attention:
            raise ConfigError("model.mask_by_attention masks clips: cached features have none")
        return self._attend(features, None)

    def _attend(self, features: Tensor, auxiliary: Tensor | None) -> NeckPrediction:
        attention = self.attention_branch(features)
        weighed = self.attention_mechanism(features, attention.spatial, attention.temporal)
        return NeckPrediction(
            scores=self.perception_branch(weighed),
            attention_scores=attention.scores,
            spatial_attention=self._per_frame(attention.spatial.squeeze(1)),
            temporal_attention=self._per_frame(attention.temporal.flatten(1)),
            auxiliary_scores=auxiliary,
        )

    def _per_frame(self, maps: Tensor) -> Tensor:
        """B×T'×… as B×T×…: under a temporal stride each step stands for its frames."""
        if self.temporal_stride == 1:
            return maps
        return maps.repeat_interleave(self.temporal_stride, dim=1)[:, : self.clip_len]

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        assert prediction.attention_scores is not None
        losses = {}
        for name, scores in (
            ("perception", prediction.scores),
            ("attention", prediction.attention_scores),
        ):
            losses[f"loss_{name}"] = self.loss_weights[name] * self.loss_cls(scores, labels)
            losses[f"top1_{name}"] = top1(scores, labels)
        return losses | auxiliary_loss(self, prediction, labels)

    def attention_losses(
        self, prediction: Prediction, pictures: Tensor, samples: Sequence[ClipSample]
    ) -> dict[str, Tensor]:
        maps, times = prediction.spatial_attention, prediction.temporal_attention
        assert maps is not None
        assert times is not None
        found = {}
        if self.loss_weights["stillness"]:
            steps = maps[:, :: self.temporal_stride]
            cells = (steps.shape[1], steps.shape[2], steps.shape[3])
            found["stillness"] = still_share(steps, local_change(pictures, cells=cells))
        if samples and any(self.loss_weights[kind] for kind in GUIDANCE):
            targets = guidance_targets(samples, views=len(maps) // len(samples), maps=maps)
            found["guidance_spatial"] = spatial_guidance(maps, targets)
            found["guidance_temporal"] = temporal_guidance(times, targets)
        weights = self.loss_weights
        return {f"loss_{k}": weights[k] * v.mean() for k, v in found.items() if weights[k]}
