"""Everything that can be known to be wrong with a config's data before a training starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TextIO, TypeVar

import numpy as np
from mmengine.config import Config

from mmaction.datacheck.duplicates import (
    Place,
    duplicates,
    duplicates_by_name,
    groups_of_equal,
)
from mmaction.datacheck.findings import Depth, Inspected
from mmaction.datacheck.inspection import inspect_video, whole_digest
from mmaction.datacheck.lists import VideoList, open_lists
from mmaction.datacheck.problems import ERROR, NOTE, Problem, Problems
from mmaction.dataprep.worker_pool import check_jobs, run_all
from mmaction.datasets.annotations import NO_LABEL
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.splits import class_names_of, dataset_configs
from mmaction.errors import UserError

Result = TypeVar("Result")
_NAMED_CLASSES = 10
_CHUNK = 8  # videos handed to a process at a time


def check_dataset(
    cfg: Config, problems: Problems, *, depth: Depth, jobs: int, stream: TextIO
) -> list[VideoList]:
    """Look at every video of every split; a list that several splits have is gone through once.

    Args:
        cfg: From ``load_config``.
        problems: Takes what is found, in an order that does not depend on ``jobs``.
        depth: How closely to look; by names alone, contents are not compared.
        jobs: Processes.
        stream: Where progress is shown.

    Returns:
        The lists.

    Raises:
        UserError: The config can't be used. Bad data is a problem, not an error.
    """
    check_jobs(jobs)
    lists = open_lists(cfg)
    for one in lists:
        _check_list(one, problems)
    for split in dict.fromkeys(one.split for one in lists):
        _check_classes(cfg, split, lists, problems)
    problems += duplicates_by_name(lists)
    digests = _check_videos(lists, problems, depth=depth, jobs=jobs, stream=stream)
    for group in _equal_contents(digests, jobs=jobs, stream=stream):
        problems += duplicates(group, by_content=True)
    return lists


def _check_list(one: VideoList, problems: Problems) -> None:
    """What can be said of an annotation file without looking at its videos."""
    problems += one.problems
    if one.annotations is None:
        return
    labels = one.annotations.highest_labels()
    for index in np.flatnonzero(labels >= one.num_classes).tolist():
        text = f"label {labels[index]}, but labels go from 0 to {one.num_classes - 1}"
        problems.append(Place(one, index).placed(Problem("label-range", ERROR, "", text)))
    if (labels == NO_LABEL).any():
        severity = NOTE if one.split == "test" else ERROR
        text = f"the list '{one.file}' has no labels"
        problems.append(Problem("no-labels", severity, "", text, split=one.split, list=one.file))


def _check_classes(cfg: Config, split: str, lists: Sequence[VideoList], problems: Problems) -> None:
    names = None
    try:
        dataset = dict(dataset_configs(cfg))[split]
        names = class_names_of(dataset, dataset["num_classes"])
    except UserError as error:
        problems.append(Problem("class-names", ERROR, "", str(error), split=split))
    of_split = [one for one in lists if split in (one.split, *one.also)]
    lines = [one.annotations for one in of_split if one.annotations is not None]
    labels = [ids for each in lines for ids in (each.labels, each.more_labels.ravel())]
    if not labels and not any(one.problems for one in of_split):
        text = "include and exclude leave no video"
        problems.append(Problem("bad-list", ERROR, "", text, split=split, list=of_split[0].file))
    if not labels or (np.concatenate(labels) == NO_LABEL).all():
        return
    num_classes = of_split[0].num_classes
    absent = np.setdiff1d(np.arange(num_classes), np.concatenate(labels)).tolist()
    if absent:
        shown = ", ".join(
            str(label) if names is None else f"{label} '{names[label]}'"
            for label in absent[:_NAMED_CLASSES]
        )
        more = ", …" if len(absent) > _NAMED_CLASSES else ""
        text = f"{len(absent)} of {num_classes} classes have no video: {shown}{more}"
        problems.append(Problem("empty-class", NOTE, "", text, split=split))


def _check_videos(
    lists: Sequence[VideoList], problems: Problems, *, depth: Depth, jobs: int, stream: TextIO
) -> list[tuple[Place, bytes]]:
    """Look at each; returns their digests."""
    places = [Place(one, index) for one in lists if one.source for index in range(len(one))]
    results = _of_each(
        partial(inspect_video, depth=depth),
        places,
        title="decoding" if depth == Depth.PIXELS else "checking",
        jobs=jobs,
        stream=stream,
    )
    digests = []
    for place, inspected in zip(places, results, strict=True):
        if inspected is None:
            text = "reading it kills the process that does so"
            inspected = Inspected((Problem("fatal", ERROR, place.path, text),))
        digests.append((place, b"" if place.is_part else inspected.digest))
        # A part was looked at as if the video ended where it does.
        found = [each for each in inspected.findings if not _goes_on(place, each)]
        problems += map(place.placed, found)
    return digests


def _goes_on(place: Place, problem: Problem) -> bool:
    return place.is_part and problem.kind == "more-frames"


def _equal_contents(
    digests: Iterable[tuple[Place, bytes]], *, jobs: int, stream: TextIO
) -> list[list[Place]]:
    """Videos whose quick digests are equal and whose contents are, too."""
    groups = [g for g in groups_of_equal(digests) if len({place.path for place in g}) > 1]
    places = [place for group in groups for place in group]
    if not places:
        return []
    whole = _of_each(whole_digest, places, title="comparing", jobs=jobs, stream=stream)
    return groups_of_equal(zip(places, (digest or b"" for digest in whole), strict=True))


def _of_each(
    work: Callable[..., Result], places: Sequence[Place], *, title: str, jobs: int, stream: TextIO
) -> list[Result | None]:
    """``work(source, name, annotated frames)`` of videos of lists whose source could be opened."""
    videos = [place.arguments for place in places]
    return run_all(
        partial(_apply, work),
        videos,
        jobs=jobs,
        title=title,
        unit="videos",
        chunk=_CHUNK,
        stream=stream,
    )


def _apply(work: Callable[..., Result], video: tuple[FrameSource, str, int]) -> Result:
    return work(*video)
