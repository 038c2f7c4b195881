"""Videos that are there twice: in one split, or, which falsifies results, in two of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mmaction.datacheck.lists import VideoList
from mmaction.datacheck.problems import ERROR, WARNING, Problem
from mmaction.datasets.annotation_lines import WHOLE
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import FrameSource


@dataclass(frozen=True)
class Place:
    """A video by its list, one that could be read, and its position there."""

    one: VideoList
    index: int

    @property
    def path(self) -> str:
        """What tells the video from all others, however its name is written."""
        return os.path.normpath(os.path.join(self.one.root, self._lines.title(self.index)))

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a longer video."""
        return int(self._lines.starts[self.index]) != WHOLE

    @property
    def label(self) -> int:
        """Its class id, -1 where it has none."""
        return int(self._lines.labels[self.index])

    @property
    def _lines(self) -> AnnotationList:
        assert self.one.annotations is not None
        return self.one.annotations

    @property
    def arguments(self) -> tuple[FrameSource, str, int]:
        """The video's source, its name there and how many frames it has by its annotation."""
        assert self.one.source is not None
        end = int(self._lines.frames[self.index]) + max(int(self._lines.starts[self.index]), 0)
        return self.one.source, self._lines.name(self.index), end

    def __str__(self) -> str:
        return f"'{self._lines.name(self.index)}' ({self._lines.where(self.index)})"

    def placed(self, problem: Problem) -> Problem:
        """A problem of this video, with where it stands."""
        return replace(
            problem,
            split=self.one.split,
            video=self._lines.name(self.index),
            list=self.one.file,
            line=int(self._lines.lines[self.index]),
        )


def duplicates_by_name(lists: Sequence[VideoList]) -> Iterator[Problem]:
    """Problems of names that lists have twice."""
    for one in lists:
        if one.split == "train" and one.also:
            text = f"{' and '.join(one.also)} reads the very list that is trained on"
            yield Problem("overlap", ERROR, "", text, split=one.also[0], list=one.file)
    places = (Place(one, index) for one in lists for index in range(len(one)))
    for group in groups_of_equal((place, place.path) for place in places):
        yield from duplicates(group, by_content=False)


def groups_of_equal(keys: Iterable[tuple[Place, str | bytes]]) -> list[list[Place]]:
    """Videos that share a key, in the order given; those of an empty one are left out."""
    groups: dict[str | bytes, list[Place]] = defaultdict(list)
    for place, key in keys:
        if key:
            groups[key].append(place)
    return [group for group in groups.values() if len(group) > 1]


def duplicates(group: Sequence[Place], *, by_content: bool) -> Iterator[Problem]:
    """Of each video, at most one problem with an earlier one of its split, and one of another.

    Args:
        group: Videos of one name, or of one content.
        by_content: Which of these; videos of one name are not told of again by their content.
    """
    before: list[Place] = []
    for here in group:
        same = [other for other in before if other.one.split == here.one.split]
        others = [other for other in before if other.one.split != here.one.split]
        for candidates in (same, others):
            for earlier in candidates:
                if (earlier.path != here.path) == by_content:
                    yield _twice(here, earlier, by_content=by_content)
                    break
        # Two of a split, of different names, are enough to compare all others with.
        if len(same) < 2 and all(other.path != here.path for other in same):
            before.append(here)


def _twice(here: Place, other: Place, *, by_content: bool) -> Problem:
    text = f"is a copy of {other}" if by_content else f"is also {other}"
    suffix = "-content" if by_content else ""
    differ = here.label != other.label
    if differ:
        text += f", with label {other.label} instead of {here.label}"
    if here.one.split != other.one.split:
        severity = ERROR if "train" in (here.one.split, other.one.split) else WARNING
        text += f", of {other.one.split}"
        return here.placed(Problem(f"overlap{suffix}", severity, "", text))
    # One video under two labels contradicts itself; a copy of it may well show two actions.
    severity = ERROR if differ and not by_content else WARNING
    return here.placed(Problem(f"duplicate{suffix}", severity, "", text))
