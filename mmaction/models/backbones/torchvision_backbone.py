"""Video networks of torchvision."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from mmaction.errors import CheckpointError, ConfigError, first_line, near
from mmaction.models.backbones.libraries import LibraryBackbone, import_library
from mmaction.registry import MODELS

RESNETS = ("r3d_18", "mc3_18", "r2plus1d_18")
MVITS = ("mvit_v1_b", "mvit_v2_s")
SWINS = ("swin3d_t", "swin3d_s", "swin3d_b")
NAMES = (*RESNETS, "s3d", *MVITS, *SWINS)
# Beginnings of the names of parameters, from the input on: see layer_order.
_LAYERS: dict[str, tuple[str, ...]]
_LAYERS = dict.fromkeys(RESNETS, ("stem", r"layer(\d+)\.(\d+)"))
_LAYERS |= dict.fromkeys(MVITS, ("conv_proj|pos_encoding", r"blocks\.(\d+)"))
_LAYERS |= dict.fromkeys(SWINS, ("patch_embed", r"features\.(\d+)(?:\.(\d+))?"))
_LAYERS["s3d"] = (r"features\.(\d+)",)
CLIP = (1, 3, 16, 224, 224)


@MODELS.register_module()
class TorchvisionBackbone(LibraryBackbone):
    """A video network of torchvision without its head: clips B×3×T×H×W to B×C×T'×h×w.

    MViT's tokens become a map of 8×7×7 cells of C = 768, its class token left out; it takes clips
    of 16×224² alone.

    Args:
        model: ``r3d_18``, ``mc3_18``, ``r2plus1d_18``, ``s3d``, ``mvit_v1_b``, ``mvit_v2_s``,
            ``swin3d_t``, ``swin3d_s`` or ``swin3d_b``.
        weights: Which of torchvision's weights ``pretrained=True`` means, such as
            ``'KINETICS400_V1'``.
        **kwargs: ``frozen``, ``norm_eval``, ``pretrained``; see ``LibraryBackbone``.

    Raises:
        ConfigError: torchvision isn't there, or has no such network or weights.
    """

    def __init__(self, *, model: str, weights: str = "DEFAULT", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if model not in NAMES:
            raise ConfigError(f"TorchvisionBackbone model={model!r}{near(model, NAMES)}")
        import_library("torchvision", of="TorchvisionBackbone")
        from torchvision.models import get_model, get_model_weights

        known = get_model_weights(model)
        if weights not in known.__members__:
            raise ConfigError(
                f"TorchvisionBackbone weights={weights!r}{near(weights, known.__members__)}"
            )
        self.model = model
        self.layer_names = _LAYERS[model]
        self.tokens = model in (*MVITS, *SWINS)
        self.weights = known[weights]
        self.network = _without_head(get_model(model), model)
        with torch.device("meta"):
            measured = _without_head(get_model(model), model).eval()
            shape = _features(measured, torch.empty(CLIP, device="meta"), model).shape
        self.out_channels = shape[1]
        self.temporal_stride, self.spatial_stride = (round(CLIP[n] / shape[n]) for n in (2, 3))
        self.freeze()

    def forward(self, clips: Tensor) -> Tensor:
        if self.model in MVITS and clips.shape[2:] != CLIP[2:]:
            raise ConfigError(
                f"{self.model} takes clips of 16×224×224, these are"
                f" {'×'.join(map(str, clips.shape[2:]))}"
            )
        return _features(self.network, clips, self.model)

    def lay_out(self, output: Tensor, clips: Tensor, *, layer: nn.Module) -> Tensor:
        if self.model in MVITS and output.ndim == 3:  # fewer and fewer of each frame's tokens
            steps = clips.shape[2] // self.temporal_stride
            side = math.isqrt((output.shape[1] - 1) // steps)
            return output[:, 1:].transpose(1, 2).unflatten(2, (steps, side, side))
        if self.model in SWINS and not isinstance(layer, nn.Conv3d):
            return output.movedim(-1, 1)
        return output

    def no_weight_decay(self) -> set[str]:
        """MViT's class token, and tables of positions."""
        named = ("class_token", "rel_pos_", "relative_position")
        return {n for n, _ in self.named_parameters() if any(part in n for part in named)}

    def library_weights(self) -> dict[str, Tensor]:
        try:
            return dict(self.weights.get_state_dict(progress=False, check_hash=True))
        except (OSError, RuntimeError) as e:
            raise CheckpointError(
                f"{self.weights.url} can't be had ({first_line(e)}): give pretrained the path of"
                " the downloaded file, or False"
            ) from e


def _without_head(network: Any, name: str) -> nn.Module:
    """The network without the layers behind its features."""
    for head in ("fc", "classifier", "head", "avgpool"):
        if hasattr(network, head):
            delattr(network, head)
    return network


def _features(network: Any, clips: Tensor, name: str) -> Tensor:
    """As the network's own ``forward``, as far as its features."""
    if name in RESNETS:
        for part in (network.stem, network.layer1, network.layer2, network.layer3, network.layer4):
            clips = part(clips)
        return clips
    if name in SWINS:
        x = network.norm(network.features(network.pos_drop(network.patch_embed(clips))))
        return x.permute(0, 4, 1, 2, 3)
    if name in MVITS:
        x = network.pos_encoding(network.conv_proj(clips).flatten(2).transpose(1, 2))
        grid = (network.pos_encoding.temporal_size, *network.pos_encoding.spatial_size)
        for block in network.blocks:
            x, grid = block(x, grid)
        return network.norm(x)[:, 1:].transpose(1, 2).unflatten(2, grid)
    return network.features(clips)
