"""What there is to know of another code base's checkpoints."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layout:
    """One code base's names.

    Attributes:
        name: What ``--from`` calls it.
        title: What a message calls it.
        mark: A pattern that one of its names starts with, and no other layout's does.
        names: Patterns of the starts of its names, and the starts of this project's names for the
            same weights. The first that fits counts.
        unused: Pattern of what it carries and that has no place here.
        why_unused: Why not.
        assumes: What its networks compute that no weight tells, by the keys of
            ``checkpoint.assumptions``; None where it makes networks of many kinds.
        model: What a config's ``model`` says of a backbone of another library whose weights they
            are, and whose names they get; None where they are those of a network of this project.
        backbone: Options of ``ResNet3D`` that its networks have and no weight tells.
        preprocessor: Options of the ``ClipPreprocessor``, where they are not the default.
    """

    name: str
    title: str
    mark: str
    names: tuple[tuple[str, str], ...]
    unused: str | None = None
    why_unused: str = "the network does not use them"
    assumes: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    backbone: Mapping[str, Any] = field(default_factory=dict)
    preprocessor: Mapping[str, Any] | None = None

    def recognises(self, names: Collection[str]) -> bool:
        """Whether ``names``, of a whole checkpoint, are this layout's."""
        return any(re.match(self.mark, name) for name in names)

    def rename(self, name: str) -> str | None:
        """This project's name for the weight, or None where it is left out.

        Raises:
            KeyError: The layout has no such name.
        """
        for pattern, own in self.names:
            found = re.match(pattern, name)
            if found:
                return found.expand(own) + name[found.end() :]
        if self.unused is not None and re.match(self.unused, name):
            return None
        raise KeyError(name)
