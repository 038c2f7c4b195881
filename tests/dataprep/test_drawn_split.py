from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.drawn_split import group_of, split_drawn
from mmaction.dataprep.listing import Entry
from mmaction.dataprep.own_data import list_table
from mmaction.errors import DataError, UserError

PERSON = r"person(\d+)"


def entries(people: dict[int, str]) -> list[Entry]:
    """A video of each class for each letter of a person's: ``{1: 'ab'}`` is one of a, one of b."""
    return [
        Entry(f"{letter}/person{person}_{n}.mp4", letter, "", label="abc".index(letter))
        for person, letters in people.items()
        for n, letter in enumerate(letters)
    ]


def people(part: list[Entry]) -> set[str]:
    return {group_of(entry.name, PERSON) for entry in part}


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_and_classes_keep_their_shares(seed: int) -> None:
    """Of eight people with a video of each class, a quarter is two people."""
    videos = entries(dict.fromkeys(range(8), "abc"))
    parts = split_drawn(videos, group_by=PERSON, val_share=0.25, seed=seed)
    assert len(people(parts["val"])) == 2
    assert not people(parts["val"]) & people(parts["train"])
    assert sorted(parts["train"] + parts["val"], key=str) == sorted(videos, key=str)


def test_the_seed_draws() -> None:
    videos = entries(dict.fromkeys(range(8), "abc"))
    drawn = [split_drawn(videos, group_by=PERSON, val_share=0.25, seed=s) for s in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len({frozenset(people(parts["val"])) for parts in drawn}) > 1


def test_no_class_loses_all_its_videos() -> None:
    """Person 0 alone has class c; held out is the other that a quarter comes nearest to."""
    videos = entries({0: "abc", 1: "aab", 2: "ab"})
    parts = split_drawn(videos, group_by=PERSON, val_share=0.25, seed=0)
    assert people(parts["val"]) == {"2"}


def test_groups_larger_than_the_share() -> None:
    videos = entries({0: "aaabbb", 1: "aabb"})
    parts = split_drawn(videos, group_by=PERSON, val_share=0.1, seed=0)
    assert people(parts["val"]) == {"1"}


@pytest.mark.parametrize(
    ("group_by", "error", "message"),
    [
        ("person(", UserError, "is no regular expression: missing"),
        ("actor", DataError, "'actor' matches nothing in 'a/person0_0.mp4'"),
        (r"person", DataError, r"makes 1 group\(s\), each with all videos of some class"),
    ],
)
def test_what_makes_no_groups(group_by: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        split_drawn(entries({0: "ab", 1: "ab"}), group_by=group_by, val_share=0.2, seed=0)


def test_a_table_is_split_by_groups(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    lines = [f"{x}/person{p}.mp4,{x},5\n" for x in "ab" for p in range(4)]
    table.write_text("path,label,frames\n" + "".join(lines))
    listing, _ = list_table(str(table), val_share=0.25, seed=0, group_by=PERSON)
    assert len(listing.splits["val"]) == 2
    assert len(people(listing.splits["val"])) == 1


def split(labels: list[int], val_share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation."""
    videos = [Entry(str(index), None, "", label=label) for index, label in enumerate(labels)]
    drawn = split_drawn(videos, val_share=val_share, seed=seed)
    train, val = ([int(entry.name) for entry in drawn[part]] for part in ("train", "val"))
    return train, val


@given(
    labels=st.lists(st.integers(0, 6), max_size=120),
    val_share=st.sampled_from([0.1, 0.2, 0.5, 0.9]),
    seed=st.integers(0, 3),
)
def test_every_class_gives_its_share(labels: list[int], val_share: float, seed: int) -> None:
    train, val = split(labels, val_share, seed)
    assert sorted(train + val) == list(range(len(labels)))
    assert (train, val) == (sorted(train), sorted(val))
    drawn = Counter(labels[i] for i in val)
    for label, count in Counter(labels).items():
        assert abs(drawn[label] - val_share * count) <= 1
        assert drawn[label] <= count - 1
        assert drawn[label] >= (count > 1)
    assert (train, val) == split(labels, val_share, seed)


def test_seeds_differ() -> None:
    assert len({tuple(split([0] * 100, 0.2, seed)[1]) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("share", "seed", "problem"), [(-0.1, 0, "val_share"), (1.0, 0, "val_share"), (0.5, -1, "seed")]
)
def test_draws_that_cannot_be_made(share: float, seed: int, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        split([0, 0], share, seed)
