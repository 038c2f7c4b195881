"""Public networks, spelt out on weights in the names of their own code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.registry import MODELS

State = Mapping[str, Tensor]
I3D = (1, (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))

# From this project's names to theirs.
MMACTION2 = (
    (r"backbone\.stem\.(conv|bn)\.", r"backbone.conv1.\1."),
    (r"(layer\d\.\d+)\.conv(\d)\.", r"\1.conv\2.conv."),
    (r"(layer\d\.\d+)\.bn(\d)\.", r"\1.conv\2.bn."),
    (r"(layer\d\.\d+)\.downsample\.0\.", r"\1.downsample.conv."),
    (r"(layer\d\.\d+)\.downsample\.1\.", r"\1.downsample.bn."),
    (r"neck\.spatial\.", "neck.spatial_modulation.spatial_modulation."),
    (r"neck\.temporal\.(\d)\.conv\.", r"neck.temporal_modulation_ops.\1.conv.conv."),
    (r"neck\.downsample\.(\d)\.conv\.", r"neck.downsample_ops.\1.conv.conv."),
    (r"neck\.top_down\.", "neck.level_fusion_1."),
    (r"neck\.bottom_up\.", "neck.level_fusion_2."),
    (r"squeeze\.(\d)\.", r"downsamples.\1.conv."),
    (r"(level_fusion_\d)\.fuse\.", r"\1.fusion_conv."),
    (r"neck\.fuse\.", "neck.pyramid_fusion."),
    (r"neck\.auxiliary\.", "neck.aux_head."),
    (r"^head\.fc\.", "cls_head.fc_cls."),
)
MMACTION = (
    (r"backbone\.stem\.(conv|bn)\.", r"backbone.\g<1>1."),
    (r"^head\.fc\.", "cls_head.fc_cls."),
)
SHIFTED = (*MMACTION2, (r"(\d\.conv1\.conv)\.weight$", r"\1.net.weight"))
TPN = (
    *MMACTION,
    (r"neck\.spatial\.", "necks.spatial_modulation.spatial_modulation."),
    (r"neck\.temporal\.", "necks.temporal_modulation_ops."),
    (r"neck\.downsample\.", "necks.downsampling_ops."),
    (r"neck\.top_down\.", "necks.level_fusion_op2."),
    (r"neck\.bottom_up\.", "necks.level_fusion_op."),
    (r"squeeze\.(\d)\.conv\.", r"ops.\1.conv."),
    (r"squeeze\.(\d)\.bn\.", r"ops.\1.norm."),
    (r"(level_fusion_op2?)\.fuse\.conv\.", r"\1.fusion_conv.0."),
    (r"(level_fusion_op2?)\.fuse\.bn\.", r"\1.fusion_conv.1."),
    (r"neck\.fuse\.conv\.", "necks.pyramid_fusion_op.0."),
    (r"neck\.fuse\.bn\.", "necks.pyramid_fusion_op.1."),
    (r"neck\.auxiliary\.conv\.", "necks.aux_head.convs."),
    (r"neck\.auxiliary\.fc\.", "necks.aux_head.fc."),
)
TSM = (
    (r"backbone\.stem\.(conv|bn)\.", r"base_model.\g<1>1."),
    (r"backbone\.(layer\d\.\d+\.conv1)\.", r"base_model.\1.net."),
    (r"backbone\.(layer\d)\.", r"base_model.\1."),
    (r"head\.fc\.", "new_fc."),
)
PYTORCHVIDEO = (
    (r"backbone\.stem\.conv\.", "blocks.0.conv."),
    (r"backbone\.stem\.bn\.", "blocks.0.norm."),
    (r"backbone\.layer(\d)\.(\d+)\.", r"blocks.\1.res_blocks.\2."),
    *((rf"\.conv{n}\.", f".branch2.conv_{letter}.") for n, letter in enumerate("abc", 1)),
    *((rf"\.bn{n}\.", f".branch2.norm_{letter}.") for n, letter in enumerate("abc", 1)),
    (r"downsample\.0\.", "branch1_conv."),
    (r"downsample\.1\.", "branch1_norm."),
    (r"head\.fc\.", "blocks.5.proj."),
)
TORCHVISION = (
    (r"backbone\.stem\.conv\.", "stem.0."),
    (r"backbone\.stem\.bn\.", "stem.1."),
    (r"backbone\.stem\.conv_t\.", "stem.3."),
    (r"backbone\.stem\.bn_t\.", "stem.4."),
    (r"backbone\.", ""),
    (r"conv(\d)\.conv_s\.", r"conv\1.0.0."),
    (r"conv(\d)\.bn_s\.", r"conv\1.0.1."),
    (r"conv(\d)\.conv_t\.", r"conv\1.0.3."),
    (r"(layer\d\.\d)\.conv(\d)\.weight", r"\1.conv\2.0.weight"),
    (r"(layer\d\.\d)\.bn(\d)\.", r"\1.conv\2.1."),
    (r"head\.", ""),
)


def in_their_names(state: State, names: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    theirs = {}
    for name, value in state.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        theirs[name] = value
    return theirs


def random_state(network: dict[str, Any] | nn.Module) -> dict[str, Tensor]:
    """Weights of a network as if it were trained: norms and linears that do something."""
    built = network if isinstance(network, nn.Module) else MODELS.build(network)
    state = built.state_dict()
    for value in state.values():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif value.ndim == 2:
            value.normal_(std=value.shape[1] ** -0.5)
    return state


@dataclass(frozen=True)
class Net:
    """What a public network computes of its weights.

    Attributes:
        w: Weights in this project's names, images' kernels O×I×h×w.
        eps: Of norms but those within a convolution in two steps.
    """

    w: State
    eps: float = 1e-5

    def conv(self, x: Tensor, name: str, *, t: int = 1, s: int = 1, groups: int = 1) -> Tensor:
        if f"{name}.conv_s.weight" in self.w:
            x = self.conv(x, f"{name}.conv_s", s=s)
            x = self.bn(x, f"{name}.bn_s", eps=1e-5).relu()
            return self.conv(x, f"{name}.conv_t", t=t)
        weight = self.w[f"{name}.weight"]
        padding = [k // 2 for k in weight.shape[2:]]
        if weight.ndim == 5:
            return F.conv3d(x, weight, stride=(t, s, s), padding=padding, groups=groups)
        images = x.transpose(1, 2).flatten(0, 1)
        images = F.conv2d(images, weight, stride=s, padding=padding)
        return images.unflatten(0, (len(x), -1)).transpose(1, 2)

    def bn(self, x: Tensor, name: str, *, eps: float | None = None) -> Tensor:
        mean, var, weight, bias = (
            self.w[f"{name}.{part}"].reshape(1, -1, 1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + (eps or self.eps)).sqrt() * weight + bias

    def relu(self, x: Tensor, name: str, **how: int) -> Tensor:
        return self.bn(self.conv(x, f"{name}.conv", **how), f"{name}.bn").relu()

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def stage(
        self, x: Tensor, at: str, *, t: int = 1, s: int = 1, shift: str | None = None
    ) -> Tensor:
        i = 0
        while f"{at}.{i}.bn1.weight" in self.w:
            x = self.block(x, f"{at}.{i}", t=1 if i else t, s=1 if i else s, shift=shift)
            i += 1
        return x

    def block(self, x: Tensor, at: str, *, t: int, s: int, shift: str | None) -> Tensor:
        y = shifted(x) if shift else x
        shortcut = x
        if f"{at}.downsample.1.weight" in self.w:
            seen = y if shift == "inplace" else x
            shortcut = self.bn(
                self.conv(seen, f"{at}.downsample.0", t=t, s=s), f"{at}.downsample.1"
            )
        count = 3 if f"{at}.bn3.weight" in self.w else 2
        for n in range(1, count + 1):
            here = dict(t=t, s=s) if n == count - 1 else {}
            y = self.bn(self.conv(y, f"{at}.conv{n}", **here), f"{at}.bn{n}")
            y = y.relu() if n < count else y
        y = (shortcut + y).relu()
        return self.non_local(y, f"{at}.non_local_block")

    def non_local(self, x: Tensor, at: str) -> Tensor:
        """The softmax over a grid half as fine, arXiv:1711.07971, formula 2."""
        if f"{at}.theta.conv.weight" not in self.w:
            return x

        def linear(part: str) -> Tensor:
            name = f"{at}.{part}.conv"
            return self.conv(x, name) + self.w[f"{name}.bias"].reshape(1, -1, 1, 1, 1)

        phi, g = (F.max_pool3d(linear(part), (1, 2, 2)).flatten(2) for part in ("phi.0", "g.0"))
        pairs = torch.einsum("bcq,bck->bqk", linear("theta").flatten(2), phi)
        seen = torch.einsum("bqk,bck->bcq", pairs.softmax(dim=2), g).unflatten(2, x.shape[2:])
        return x + self.bn(self.conv(seen, f"{at}.conv_out.conv"), f"{at}.conv_out.bn")

    def tpn(self, levels: list[Tensor], steps: Sequence[int]) -> Tensor:
        levels[0] = self.relu(levels[0], "neck.spatial.0.0", s=2)
        t = [
            over_time(self.conv(x, f"neck.temporal.{i}.conv", groups=32), steps[i])
            for i, x in enumerate(levels)
        ]
        t[0] = t[0] + t[1]  # of one step, or as many
        top_down = self.fusion(t, "neck.top_down", steps)
        t[1] = t[1] + over_time(self.conv(t[0], "neck.downsample.0.conv"), steps[1])
        both = [top_down, self.fusion(t, "neck.bottom_up", steps)]
        return self.relu(torch.cat(both, 1), "neck.fuse")

    def fusion(self, levels: list[Tensor], at: str, steps: Sequence[int]) -> Tensor:
        pooled = [over_time(x, steps[-1]) for x in levels]
        squeezed = [self.relu(x, f"{at}.squeeze.{i}", groups=32) for i, x in enumerate(pooled)]
        return self.relu(torch.cat(squeezed, 1), f"{at}.fuse")


def over_time(x: Tensor, steps: int) -> Tensor:
    return x.unflatten(2, (steps, -1)).amax(3)


def shifted(x: Tensor) -> Tensor:
    """An eighth of the channels from the frame behind, the next from the frame before."""
    out, fold = torch.zeros_like(x), x.shape[1] // 8
    out[:, :fold, :-1] = x[:, :fold, 1:]
    out[:, fold : 2 * fold, 1:] = x[:, fold : 2 * fold, :-1]
    out[:, 2 * fold :] = x[:, 2 * fold :]
    return out


def answer(
    clips: Tensor,
    w: State,
    *,
    temporal: Sequence[int] = (1, 1, 1, 1),
    stem_t: int = 1,
    pools: Sequence[int] | None = (1, 1),
    shift: str | None = None,
    eps: float = 1e-5,
    steps: Sequence[int] | None = None,
) -> Tensor:
    """Logits of a public network, from its strides over time, weights in this project's names."""
    net = Net(w, eps)
    x = net.conv(clips, "backbone.stem.conv", t=stem_t, s=2)
    x = net.bn(x, "backbone.stem.bn").relu()
    if "backbone.stem.conv_t.weight" in w:
        x = net.bn(net.conv(x, "backbone.stem.conv_t"), "backbone.stem.bn_t").relu()
    if pools is not None:
        x = F.max_pool3d(x, (1, 3, 3), stride=(pools[0], 2, 2), padding=(0, 1, 1))
    levels = []
    for stage in (1, 2, 3, 4):
        how = dict(t=temporal[stage - 1], s=min(stage, 2))
        x = net.stage(x, f"backbone.layer{stage}", **how, shift=shift)
        if stage == 1 and pools is not None and pools[1] == 2:
            x = F.max_pool3d(x, (2, 1, 1), stride=(2, 1, 1))
        levels.append(x)
    if steps is not None:
        x = net.tpn(levels[2:], steps)
    return net.linear(x.mean((2, 3, 4)), "head.fc")


