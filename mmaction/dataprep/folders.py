"""Class folders: what lies below the directory ``walking`` shows class ``walking``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmaction.dataprep.listing import ClassIds, Entry, read_class_names
from mmaction.errors import DataError


def read_folders(
    roots: Mapping[str, Sequence[str]], *, classes: str | None = None
) -> tuple[tuple[str, ...], dict[str, list[Entry]]]:
    """Label videos by the first directory of their names.

    Args:
        roots: By root, the videos relative to it, ``/`` between parts.
        classes: File with a class a line, in the order of labels; None: the folders of all roots
            by alphabet.

    Returns:
        Class names by label; by root, its videos by name.

    Raises:
        DataError: No videos, one that lies in no class folder, or a folder that is no class.
    """
    folders = set()
    for root, names in roots.items():
        for name in names:
            folder, separator, _ = name.partition("/")
            if not separator:
                raise DataError(f"'{root}/{name}' lies in no class folder: expected CLASS/{name}")
            folders.add(folder)
        if not names:
            raise DataError(f"'{root}' holds no videos in class folders")
    class_names = sorted(folders) if classes is None else read_class_names(classes)
    ids = ClassIds(class_names, classes or ", ".join(roots))
    return tuple(class_names), {
        root: [
            Entry(name, ids.label(name.partition("/")[0], f"{root}/{name}"), f"{root}/{name}")
            for name in sorted(names)
        ]
        for root, names in roots.items()
    }
