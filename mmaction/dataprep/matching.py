"""Which of the videos that are there is the one that a list names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from mmaction.dataprep.video_files import without_suffix
from mmaction.errors import DataError


class Finder:
    """Finds videos by how lists write them.

    A list may name the whole path below the root, or only its last part, and leave the suffix
    out: the first way that finds something counts.

    Args:
        names: The videos that are there, relative to their root.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_last: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._names):
            stem = without_suffix(name)
            self._by_stem[stem].append(name)
            self._by_last[PurePosixPath(stem).name].append(name)

    def find(self, listed: str) -> str | None:
        """The video's name below its root; None: it is not there.

        Raises:
            DataError: Several could be meant.
        """
        if listed in self._names:
            return listed
        stem = without_suffix(listed)
        found = self._by_stem.get(stem) or self._by_last.get(stem) or []
        if len(found) > 1:
            raise DataError(f"is there {len(found)} times: {', '.join(map(repr, found[:3]))}")
        return found[0] if found else None
