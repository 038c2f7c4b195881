"""Videos that are there twice: in one split, or, which falsifies results, in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmaction.datacheck.findings import ERROR, NO_DIGEST, WARNING
from mmaction.datacheck.lists import VideoList
from mmaction.datacheck.problems import Problem


@dataclass(frozen=True)
class Place:
    """A video by its list and its position there; the list by its number, where that matters."""

    one: VideoList
    index: int
    list_number: int = 0

    @property
    def path(self) -> str:
        """What tells the video from all others."""
        return self.one.path(self.index)

    @property
    def label(self) -> int:
        """Its class id, -1 where it has none."""
        assert self.one.annotations is not None, "of a list that could be read"
        return int(self.one.annotations.labels[self.index])

    def __str__(self) -> str:
        assert self.one.annotations is not None, "of a list that could be read"
        name, where = self.one.annotations.name(self.index), self.one.annotations.where(self.index)
        return f"'{name}' ({where})"

    def problem(self, severity: str, kind: str, message: str, file: str = "") -> Problem:
        """A problem of this video."""
        assert self.one.annotations is not None, "of a list that could be read"
        return Problem(
            self.one.split,
            severity,
            kind,
            message,
            video=self.one.annotations.name(self.index),
            list=self.one.file,
            line=int(self.one.annotations.lines[self.index]),
            file=file,
        )


def duplicates_by_name(lists: Sequence[VideoList]) -> Iterator[Problem]:
    """Problems of names that lists have twice."""
    for one in lists:
        if one.split == "train" and one.also:
            text = f"{' and '.join(one.also)} reads the very list that is trained on"
            yield Problem(one.also[0], ERROR, "overlap", text, list=one.file)
    digests = [
        np.array([_digest(one.path(index)) for index in range(len(one))], dtype=np.uint8).reshape(
            -1, len(NO_DIGEST)
        )
        for one in lists
    ]
    for group in groups_of_equal(lists, digests):
        yield from _problems(group, "", "is also", lambda here, other: here.path == other.path)


def duplicates_by_content(groups: Iterable[Sequence[Place]]) -> Iterator[Problem]:
    """Problems of videos under different names, each group being of the same content."""
    for group in groups:
        yield from _problems(
            group, "-content", "is a copy of", lambda here, other: here.path != other.path
        )


def groups_of_equal(
    lists: Sequence[VideoList], digests: Sequence[np.ndarray]
) -> Iterator[list[Place]]:
    """Videos that share a digest, in the order of the lists; those without one are left out.

    Args:
        lists: L of them.
        digests: L arrays, uint8, N×16: of each list's videos.
    """
    ends = np.cumsum([0, *map(len, lists)])
    empty = np.zeros((0, len(NO_DIGEST)), dtype=np.uint8)
    keys = np.ascontiguousarray(np.concatenate([empty, *digests]))
    names = keys.view(f"V{len(NO_DIGEST)}").ravel()
    order = np.lexsort(keys.T)
    starts = np.flatnonzero(names[order][1:] != names[order][:-1]) + 1
    groups = [
        sorted(members.tolist())
        for members in np.split(order, starts)
        if len(members) > 1 and names[members[0]].tobytes() != NO_DIGEST
    ]
    for group in sorted(groups):
        yield [_place(lists, ends, flat) for flat in group]


def _place(lists: Sequence[VideoList], ends: np.ndarray, flat: int) -> Place:
    number = int(np.searchsorted(ends, flat, side="right")) - 1
    return Place(lists[number], flat - int(ends[number]), number)


def _digest(path: str) -> list[int]:
    return list(hashlib.blake2b(path.encode(), digest_size=len(NO_DIGEST)).digest())


def _problems(
    group: Sequence[Place], what: str, relation: str, is_duplicate: Callable[[Place, Place], bool]
) -> Iterator[Problem]:
    """Of each video, at most one problem with an earlier one of its split, and one of another."""
    before: list[Place] = []
    for here in group:
        same = [other for other in before if other.one.split == here.one.split]
        others = [other for other in before if other.one.split != here.one.split]
        for candidates in (same, others):
            earlier = next((other for other in candidates if is_duplicate(here, other)), None)
            if earlier is not None:
                yield _twice(here, earlier, what, relation)
        # Two of a split, of different names, are enough to compare all others with.
        if len(same) < 2 and all(other.path != here.path for other in same):
            before.append(here)


def _twice(here: Place, other: Place, what: str, relation: str) -> Problem:
    text = f"{relation} {other}"
    differ = here.label != other.label
    if differ:
        text += f", with label {other.label} instead of {here.label}"
    if here.one.split != other.one.split:
        severity = ERROR if "train" in (here.one.split, other.one.split) else WARNING
        return here.problem(severity, f"overlap{what}", f"{text}, of {other.one.split}")
    # One video under two labels contradicts itself; a copy of it may well show two actions.
    severity = ERROR if differ and not what else WARNING
    return here.problem(severity, f"duplicate{what}", text)