@dataclass(frozen=True)
class Zoo:
    """A public network.

    Attributes:
        layout: Of its checkpoint.
        names: From this project's names to its own.
        network: The config of it that the converter is to find, but for the number of classes.
        computes: What ``answer`` is to know of it.
    """

    layout: str
    names: Sequence[tuple[str, str]]
    network: dict[str, Any]
    computes: dict[str, Any]


def resnet(depth: int, inflate: Any = (0, 0, 1, 1), kernel: int = 1, **more: Any) -> dict[str, Any]:
    shape = dict(depth=depth, base_channels=8, stem_kernel=(kernel, 7, 7), inflate=inflate)
    return dict(type="ResNet3D", **shape, **(dict(inflate_style="3x1x1") | more))


def plain(backbone: dict[str, Any], kind: str = "Recognizer3D", **more: Any) -> dict[str, Any]:
    return dict(type=kind, num_classes=3, backbone=backbone, **more)


def tpn(width: int) -> dict[str, Any]:
    return dict(neck=dict(type="TPN", channels=width, steps=(1, 1)))


NL = dict(mode="embedded_gaussian", sub_sample=True, use_scale=False)
STRIDED = dict(temporal_strides=(1, 2, 2, 2))
IMAGES = (0, 0, 0, 0)
TV = dict(stem_pool=False, **STRIDED)
TV_COLORS = dict(mean=(110.2, 100.64, 95.99), std=(58.15, 56.47, 55.33))
ZOO: dict[str, Zoo] = {
    "MMAction's 3D ResNet": Zoo("mmaction", MMACTION, plain(resnet(18)), {}),
    "SlowOnly": Zoo("mmaction2", MMACTION2, plain(resnet(50)), {}),
    "I3D with non-local blocks": Zoo(
        "mmaction2",
        MMACTION2,
        plain(
            resnet(
                *(50, I3D, 5),
                stem_temporal_stride=2,
                pool_temporal_strides=(2, 2),
                non_local=(0, (0, 1, 0, 1), 0, 0),
                non_local_cfg=NL,
            )
        ),
        dict(stem_t=2, pools=(2, 2)),
    ),
    "R(2+1)D": Zoo(
        "mmaction2",
        MMACTION2,
        plain(
            resnet(
                *(18, (1, 1, 1, 1), 3),
                inflate_style="2+1d",
                norm_cfg=dict(type="BN3d", eps=1e-3),
                **STRIDED,
            )
        ),
        dict(temporal=(1, 2, 2, 2), eps=1e-3),
    ),
    "TSN": Zoo("mmaction2", MMACTION2, plain(resnet(50, IMAGES), "Recognizer2D"), {}),
    "TSM": Zoo(
        "mmaction2",
        SHIFTED,
        plain(resnet(50, IMAGES, shift_div=8), "Recognizer2D"),
        dict(shift="residual"),
    ),
    "TSM's own": Zoo(
        "tsm",
        TSM,
        plain(resnet(50, IMAGES, shift_div=8), "Recognizer2D"),
        dict(shift="residual"),
    ),
    "TPN on SlowOnly": Zoo(
        "mmaction2",
        MMACTION2,
        plain(resnet(50, out_stages=(3, 4)), **tpn(128)),
        dict(steps=(1, 1)),
    ),
    "TPN's own on a 3D ResNet": Zoo(
        "tpn",
        TPN,
        plain(resnet(50, out_stages=(3, 4)), **tpn(128)),
        dict(steps=(1, 1)),
    ),
    "TPN's own on TSM": Zoo(
        "tpn",
        TPN,
        plain(
            resnet(50, IMAGES, out_stages=(3, 4), shift_div=8, shift_shortcut=True),
            "Recognizer2D",
            **tpn(128),
        ),
        dict(shift="inplace", steps=(1, 1)),
    ),
    "slow_r50": Zoo(
        "pytorchvideo",
        PYTORCHVIDEO,
        plain(resnet(50), data_preprocessor=dict(mean=(114.75,) * 3, std=(57.375,) * 3)),
        {},
    ),
    "r3d_18": Zoo(
        "torchvision",
        TORCHVISION,
        plain(resnet(18, (1, 1, 1, 1), 3, **TV), data_preprocessor=TV_COLORS),
        dict(temporal=(1, 2, 2, 2), pools=None),
    ),
    "mc3_18": Zoo(
        "torchvision",
        TORCHVISION,
        plain(
            resnet(18, (1, 0, 0, 0), 3, stem_pool=False, temporal_strides=(1, 1, 1, 1)),
            data_preprocessor=TV_COLORS,
        ),
        dict(pools=None),
    ),
    "r2plus1d_18": Zoo(
        "torchvision",
        TORCHVISION,
        plain(
            resnet(18, (1, 1, 1, 1), 3, inflate_style="2+1d-shared", **TV),
            data_preprocessor=TV_COLORS,
        ),
        dict(temporal=(1, 2, 2, 2), pools=None),
    ),
}
