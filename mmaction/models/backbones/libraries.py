"""Networks of other libraries: importing them, and what their wrappers share."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from types import ModuleType
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.checkpoint.layouts import recognised
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.renaming import renamed
from mmaction.environment import import_torchvision
from mmaction.errors import CheckpointError, ConfigError, first_line, near
from mmaction.models.backbones.layer_order import numbered

_NORMS = (nn.modules.batchnorm._BatchNorm,)
# What the same weights' names begin with in files of the libraries, and of this project.
_PREFIXES = ("backbone.", "network.", "model.", "videomae.", "vivit.", "timesformer.", "vjepa2.")


def import_library(name: str, *, of: str) -> ModuleType:
    """Imports timm, transformers or torchvision, which are optional.

    Args:
        name: Of the library, as it is imported and as the extra that installs it is called.
        of: Who needs it, for the message.

    Raises:
        ConfigError: It isn't installed, or can't be imported.
    """
    if sys.modules.get(name, name) is None:  # by tolerate_broken_torchvision
        del sys.modules[name]
    if importlib.util.find_spec(name) is None:
        raise ConfigError(f"backbone {of} needs {name}: pip install {name}")
    try:
        # transformers does without, but takes one that is installed for one that can be imported.
        with suppress(ModuleNotFoundError) if name == "transformers" else nullcontext():
            import_torchvision()
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError, AttributeError) as e:
        raise ConfigError(
            f"backbone {of}: {name} can't be imported ({first_line(e)}); install the release of"
            " torchvision that belongs to this torch"
        ) from e


class LibraryBackbone(BaseModule):
    """Base of the wrappers: freezing, pretrained weights, and the sizes of the features.

    A subclass's ``__init__`` sets ``network``, ``out_channels``, ``temporal_stride`` and
    ``spatial_stride`` and ends with ``freeze``.

    Args:
        frozen: True: no gradients at all, norms and dropout in eval mode. Names of layers, as in
            ``blocks.0``: those alone.
        norm_eval: Batch norms in eval mode while training.
        pretrained: What a training starts from: False, True for the library's own weights, or the
            path of a file of the network's weights. Tests and resumed runs never ask for it.
    """

    layer_names: Sequence[str] = ()  # patterns of ``layer_order.numbered``
    tokens = False  # whether features are tokens of a transformer
    prefix_tokens = 0  # how many of a sequence's tokens, the first ones, are no patches
    network: nn.Module
    out_channels: int
    temporal_stride: int
    spatial_stride: int

    def __init__(
        self,
        *,
        frozen: bool | Sequence[str] = False,
        norm_eval: bool = False,
        pretrained: bool | str = False,
    ) -> None:
        super().__init__()
        self.frozen = frozen
        self.norm_eval = norm_eval
        self.pretrained: bool | str | None = pretrained  # None: others are loaded

    def freeze(self) -> None:
        """Takes the gradients of what is frozen.

        Raises:
            ConfigError: ``frozen`` names a layer that the network hasn't.
        """
        for part in self._frozen_parts():
            part.requires_grad_(False)
        self.train(self.training)

    def _frozen_parts(self) -> list[nn.Module]:
        if isinstance(self.frozen, bool):
            return [self.network] if self.frozen else []
        layers = dict(self.network.named_modules())
        for name in self.frozen:
            if name not in layers:
                raise ConfigError(f"backbone.frozen={name!r}: no such layer{near(name, layers)}")
        return [layers[name] for name in self.frozen]

    def train(self, mode: bool = True) -> LibraryBackbone:
        """As torch's; what is frozen stays in eval mode."""
        super().train(mode and self.frozen is not True)
        kept = self._frozen_parts()
        if self.norm_eval:
            kept += [module for module in self.modules() if isinstance(module, _NORMS)]
        for part in kept:
            part.eval()
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """Clips B×3×T×H×W to features B×``out_channels``×T'×h×w."""
        raise NotImplementedError

    def lay_out(self, output: Tensor, clips: Tensor, *, layer: nn.Module) -> Tensor:
        """What a layer of the network gives, over time and picture.

        Args:
            output: Of the layer, such as tokens B×N×C, or maps of frames (B·T)×C×h×w.
            clips: What the network was given, B×3×T×H×W.
            layer: Any module of the network.

        Returns:
            B×C×T'×h×w, class tokens left out.

        Raises:
            RuntimeError: It is nothing that lies over time and picture.
        """
        raise NotImplementedError

    def attentions(self, clips: Tensor) -> list[Tensor]:
        """How much tokens attend to each other in each layer, from the input on.

        Returns:
            float in [0, 1], M×N×N, rows that sum to 1, averaged over heads: M sequences of N
            tokens, one a clip, or one a frame where frames are seen one by one.

        Raises:
            ConfigError: Not every layer has attention between all of its tokens.
        """
        raise ConfigError(f"{type(self).__name__} has no attention between all of its tokens")

    def self_contained(self) -> dict[str, Any]:
        """Arguments that replace those by which a hub or a directory is asked; none by default."""
        return {}

    def parameter_layers(self) -> dict[str, int]:
        """Patch embedding or stem, then each block: see ``layer_order``."""
        names = [name for name, _ in self.network.named_parameters()]
        return {f"network.{name}": n for name, n in numbered(names, self.layer_names).items()}

    def init_weights(self) -> None:
        """Loads the pretrained weights, where some are asked for.

        Raises:
            CheckpointError: They can't be had, or hardly any of them fits.
        """
        self._is_init = True
        if self.pretrained is True:
            self._load(self.library_weights(), source="the library's weights")
        elif self.pretrained:
            state = read_checkpoint(self.pretrained)["state_dict"]
            layout = recognised(state)
            if layout is not None and layout.model is not None:
                state = renamed(state, layout, source=str(self.pretrained)).state
            self._load(state, source=str(self.pretrained))

    def library_weights(self) -> dict[str, Tensor]:
        """The library's own weights by the names that ``network`` has."""
        raise NotImplementedError

    def _load(self, state: dict[str, Tensor], *, source: str) -> None:
        """Takes the tensors that fit by name and shape; what is put over time has none there."""
        given = {_plain(name): value for name, value in state.items()}
        own = {k: v for k, v in self.network.state_dict().items() if ".over_time." not in k}
        fitting = {
            name: given[_plain(name)]
            for name, value in own.items()
            if _plain(name) in given and given[_plain(name)].shape == value.shape
        }
        if 2 * len(fitting) < len(own):
            raise CheckpointError(
                f"pretrained={source}: {len(fitting)} of the network's {len(own)} tensors are in it"
            )
        missing = [name for name in own if name not in fitting]
        if missing:
            print_log(
                f"pretrained={source}: {len(missing)} of the network's {len(own)} tensors are not"
                f" in it and keep their start values, such as {missing[0]}",
                logger="current",
                level=logging.WARNING,
            )
        self.network.load_state_dict(fitting, strict=False)


def _plain(name: str) -> str:
    """A tensor's name without what wrappers put before and, over time, into it."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name.replace(".inner.", ".")
