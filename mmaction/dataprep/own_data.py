"""Listings of one's own videos: class folders or a csv, split here where they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmaction.dataprep.folders import read_folders
from mmaction.dataprep.listing import Entry, Listing
from mmaction.dataprep.media import MediaRoot
from mmaction.dataprep.splitting import balanced_split
from mmaction.dataprep.table import Table
from mmaction.errors import DataError


def list_folders(
    media: Mapping[str, MediaRoot],
    *,
    draw: bool,
    classes: str | None,
    val_share: float,
    seed: int,
) -> Listing:
    """The videos of class folders.

    Args:
        media: Where each split's videos are.
        draw: Whether the splits share one place, and it is to be split.
        classes: File with a class a line; None: by alphabet.
        val_share: Share of the videos to set aside for validation, 0 for none.
        seed: Of that draw.

    Raises:
        DataError: No videos, or some that lie in no class folder.
    """
    names, entries = read_folders(
        {root.root: root.names for root in media.values()}, classes=classes
    )
    if draw:
        [everything] = entries.values()
        return Listing(names, split_entries(everything, val_share, seed), {})
    return Listing(names, {split: entries[root.root] for split, root in media.items()}, {})


def list_table(table: Table, *, splits: Sequence[str], val_share: float, seed: int) -> Listing:
    """The videos of a csv, by its column ``split`` or else by a draw, as for class folders."""
    if table.splits is None:
        return Listing(table.classes, split_entries(table.entries, val_share, seed), {})
    by_split: dict[str, list[Entry]] = {split: [] for split in splits if split in table.splits}
    for entry, split in zip(table.entries, table.splits, strict=True):
        if split in by_split:
            by_split[split].append(entry)
    if not by_split:
        raise DataError(f"{table.path}: no row belongs to {' or '.join(splits)}")
    return Listing(table.classes, by_split, {})


def split_entries(entries: list[Entry], val_share: float, seed: int) -> dict[str, list[Entry]]:
    """Entries for training and, unless ``val_share`` is 0, for validation."""
    if not val_share:
        return {"train": entries}
    labels = [-1 if entry.label is None else entry.label for entry in entries]
    train, val = balanced_split(labels, val_share=val_share, seed=seed)
    return {"train": [entries[i] for i in train], "val": [entries[i] for i in val]}
