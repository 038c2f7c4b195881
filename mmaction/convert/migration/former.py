"""Reading a former config so that nothing in it is passed over."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Changed:
    """A value of the new config, and what stood in its place.

    Attributes:
        value: As in the new config.
        was: Said in a comment above it.
    """

    value: Any
    was: str


class Former:
    """A section of a former config, read key by key.

    Whoever reads a section ends with ``finish``: what nobody asked for is not understood.

    Args:
        section: The section.
        name: Of the section, for messages: ``data.train``.
        refused: What is not understood, a text each; grows while reading.
    """

    def __init__(self, section: Mapping[str, Any], name: str, refused: list[str]) -> None:
        self._left = dict(section)
        self.name = name
        self.refused = refused

    def path(self, key: str) -> str:
        """The key as a user would say it."""
        return f"{self.name}.{key}" if self.name else key

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, default: Any = None) -> Any:
        """The key's value; the default where it isn't there."""
        return self._left.pop(key, default)

    def section(self, key: str) -> Former:
        """A section within; an empty one where it is None or isn't there."""
        value = self._left.pop(key, None) or {}
        if not isinstance(value, Mapping):
            self.refuse(key, value, "expected a dict")
            value = {}
        return Former(value, self.path(key), self.refused)

    def refuse(self, key: str, value: Any, reason: str) -> None:
        """Notes that a value can't be taken over."""
        self.refused.append(f"{self.path(key)}={value!r} ({reason})")

    def expect(self, key: str, *values: Any) -> None:
        """Takes a key that says what this project does anyway; any other value is refused."""
        value = self._left.pop(key, None)
        if value is not None and value not in values:
            only = " or ".join(map(repr, values))
            self.refuse(key, value, f"there is only {only} here" if values else "not known here")

    def drop(self, *keys: str) -> None:
        """Takes keys that need not be said here."""
        for key in keys:
            self._left.pop(key, None)

    def rest(self) -> dict[str, Any]:
        """Takes all that is left."""
        left, self._left = self._left, {}
        return left

    def finish(self, variables: Container[str] = ()) -> None:
        """Refuses what is left.

        Args:
            variables: Names that may be left.
        """
        for key, value in self.rest().items():
            if key not in variables:
                self.refuse(key, value, "not known")
