"""In which order a backbone's layers stand: what layer-wise rates go by.

A backbone that declares it has ``parameter_layers()``: its parameters' names, and the number of the
layer that each belongs to, counted from 0 at the input without gaps. It may have
``no_weight_decay()`` as well: names of parameters that its authors train without weight decay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mmaction.errors import ConfigError


def numbered(names: Iterable[str], patterns: Sequence[str]) -> dict[str, int]:
    """Layers by the names of their parameters.

    Args:
        names: Of parameters.
        patterns: Regular expressions for the beginnings of names, from the input on; the numbers
            that their groups match order the layers within a pattern. What none of them matches
            belongs to the last layer, as a transformer's last norm does.

    Returns:
        Each name's layer, counted from 0 without gaps.
    """
    places = {name: _place(name, patterns) for name in names}
    layers = sorted({place for place in places.values() if place is not None})
    numbers = {place: number for number, place in enumerate(layers)}
    return {
        name: len(layers) - 1 if place is None else numbers[place] for name, place in places.items()
    }


def _place(name: str, patterns: Sequence[str]) -> tuple[int, ...] | None:
    for number, pattern in enumerate(patterns):
        if found := re.match(pattern, name):
            return (number, *(int(group) for group in found.groups() if group is not None))
    return None


def parameter_layers(backbone: object) -> dict[str, int]:
    """What a backbone declares.

    Raises:
        ConfigError: It declares nothing.
    """
    declared = getattr(backbone, "parameter_layers", None)
    layers = declared() if declared is not None else None
    if not layers:
        raise ConfigError(
            f"{type(backbone).__name__} does not declare the order of its layers, which layer_decay"
            " goes by: leave layer_decay out, or give the class parameter_layers()"
        )
    return layers
