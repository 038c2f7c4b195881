"""Layers of a recognizer whose features explainers read, transformers' tokens included.

Dimension letters: B clips, C channels, T' steps in time and h×w cells of a layer's features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers.options import check

_DEFAULTS = ("perception_branch.stage", "neck", "backbone")


def check_layer(explainer: str, layer: str | None) -> str | None:
    """The option ``layer``: a module's dotted name, or None for the default.

    Raises:
        ConfigError: It is neither.
    """
    fits = layer is None or (isinstance(layer, str) and layer != "")
    return check(explainer, "layer", layer, fits=fits, expected="a module's name")


@dataclass(frozen=True)
class Layer:
    """A layer of a recognizer.

    Attributes:
        explainer: Who reads it, for messages.
        name: Dotted, such as ``backbone.layer3``.
        module: The layer.
        backbone: The recognizer's, which lays out what its own layers give (``lay_out``).
    """

    explainer: str
    name: str
    module: nn.Module
    backbone: Any

    @classmethod
    def find(cls, model: nn.Module, name: str | None, *, explainer: str) -> Layer:
        """Finds a layer.

        Args:
            model: The recognizer.
            name: None: the residual stage before the perception scores, ``perception_branch.stage``
                of ST-ABN and else ``neck`` or ``backbone``.
            explainer: Who asks, for the message.

        Raises:
            ConfigError: There is no such layer.
        """
        modules = dict(model.named_modules())
        found = name or next((default for default in _DEFAULTS if default in modules), None)
        if found is None:
            raise ConfigError(
                f"explainer {explainer}: {type(model).__name__} has neither a perception branch nor"
                " a backbone; name a layer=…"
            )
        if found not in modules:
            raise ConfigError(
                f"explainer {explainer}: layer={found!r} is no module of {type(model).__name__}"
                f"{near(found, filter(None, modules))}"
            )
        return cls(explainer, found, modules[found], getattr(model, "backbone", None))

    def output(self, given: Any) -> Tensor:
        """The tensor that a forward hook was given: the first one of a tuple.

        Raises:
            ConfigError: There is none.
        """
        first = given[0] if isinstance(given, tuple) and given else given
        if not isinstance(first, Tensor):
            raise self.unreadable()
        return first

    def lay_out(self, output: Tensor, clips: Tensor) -> Tensor:
        """What the layer gave, or its gradient, as B×C×T'×h×w.

        Args:
            output: As the layer gave it.
            clips: What the model was given, B×3×T×H×W.

        Raises:
            ConfigError: It does not lie over time and picture.
        """
        lay_out = getattr(self.backbone, "lay_out", None)
        if lay_out is not None and self.name.startswith("backbone."):
            try:
                output = lay_out(output, clips, layer=self.module)
            except (RuntimeError, IndexError) as error:
                raise self.unreadable() from error
        if output.ndim != 5 or len(output) != len(clips):
            raise self.unreadable()
        # Cells are squares but for rounding; what is not has its axes in another order.
        (height, width), (rows, columns) = clips.shape[3:], output.shape[3:]
        if abs(rows * width - columns * height) > height + width:
            raise self.unreadable()
        return output

    def unreadable(self) -> ConfigError:
        """For the one who named it."""
        return ConfigError(
            f"explainer {self.explainer}: layer={self.name!r} must run once in a forward pass, give"
            " features B×C×T×h×w, or what the backbone lays out so, and have a part in the"
            " perception scores"
        )
