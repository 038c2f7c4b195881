"""Image networks of timm, frame by frame."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.models.backbones.libraries import LibraryBackbone, import_library
from mmaction.models.backbones.over_time import TEMPORAL, put_over_time
from mmaction.models.backbones.token_attention import recorded_attentions
from mmaction.registry import MODELS


@MODELS.register_module()
class TimmBackbone(LibraryBackbone):
    """Any network of timm that gives features: clips B×3×T×H×W to B×C×T×h×w.

    Args:
        model: Its name in timm, or ``'hf-hub:…'``.
        out_index: Which of its features, counted from 0; -1: the last. Layers behind are left out.
        temporal: How its blocks see other frames: ``None``, not at all; ``'shift'``, the temporal
            shift of TSM (arXiv:1811.08383); ``'conv'``, 3×1×1 convolutions that start as identity.
        differences: Append each frame's features less those of the frame before, zeros for the
            first: C is twice as many.
        shift_div: With ``'shift'``, one of so many channels comes from the frame before, and one
            from the frame behind.
        model_options: Further arguments of ``timm.create_model``, such as ``img_size``.
        **kwargs: ``frozen``, ``norm_eval``, ``pretrained``; see ``LibraryBackbone``.

    Raises:
        ConfigError: timm isn't there, has no such network or features, or no blocks to shift.
    """

    temporal_stride = 1

    def __init__(
        self,
        *,
        model: str,
        out_index: int = -1,
        temporal: str | None = None,
        shift_div: int = 8,
        differences: bool = False,
        model_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if temporal not in TEMPORAL:
            raise ConfigError(f"TimmBackbone temporal={temporal!r}: expected one of {TEMPORAL}")
        self.model, self.out_index = model, out_index
        self.model_options = model_options or {}
        self.network = self._create(pretrained=False)
        info: Any = self.network.feature_info
        self.differences = differences
        self.out_channels = info.channels()[-1] * (2 if differences else 1)
        self.spatial_stride = info.reduction()[-1]
        self.tokens = _is_transformer(self.network)
        inner = getattr(self.network, "model", None)
        self.prefix_tokens = getattr(inner, "num_prefix_tokens", 0)
        self.over_time = put_over_time(self.network, temporal, shift_div=shift_div, name=model)
        self.freeze()

    def _create(self, *, pretrained: bool) -> Any:
        """With timm's getter of features, which cuts off what lies behind, where it works."""
        timm = import_library("timm", of="TimmBackbone")
        options: dict[str, Any] = dict(pretrained=pretrained, features_only=True)
        options |= dict(out_indices=[self.out_index], **self.model_options)
        try:
            try:
                return timm.create_model(self.model, feature_cls="getter", **options)
            except (AttributeError, AssertionError, TypeError):
                return timm.create_model(self.model, **options)
        except (RuntimeError, ValueError, IndexError, AssertionError, TypeError, OSError) as e:
            raise ConfigError(
                f"TimmBackbone model={self.model!r}, out_index={self.out_index}: {first_line(e)}"
            ) from e

    def forward(self, clips: Tensor) -> Tensor:
        batch, _, frames = clips.shape[:3]
        for module in self.over_time:
            module.frames = frames
        maps = self.network(clips.transpose(1, 2).flatten(0, 1))[-1]
        maps = maps.unflatten(0, (batch, frames)).transpose(1, 2)
        if not self.differences:
            return maps
        changes = maps.diff(dim=2, prepend=maps[:, :, :1])
        return torch.cat([maps, changes], dim=1)

    def lay_out(self, output: Tensor, clips: Tensor, *, layer: nn.Module) -> Tensor:
        batch, _, frames, height, width = clips.shape
        inner: Any = getattr(self.network, "model", None)
        if output.ndim == 3:
            grid = (height // self.spatial_stride, width // self.spatial_stride)
            output = output[:, self.prefix_tokens :].transpose(1, 2).unflatten(2, grid)
        elif getattr(inner, "output_fmt", "NCHW") == "NHWC" and not isinstance(layer, nn.Conv2d):
            output = output.movedim(-1, 1)
        return output.unflatten(0, (batch, frames)).transpose(1, 2)

    def attentions(self, clips: Tensor) -> list[Tensor]:
        with recorded_attentions(self.network) as kept:
            self(clips)
        cells = (clips.shape[3] // self.spatial_stride) * (clips.shape[4] // self.spatial_stride)
        expected = (len(clips) * clips.shape[2], *[self.prefix_tokens + cells] * 2)
        if not kept or any(attention.shape != expected for _, attention in kept):
            raise ConfigError(
                f"TimmBackbone model={self.model!r} has no attention between all of its tokens in"
                " each layer"
            )
        return [attention for _, attention in kept]

    def parameter_layers(self) -> dict[str, int]:
        """timm's own grouping, a layer for each block; none where its features come flattened."""
        inner: Any = getattr(self.network, "model", None)
        if not hasattr(inner, "group_matcher"):
            return {}
        from timm.models import group_parameters

        layers = group_parameters(inner, inner.group_matcher(coarse=False), reverse=True)
        return {f"network.model.{name}": number for name, number in layers.items()}

    def no_weight_decay(self) -> set[str]:
        """As timm names it."""
        inner: Any = getattr(self.network, "model", None)
        named = inner.no_weight_decay() if hasattr(inner, "no_weight_decay") else ()
        return {f"network.model.{name}" for name in named}

    def library_weights(self) -> dict[str, Tensor]:
        try:
            pretrained: nn.Module = self._create(pretrained=True)
        except ConfigError as e:
            raise CheckpointError(
                f"timm's weights can't be had ({first_line(e)}): give pretrained the path of a"
                " downloaded file, or False"
            ) from e
        return pretrained.state_dict()


def _is_transformer(network: nn.Module) -> bool:
    """timm calls a block's self-attention ``attn``; its ResNets so call what weighs channels."""
    has_attention = any(name.endswith(".attn") for name, _ in network.named_modules())
    return has_attention and not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
