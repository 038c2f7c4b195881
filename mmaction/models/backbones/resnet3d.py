"""3D ResNet whose stem and stages can be used one by one.

Dimension letters: B clips, C channels, T frames, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models.activation_checkpointing import checkpointed
from mmaction.models.backbones.blocks import (
    ARCHITECTURES,
    INFLATE_STYLES,
    NON_LOCAL,
    BasicBlock3D,
    by_block,
    init_resnet,
    non_local_3d,
    require,
)
from mmaction.models.backbones.convolutions import Stem
from mmaction.models.backbones.layer_order import numbered
from mmaction.models.backbones.pretrained import load_into, pretrained_state
from mmaction.registry import MODELS

STAGES = 4
# Deeper networks are shifted in every second block, as TSM's are.
_SHIFTED_SPARSELY = 23


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
        stem_temporal_stride: Its stride over T.
        stem_pool: Whether the stem ends in a 1×3×3 max-pool of stride 2 over H and W.
        pool_temporal_strides: Stride over T of that pool, and of a max-pool behind stage 1, which
            is there where it is not 1. I3D has 2 and 2.
        spatial_strides: Stride over H and W of each of the four stages.
        temporal_strides: Stride over T of each of the four stages.
        inflate: For each of the four stages, whether its blocks reach over time, or whether each of
            its blocks does, as in ``((1, 1, 1), (1, 0, 1, 0), 1, 0)``.
        inflate_style: ``'3x1x1'`` or ``'3x3x3'``: which convolution of a bottleneck does. Of basic
            blocks also ``'2+1d'`` and ``'2+1d-shared'``; see ``blocks.ResidualBlock``.
        shift_div: The temporal shift of TSM (arXiv:1811.08383), of 2 · 1/``shift_div`` of the
            channels, where a block's residual begins; 8 in the paper, 0: none. With
            ``inflate=(0, 0, 0, 0)`` this is TSM's network of images, without the shift TSN's. From
            101 layers on every second block has it.
        shift_shortcut: See ``blocks.ResidualBlock``; TPN's TSM.
        non_local: For each of the four stages, whether non-local blocks (arXiv:1711.07971) follow
            its residual blocks, or each of them; as ``inflate``.
        non_local_cfg: Arguments of mmcv's ``NonLocal3d`` other than its sizes; default: each cell
            asks the cells of a grid half as fine, ``mode='embedded_gaussian'``.
        out_stages: Give the features of these stages, as a tuple, instead of the last one's: for a
            neck.
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
        stem_temporal_stride: int = 1,
        stem_pool: bool = True,
        pool_temporal_strides: Sequence[int] = (1, 1),
        spatial_strides: Sequence[int] = (1, 2, 2, 2),
        temporal_strides: Sequence[int] = (1, 1, 1, 1),
        inflate: Sequence[bool | int | Sequence[bool | int]] = (0, 0, 1, 1),
        inflate_style: str = "3x1x1",
        shift_div: int = 0,
        shift_shortcut: bool = False,
        non_local: Sequence[bool | int | Sequence[bool | int]] = (0, 0, 0, 0),
        non_local_cfg: dict[str, Any] | None = None,
        out_stages: Sequence[int] | None = None,
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
        require(depth in ARCHITECTURES, "depth", depth, f"one of {sorted(ARCHITECTURES)}")
        self.block, self.stage_blocks = ARCHITECTURES[depth]
        exist = -1 <= frozen_stages <= num_stages
        require(exist, "frozen_stages", frozen_stages, f"-1 to {num_stages}")
        modes = (False, True, "selective")
        require(with_cp in modes, "with_cp", with_cp, "False, True or 'selective'")
        self.num_stages = num_stages
        self.base_channels = base_channels
        self.stem_temporal_stride = stem_temporal_stride
        self.pool_temporal_strides = tuple(pool_temporal_strides)
        self.spatial_strides = tuple(spatial_strides)
        self.temporal_strides = tuple(temporal_strides)
        self.inflate = by_block("inflate", inflate, self.stage_blocks)
        self.inflate_style = inflate_style
        self.shift_div, self.shift_shortcut = shift_div, shift_shortcut
        self.non_local = by_block("non_local", non_local, self.stage_blocks)
        self.non_local_cfg = NON_LOCAL | dict(non_local_cfg or {}) if any(non_local) else {}
        self.out_stages = None if out_stages is None else tuple(out_stages)
        self.frozen_stages = num_stages if frozen else frozen_stages
        self.norm_eval = norm_eval
        self.norm_cfg = norm_cfg
        self.zero_init_residual = zero_init_residual
        self.with_cp = with_cp
        self.pretrained = pretrained
        self._check()
        self._make_layers(tuple(stem_kernel), stem_pool)  # type: ignore[arg-type]

    def _check(self) -> None:
        require(1 <= self.num_stages <= STAGES, "num_stages", self.num_stages, f"1 to {STAGES}")
        known = INFLATE_STYLES if self.block is BasicBlock3D else INFLATE_STYLES[:2]
        style = self.inflate_style
        require(style in known, "inflate_style", style, f"one of {known} at this depth")
        for name in ("spatial_strides", "temporal_strides"):
            strides = getattr(self, name)
            require(len(strides) == STAGES, name, strides, f"{STAGES} values, one a stage")
        stages = self.out_stages or (self.num_stages,)
        fits = all(1 <= n <= self.num_stages for n in stages) and list(stages) == sorted(stages)
        require(fits, "out_stages", stages, f"rising numbers, 1 to {self.num_stages}")
        pools = self.pool_temporal_strides
        require(len(pools) == 2, "pool_temporal_strides", pools, "two values")
        require(self.shift_div != 1, "shift_div", 1, "0 for none, or 2 or more")

    def _make_layers(self, stem_kernel: tuple[int, int, int], stem_pool: bool) -> None:
        self.stem = Stem(
            self.base_channels,
            kernel=stem_kernel,
            inflate_style=self.inflate_style,
            temporal_stride=self.stem_temporal_stride,
            pool=stem_pool,
            pool_temporal_stride=self.pool_temporal_strides[0],
            norm_cfg=self.norm_cfg,
        )
        for number in range(1, self.num_stages + 1):
            self.add_module(f"layer{number}", self.make_stage(number))
        second = self.pool_temporal_strides[1]
        self.pool2 = nn.MaxPool3d((second, 1, 1), ceil_mode=True) if second > 1 else nn.Identity()
        self._freeze()

    @property
    def stages(self) -> list[nn.Module]:
        """The stages in order, the stem left out."""
        return [self.get_submodule(f"layer{n}") for n in range(1, self.num_stages + 1)]

    @property
    def out_channels(self) -> int:
        """Channels of the features, of the last stage."""
        return self._stage_channels(self.num_stages)

    @property
    def level_channels(self) -> list[int]:
        """Channels of each of ``out_stages``."""
        return [self._stage_channels(number) for number in self.out_stages or (self.num_stages,)]

    @property
    def temporal_stride(self) -> int:
        """Input frames for each step in time of the features."""
        stages = self.temporal_strides[: self.num_stages]
        return prod((self.stem_temporal_stride, *self.pool_temporal_strides, *stages))

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
        inflate, non_local = self.inflate[number - 1], self.non_local[number - 1]
        sparse = 2 if self.stage_blocks[2] >= _SHIFTED_SPARSELY else 1
        for i in range(len(inflate) if blocks is None else blocks):
            stage.append(
                self.block(
                    channels,
                    self.base_channels * 2 ** (number - 1),
                    spatial_stride=(
                        1 if i else (spatial_stride or self.spatial_strides[number - 1])
                    ),
                    temporal_stride=1 if i else self.temporal_strides[number - 1],
                    inflate=inflate[i % len(inflate)],
                    inflate_style=self.inflate_style,
                    norm_cfg=self.norm_cfg,
                    with_cp=self.with_cp,
                    shift_div=0 if i % sparse else self.shift_div,
                    shift_shortcut=self.shift_shortcut,
                )
            )
            channels = self._stage_channels(number)
        stage.out_channels = channels  # type: ignore[assignment]  # read by whoever owns the stage
        init_resnet(stage, zero_init_residual=self.zero_init_residual)
        for i, block in enumerate(stage):
            if non_local[i % len(non_local)]:
                block.non_local_block = non_local_3d(channels, self.non_local_cfg)
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

    def forward(self, clips: Tensor) -> Tensor | tuple[Tensor, ...]:
        # Recomputed whole, the stem would cost more than it keeps: its one tensor before the norm.
        if self.with_cp == "selective" and self.stem.training:
            x = checkpointed(self.stem, clips, module=self.stem, mode="selective")
        else:
            x = self.stem(clips)
        levels = []
        for number, stage in enumerate(self.stages, 1):
            x = stage(x)
            if number == 1:
                x = self.pool2(x)
            if number in (self.out_stages or ()):
                levels.append(x)
        return tuple(levels) if levels else x

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
