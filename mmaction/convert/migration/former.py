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

    What nobody has taken in the end, of it and of the sections within, is not understood.

    Args:
        section: The section.
        name: Of the section, for messages: ``data.train``.
        whole: The whole config, where it is only a section of it.
    """

    def __init__(
        self, section: Mapping[str, Any], name: str = "", whole: Former | None = None
    ) -> None:
        self._left = dict(section)
        self.name = name
        self._refused: list[str] = [] if whole is None else whole._refused
        self._sections: list[Former] = [] if whole is None else whole._sections
        self._sections.append(self)

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
        return self.part(key, value)

    def part(self, name: str, section: Mapping[str, Any]) -> Former:
        """A section that was taken from within a value, as a step of a pipeline."""
        return Former(section, self.path(name), self)

    def refuse(self, key: str, value: Any, reason: str) -> None:
        """Notes that a value can't be taken over."""
        self._refused.append(f"{self.path(key)}={value!r} ({reason})")

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

    def not_understood(self, variables: Container[str] = ()) -> list[str]:
        """What was refused, and what is left, a text each.

        Args:
            variables: Names that may be left.
        """
        for section in self._sections:
            for key, value in section.rest().items():
                if section is not self or key not in variables:
                    section.refuse(key, value, "not known")
        return self._refused
