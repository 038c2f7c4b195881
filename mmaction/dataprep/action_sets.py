"""The split files of Kinetics, UCF101, HMDB51 and Diving48.

Jester's are Something-Something V1's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mmaction.dataprep.listing import SECONDS, Entry
from mmaction.errors import DataError
from mmaction.text_files import numbered_lines, read_csv, read_json

DIVING48_CLASSES = "Diving48_vocab.json"
_HMDB51_FILE = re.compile(r"(.+)(_test_split\d\.txt)")


def read_kinetics_split(path: str) -> Iterator[Entry]:
    """A csv with ``label,youtube_id,time_start,time_end,split``.

    Its videos are called ``<id>_<start>_<end>``, six digits each.

    Raises:
        DataError: A column is missing or a row can't be right.
    """
    for where, cells in read_csv(path, required=("youtube_id", "time_start", "time_end")):
        for column in ("time_start", "time_end"):
            if not SECONDS.fullmatch(cells[column]):
                raise DataError(f"{where}: {column} '{cells[column]}' is no number")
        if not cells["youtube_id"]:
            raise DataError(f"{where}: no youtube_id")
        start, end = (round(float(cells[column])) for column in ("time_start", "time_end"))
        name = f"{cells['youtube_id']}_{start:06d}_{end:06d}"
        yield Entry(name, cells.get("label") or None, where)


def read_ucf101_classes(path: str) -> list[str]:
    """``classInd.txt``, ``number class`` a line, numbers from 1 on.

    Raises:
        DataError: A line can't be right.
    """
    names: list[str] = []
    for number, line in numbered_lines(path):
        label, _, name = line.partition(" ")
        if label != str(len(names) + 1) or not name:
            raise DataError(f"{path}:{number}: '{line}' is no '{len(names) + 1} class'")
        names.append(name)
    return names


def read_ucf101_split(path: str) -> Iterator[Entry]:
    """``trainlist01.txt``, ``class/video.avi number`` a line; ``testlist01.txt`` has no numbers.

    Raises:
        DataError: A line can't be right.
    """
    for number, line in numbered_lines(path):
        video = line.split(" ")[0]
        class_name, separator, _ = video.partition("/")
        if not separator:
            raise DataError(f"{path}:{number}: '{line}' is no 'class/video.avi'")
        yield Entry(video, class_name, f"{path}:{number}")


def read_hmdb51_split(path: str, mark: str) -> Iterator[Entry]:
    """``<class>_test_split1.txt`` of all classes: ``video.avi mark`` a line.

    Args:
        path: Of one class; the others lie beside it.
        mark: ``'1'`` for the videos that are trained on, ``'2'`` for the test's; ``'0'`` is unused.

    Raises:
        DataError: A line can't be right.
    """
    found = _HMDB51_FILE.fullmatch(os.path.basename(path))
    assert found is not None
    for file in sorted(Path(path).parent.glob(f"*{found[2]}")):
        class_name = file.name.removesuffix(found[2])
        for number, line in numbered_lines(file):
            video, _, marked = line.rpartition(" ")
            if not video or marked not in ("0", "1", "2"):
                raise DataError(f"{file}:{number}: '{line}' is no 'video.avi 0', 1 or 2")
            if marked == mark:
                yield Entry(f"{class_name}/{video.strip()}", class_name, f"{file}:{number}")


def read_diving48_classes(path: str) -> list[str]:
    """``Diving48_vocab.json``: a list of dives by label, each a list of its four attributes.

    Raises:
        DataError: It is none.
    """
    dives = read_json(path)
    good = isinstance(dives, list) and all(
        isinstance(dive, list) and all(isinstance(part, str) for part in dive) for dive in dives
    )
    if not good:
        raise DataError(f"{path}: expected a list of dives such as ['Back', '15som', '05Twis', …]")
    return [" ".join(dive) for dive in dives]


def read_diving48_split(path: str) -> Iterator[Entry]:
    """``Diving48_V2_train.json``: a list of objects with ``vid_name`` and ``label``.

    The classes' names are in the file beside it. ``start_frame`` and ``end_frame`` cover the whole
    of each published clip.

    Raises:
        DataError: An entry can't be right.
    """
    names = read_diving48_classes(os.path.join(os.path.dirname(path), DIVING48_CLASSES))
    videos = read_json(path)
    for number, video in enumerate(videos if isinstance(videos, list) else [videos], start=1):
        where = f"{path}: entry {number}"
        name, label = (
            video.get(k) if isinstance(video, dict) else 0 for k in ("vid_name", "label")
        )
        if not isinstance(name, str) or not isinstance(label, int):
            raise DataError(f"{where}: expected an object with 'vid_name' and 'label'")
        if not 0 <= label < len(names):
            raise DataError(f"{where}: label {label}, but {DIVING48_CLASSES} has {len(names)}")
        yield Entry(name, names[label], where)
