"""The lists of videos that a config names, opened one by one however damaged the data is."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmaction.datacheck.problems import ERROR, Problem
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.class_names import find_classes
from mmaction.datasets.clip_dataset import ClipDataset, one_a_file
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.splits import annotation_files, check_columns, dataset_configs
from mmaction.errors import ConfigError, DataError
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS

# Videos tried, spread over a list, to find out how its frames are named.
_EXAMPLES = 20


@dataclass
class VideoList:
    """An annotation file of a split, with where its videos are.

    Attributes:
        split: The first split that has it.
        file: The annotation file.
        root: Its ``data_root``.
        num_classes: K.
        annotations: None where the file can't be used, or where ``include`` and ``exclude`` leave
            nothing of it.
        source: None where the videos can't be found at all.
        problems: Why the file can't be used, or the videos can't be found.
        also: Further splits that have it.
    """

    split: str
    file: str
    root: str
    num_classes: int
    annotations: AnnotationList | None = None
    source: FrameSource | None = None
    problems: list[Problem] = field(default_factory=list)
    also: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return 0 if self.annotations is None else len(self.annotations)

    def add_problem(self, kind: str, message: object, file: str = "") -> None:
        """Add an error of the whole list.

        Args:
            kind: Such as ``bad-list``.
            message: What is wrong.
            file: What it is about where that isn't the list.
        """
        told = Problem(kind, ERROR, file, str(message), split=self.split, list=self.file)
        self.problems.append(told)


def open_lists(cfg: Config) -> list[VideoList]:
    """Every list of every split once, in the order of the splits.

    Raises:
        ConfigError: A data set that is none, or whose arguments can't be right.
    """
    lists: dict[str, VideoList] = {}
    for split, dataset in dataset_configs(cfg):
        for file, root in _files_and_roots(split, dataset):
            settings = {**dataset, "ann_file": file, "data_root": root}
            unlike = ("pipeline", "repeat", "on_error", "max_bad_fraction", "classes")
            key = json.dumps(
                {k: v for k, v in settings.items() if k not in unlike}, sort_keys=True, default=str
            )
            if key in lists:
                lists[key].also.append(split)
            else:
                lists[key] = _open(split, settings)
    return list(lists.values())


def _files_and_roots(split: str, dataset: Mapping[str, Any]) -> list[tuple[str, str]]:
    where = f"{split}_dataloader.dataset"
    with readable_build_errors():
        kind = DATASETS.get(dataset.get("type", ""))
    if not (isinstance(kind, type) and issubclass(kind, ClipDataset)):
        raise ConfigError(f"{where}.type={dataset.get('type')!r} is no data set of clips")
    for key in ("ann_file", "data_root"):
        if not dataset.get(key):
            raise ConfigError(f"{where}.{key} is missing")
    files = annotation_files(dataset)
    roots = one_a_file("data_root", dataset["data_root"], files)
    return [(file, os.fspath(root)) for file, root in zip(files, roots, strict=True)]


def _open(split: str, settings: dict[str, Any]) -> VideoList:
    opened = VideoList(
        split, settings["ann_file"], settings["data_root"], num_classes=settings["num_classes"]
    )
    try:
        lines = AnnotationList.load(
            opened.file, of_files=DATASETS.get(settings["type"]).of_files, roots=[opened.root]
        )
    except DataError as error:
        opened.add_problem("bad-list", error)
        return opened
    try:
        opened.annotations = lines.filtered(settings.get("include"), settings.get("exclude"))
    except DataError:
        return opened  # they leave nothing: the split has its videos elsewhere
    try:
        opened.source = _open_source(settings, opened.annotations)
    except DataError as error:
        opened.add_problem("no-source", error, opened.root)
        return opened
    try:
        check_columns(opened.annotations, [opened.source])
    except DataError as error:
        opened.add_problem("bad-list", error)
    return opened


def _open_source(settings: dict[str, Any], annotations: AnnotationList) -> FrameSource:
    """The source as the data set opens it, which looks at its first video; here, others serve too.

    Whatever else is wrong with the list must not matter: a list of one line takes its place.
    """
    last = len(annotations) - 1
    examples = np.unique(np.linspace(0, last, min(last + 1, _EXAMPLES)).astype(int))
    # Found beside the list itself: flips go by them. How many there are is another check's.
    classes = find_classes(settings.get("classes"), settings["ann_file"])
    num_classes = settings["num_classes"] if classes is None else len(classes)
    alone = dict(classes=classes, num_classes=num_classes, include=None, exclude=None, repeat=1)
    first_error: DataError | None = None
    with tempfile.TemporaryDirectory() as folder:
        for index in examples.tolist():
            one_line = Path(folder, "list.txt")
            one_line.write_text(f"{annotations.name(index)} 1 0\n", encoding="utf-8")
            try:
                with readable_build_errors():
                    dataset = DATASETS.build({**settings, **alone, "ann_file": str(one_line)})
                return dataset.sources[0]
            except DataError as error:
                named = str(error).replace(str(one_line), settings["ann_file"])
                first_error = first_error or DataError(named)
    assert first_error is not None, "there is at least one video"
    raise first_error
