"""Classes that a mirror image turns into each other."""

from __future__ import annotations

from collections.abc import Mapping

from mmaction.errors import ConfigError, near


def both_ways(pairs: Mapping[int, int]) -> dict[int, int]:
    """Complete a map to one that is its own inverse.

    Raises:
        ConfigError: A key or value is no class id, or a class has two partners.
    """
    swaps: dict[int, int] = {}
    for pair in pairs.items():
        for label, partner in (pair, pair[::-1]):
            if not isinstance(label, int) or label < 0:
                raise ConfigError(f"label_map: {label!r} is no class id; ids are integers >= 0")
            if swaps.setdefault(label, partner) != partner:
                raise ConfigError(
                    f"label_map: class {label} is swapped with {swaps[label]} and with {partner}"
                )
    return swaps


LABEL_MAPS: dict[str, dict[int, int]] = {
    "sthv1": both_ways({2: 4, 30: 41, 52: 66}),
    "sthv2": both_ways({86: 87, 93: 94, 166: 167}),
    "motion_shapes": both_ways({0: 1, 6: 7}),  # move left and right, rotate either way
}
"""Built-in maps by name, each its own inverse."""


def resolve_label_map(label_map: Mapping[int, int] | str | None) -> dict[int, int]:
    """A built-in map by its name, or a given one made whole; None is the empty map.

    Raises:
        ConfigError: No such name, or no sound map.
    """
    if label_map is None:
        return {}
    if not isinstance(label_map, str):
        return both_ways(label_map)
    if label_map not in LABEL_MAPS:
        raise ConfigError(
            f"label_map='{label_map}' is no built-in map{near(label_map, LABEL_MAPS)}"
        )
    return LABEL_MAPS[label_map]
