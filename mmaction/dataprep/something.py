"""Something-Something: V1's csv and V2's json files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mmaction.dataprep.listing import Entry
from mmaction.errors import DataError
from mmaction.text_files import numbered_lines, read_json

_BRACKETS = re.compile(r"[\[\]]")


def read_v1_split(path: str) -> Iterator[Entry]:
    """V1's ``…-train.csv`` and ``…-validation.csv``, ``id;class`` a line; ``…-test.csv``, ``id``.

    Raises:
        DataError: A line can't be right.
    """
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        name, separator, class_name = (part.strip() for part in line.partition(";"))
        if not name or (separator and not class_name):
            raise DataError(f"{where}: '{line[:200]}' is no 'id;class'")
        yield Entry(name, class_name or None, where)


def read_v2_labels(path: str) -> list[str]:
    """V2's ``labels.json``, which maps each class to its label, a number in quotes.

    Raises:
        DataError: It does not, or leaves out a label.
    """
    labels = read_json(path)
    if not isinstance(labels, dict) or not labels:
        raise DataError(f"{path}: expected an object that maps each class to its label")
    by_label: dict[int, str] = {}
    for name, text in labels.items():
        if not re.fullmatch(r"\d{1,9}", str(text), re.ASCII):
            raise DataError(f"{path}: label {text!r} of '{name}' is no number such as \"12\"")
        if by_label.setdefault(int(text), name) != name:
            raise DataError(f"{path}: '{by_label[int(text)]}' and '{name}' both have label {text}")
    for label in range(len(by_label)):
        if label not in by_label:
            raise DataError(
                f"{path}: no class has label {label}; {len(by_label)} classes are there"
            )
    return [by_label[label] for label in range(len(by_label))]


def read_v2_split(path: str) -> Iterator[Entry]:
    """V2's ``train.json`` and so on: a list of objects with an ``id``.

    Those of training and validation have a ``template``, which is the class with its placeholders
    in brackets.

    Raises:
        DataError: An entry can't be right.
    """
    videos = read_json(path)
    if not isinstance(videos, list):
        raise DataError(f"{path}: expected a list of videos")
    for number, video in enumerate(videos, start=1):
        where = f"{path}: entry {number}"
        if not isinstance(video, dict):
            raise DataError(f"{where}: expected an object with 'id' and 'template'")
        name, template = video.get("id"), video.get("template")
        if isinstance(name, int):
            name = str(name)
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{where}: 'id' is {name!r}, expected a text such as \"74225\"")
        if template is not None and not isinstance(template, str):
            raise DataError(f"{where}: 'template' is {template!r}, expected a text")
        yield Entry(name.strip(), None if template is None else class_of(template), where)


def class_of(template: str) -> str:
    """The class that a template belongs to: the template without brackets."""
    return _BRACKETS.sub("", template)
