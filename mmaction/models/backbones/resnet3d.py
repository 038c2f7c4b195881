"""3D ResNet whose stem and stages can be used one by one.

Dimension letters: B clips, C channels, T frames, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models.activation_checkpointing import checkpointed
from mmaction.models.backbones.blocks import (
    INFLATE_STYLES,
    BasicBlock3D,
    Bottleneck3D,
    ResidualBlock,
    conv3d,
    norm,
)
from mmaction.models.backbones.layer_order import numbered
from mmaction.models.backbones.pretrained import load_into, pretrained_state
from mmaction.registry import MODELS

ARCHITECTURES: dict[int, tuple[type[ResidualBlock], tuple[int, ...]]] = {
    10: (BasicBlock3D, (1, 1, 1, 1)),
    18: (BasicBlock3D, (2, 2, 2, 2)),
    34: (BasicBlock3D, (3, 4, 6, 3)),
    50: (Bottleneck3D, (3, 4, 6, 3)),
    101: (Bottleneck3D, (3, 4, 23, 3)),
    152: (Bottleneck3D, (3, 8, 36, 3)),
}
STAGES = 4


class Stem(nn.Sequential):
    """Convolution, norm, ReLU and a 1×3×3 max-pool: B×3×T×H×W to B×``out_channels``×T×H/4×W/4.

    Args:
        out_channels: Channels that come out.
        kernel: Of the convolution, over T, H and W.
        norm_cfg: The norm layer's config.
    """

    def __init__(
        self, out_channels: int, *, kernel: tuple[int, int, int], norm_cfg: dict[str, Any]
    ) -> None:
        super().__init__()
        self.conv = conv3d(3, out_channels, kernel=kernel, stride=(1, 2, 2))
        self.bn = norm(norm_cfg, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))


@MODELS.register_module()
class ResNet3D(BaseModule):
    """3D ResNet: float clips B×3×T×H×W to features B×C×T'×H'×W'.

    With the defaults it is the paper's: no temporal stride anywhere (T' = T), the first 1×1×1
    convolution of every bottleneck of stages 3 and 4 inflated to 3×1×1.

    Args:
        depth: 10, 18, 34, 50, 101 or 152.
        num_stages: How many stages the network has, 1 to 4. ST-ABN's feature extractor has 3; its
            branches each own a fourth one, from ``make_next_stage``.
        base_channels: Width of the stem and of stage 1; each further stage doubles it.
        stem_kernel: Kernel of the stem's convolution over T, H and W.
        spatial_strides: Stride over H and W of each of the four stages.
        temporal_strides: Stride over T of each of the four stages.
        inflate: For each of the four stages, whether its blocks reach over time.
        inflate_style: ``'3x1x1'`` or ``'3x3x3'``: which convolution of a bottleneck does.
        frozen_stages: -1 for none; 0 freezes the stem, n the stem and the first n stages: no
            gradients, and norms in eval mode.
        frozen: Freeze the stem and all stages.
        norm_eval: Keep every norm in eval mode while training.
        norm_cfg: The norm layers' config.
        zero_init_residual: Start every block as the identity.
        with_cp: Activation checkpointing, for less memory: in the backward pass, True recomputes
            blocks, ``'selective'`` only what is cheap of them and of the stem.
        pretrained: What a training starts from: None, the path of a 2D or 3D ResNet checkpoint, or
            ``'torchvision://resnet50'`` (IMAGENET1K_V1; ``'….imagenet1k_v2'`` for later weights).
            2D kernels are inflated: repeated over their temporal taps and divided by their number.
            Weights of ``load_from`` or a resumed run take its place; tests never ask for it.

    Raises:
        ConfigError: An argument that can't work; the message names it.
    """

    def __init__(
        self,
        *,
        depth: int,
        num_stages: int = 4,
        base_channels: int = 64,
        stem_kernel: tuple[int, int, int] = (1, 7, 7),
        spatial_strides: Sequence[int] = (1, 2, 2, 2),
        temporal_strides: Sequence[int] = (1, 1, 1, 1),
        inflate: Sequence[bool | int] = (0, 0, 1, 1),
        inflate_style: str = "3x1x1",
        frozen_stages: int = -1,
        frozen: bool = False,
        norm_eval: bool = False,
        norm_cfg: dict[str, Any] | None = None,
        zero_init_residual: bool = False,
        with_cp: bool | str = False,
        pretrained: str | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        _require(depth in ARCHITECTURES, "depth", depth, f"one of {sorted(ARCHITECTURES)}")
        _require(1 <= num_stages <= STAGES, "num_stages", num_stages, f"1 to {STAGES}")
        known = inflate_style in INFLATE_STYLES
        _require(known, "inflate_style", inflate_style, f"one of {INFLATE_STYLES}")
        exist = -1 <= frozen_stages <= num_stages
        _require(exist, "frozen_stages", frozen_stages, f"-1 to {num_stages}")
        modes = (False, True, "selective")
        _require(with_cp in modes, "with_cp", with_cp, "False, True or 'selective'")
        for name, values in (
            ("spatial_strides", spatial_strides),
            ("temporal_strides", temporal_strides),
            ("inflate", inflate),
        ):
            _require(len(values) == STAGES, name, values, f"{STAGES} values, one a stage")
        self.block, self.stage_blocks = ARCHITECTURES[depth]
        self.num_stages = num_stages
        self.base_channels = base_channels
        self.spatial_strides = tuple(spatial_strides)
        self.temporal_strides = tuple(temporal_strides)
        self.inflate = tuple(bool(i) for i in inflate)
        self.inflate_style = inflate_style
        self.frozen_stages = num_stages if frozen else frozen_stages
        self.norm_eval = norm_eval
        self.norm_cfg = norm_cfg or dict(type="BN3d")
        self.zero_init_residual = zero_init_residual
        self.with_cp = with_cp
        self.pretrained = pretrained

        self.stem = Stem(
            base_channels,
            kernel=tuple(stem_kernel),  # type: ignore[arg-type]  # configs hold lists
            norm_cfg=self.norm_cfg,
        )
        for number in range(1, num_stages + 1):
            self.add_module(f"layer{number}", self.make_stage(number))
        self._freeze()

    @property
    def stages(self) -> list[nn.Module]:
        """The stages in order, the stem left out."""
        return [self.get_submodule(f"layer{n}") for n in range(1, self.num_stages + 1)]

    @property
    def out_channels(self) -> int:
        """Channels of the features."""
        return self._stage_channels(self.num_stages)

    @property
    def temporal_stride(self) -> int:
        """Input frames for each step in time of the features."""
        stride = 1
        for s in self.temporal_strides[: self.num_stages]:
            stride *= s
        return stride

    def _stage_channels(self, number: int) -> int:
        if number == 0:
            return self.base_channels
        return self.base_channels * 2 ** (number - 1) * self.block.expansion

    def make_stage(
        self, number: int, *, spatial_stride: int | None = None, blocks: int | None = None
    ) -> nn.Sequential:
        """A new stage of this architecture with its own parameters.

        Args:
            number: 1 to 4.
            spatial_stride: In place of the configured one.
            blocks: Number of residual blocks in place of the depth's.

        Returns:
            Module from B×C×T×H×W to B×(its ``out_channels``)×T'×H'×W'.
        """
        stage = nn.Sequential()
        channels = self._stage_channels(number - 1)
        for i in range(self.stage_blocks[number - 1] if blocks is None else blocks):
            stage.append(
                self.block(
                    channels,
                    self.base_channels * 2 ** (number - 1),
                    spatial_stride=(
                        1 if i else (spatial_stride or self.spatial_strides[number - 1])
                    ),
                    temporal_stride=1 if i else self.temporal_strides[number - 1],
                    inflate=self.inflate[number - 1],
                    inflate_style=self.inflate_style,
                    norm_cfg=self.norm_cfg,
                    with_cp=self.with_cp,
                )
            )
            channels = self._stage_channels(number)
        stage.out_channels = channels  # type: ignore[assignment]  # read by whoever owns the stage
        init_resnet(stage, zero_init_residual=self.zero_init_residual)
        return stage

    def make_next_stage(
        self, *, spatial_stride: int | None = None, blocks: int | None = None
    ) -> nn.Sequential:
        """A new stage that fits behind the last one, for a branch to own. See ``make_stage``."""
        if self.num_stages == STAGES:
            raise ConfigError(
                f"backbone.num_stages={STAGES} leaves no stage for the branches; "
                f"ST-ABN needs num_stages={STAGES - 1} or fewer"
            )
        return self.make_stage(self.num_stages + 1, spatial_stride=spatial_stride, blocks=blocks)

    def init_weights(self) -> None:
        """Loads ``pretrained``, where there is one, into the stem and the stages."""
        super().init_weights()
        if self.pretrained is not None:
            load_into(self, pretrained_state(self.pretrained), source=self.pretrained)

    def init_next_stage(self, stage: nn.Module) -> None:
        """Loads the pretrained weights of the stage after the last into a branch's ``stage``."""
        if self.pretrained is not None:
            prefix = f"layer{self.num_stages + 1}."
            state = pretrained_state(self.pretrained)
            load_into(stage, state, source=self.pretrained, prefix=prefix)

    def forward(self, clips: Tensor) -> Tensor:
        # Recomputed whole, the stem would cost more than it keeps: its one tensor before the norm.
        if self.with_cp == "selective" and self.stem.training:
            x = checkpointed(self.stem, clips, module=self.stem, mode="selective")
        else:
            x = self.stem(clips)
        for stage in self.stages:
            x = stage(x)
        return x

    def parameter_layers(self) -> dict[str, int]:
        """The stem, then each block: see ``layer_order``."""
        names = [name for name, _ in self.named_parameters()]
        return numbered(names, ("stem", r"layer(\d+)\.(\d+)"))

    def _freeze(self) -> None:
        parts = [self.stem, *self.stages][: self.frozen_stages + 1]
        for part in parts:
            part.eval()
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> ResNet3D:
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


def init_resnet(module: nn.Module, *, zero_init_residual: bool) -> None:
    """Kaiming initialisation (arXiv:1502.01852) of convolutions; norms start at one and zero."""
    for m in module.modules():
        if isinstance(m, nn.Conv3d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(m, ResidualBlock) and zero_init_residual:
            nn.init.zeros_(m.last_norm.weight)  # type: ignore[arg-type]


def _require(right: bool, name: str, value: object, expected: str) -> None:
    if not right:
        raise ConfigError(f"ResNet3D {name}={value!r}: expected {expected}")
