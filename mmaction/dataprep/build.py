"""Annotation lists from what a data set's files say and what is there of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmaction.dataprep.listing import Entry, Listing, Part
from mmaction.dataprep.media import MediaRoot, frames_of
from mmaction.datasets.annotation_lines import WHOLE
from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.class_names import CLASSES_FILE
from mmaction.errors import DataError
from mmaction.files import require_writable

REPORT_FILE = "report.json"
_SHOWN = 3


@dataclass(frozen=True)
class Line:
    """A line of an annotation list; with a start, of a part of a longer video."""

    name: str
    frames: int
    label: int | None
    start: int | None = None

    def __str__(self) -> str:
        label = "" if self.label is None else f" {self.label}"
        if self.start is None:
            return f"{self.name} {self.frames}{label}"
        return f"{self.name} {self.start}:{self.start + self.frames}{label}"


@dataclass
class SplitReport:
    """What became of a split's videos.

    Attributes:
        listed: Videos that the data set's files name.
        written: Lines of the list.
        published: Videos by what its makers have published; None: no number is known.
        missing: Those that are not there: no frames, or no file.
        unusable: What is wrong, by name, with those that are there and were left out.
        classes_without_videos: Names of the classes of which the list has none.
    """

    listed: int = 0
    written: int = 0
    published: int | None = None
    missing: list[str] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    classes_without_videos: list[str] = field(default_factory=list)


@dataclass
class BuildReport:
    """What became of a data set's videos.

    Attributes:
        classes: How many there are.
        splits: By name; a split of which nothing was there has no list.
        unlisted: By root, videos that are there and that no split names.
    """

    classes: int
    splits: dict[str, SplitReport]
    unlisted: dict[str, list[str]]


def match(
    listing: Listing, media: Mapping[str, MediaRoot]
) -> tuple[dict[str, list[Line]], BuildReport]:
    """Find the listed videos among those that are there, and count their frames.

    Args:
        listing: What the data set's files say.
        media: By split, where its videos are; splits without a place are left out.

    Returns:
        Lines by split, in the order of the files; what was found and what not.

    Raises:
        DataError: Nothing of any split is there.
    """
    unlisted = {root.root: set(root.names) for root in media.values()}
    lists: dict[str, list[Line]] = {}
    report = BuildReport(len(listing.classes), {}, {})
    for split, entries in listing.splits.items():
        if split not in media:
            continue
        root = media[split]
        part = SplitReport(listed=len(entries), published=listing.published.get(split))
        found = _find(entries, root, part)
        unlisted[root.root].difference_update(name for name, _ in found)
        lists[split] = _lines(found, root, part)
        part.written = len(lists[split])
        if any(entry.label is not None for entry in entries):
            present = {line.label for line in lists[split]}
            part.classes_without_videos = [
                name for label, name in enumerate(listing.classes) if label not in present
            ]
        report.splits[split] = part
    report.unlisted = {place: sorted(names) for place, names in unlisted.items()}
    if not any(lists.values()):
        raise DataError(_nothing_found(listing, media))
    return lists, report


def _find(
    entries: list[Entry], media: MediaRoot, report: SplitReport
) -> dict[tuple[str, Part | None], Entry]:
    """Entries by the name of the video that was found for each, and by what of it they are."""
    found: dict[tuple[str, Part | None], Entry] = {}
    for entry in entries:
        try:
            name = media.find(entry.name)
        except DataError as error:
            report.unusable[entry.name] = str(error)
            continue
        if name is None:
            report.missing.append(entry.name)
        elif (name, entry.part) in found:
            other = found[name, entry.part]
            report.unusable[entry.name] = f"'{name}' is also what '{other.name}' names"
        else:
            found[name, entry.part] = entry
    return found


def _lines(
    found: dict[tuple[str, Part | None], Entry], media: MediaRoot, report: SplitReport
) -> list[Line]:
    counts = media.count(list(dict.fromkeys(name for name, _ in found)))
    lines = []
    for (name, part), entry in found.items():
        count = counts[name]
        if not isinstance(count, int):
            report.unusable[name] = count
        elif part is None:
            lines.append(Line(name, count, entry.label))
        else:
            start, end = frames_of(part, name, count, media)
            if start < end <= count:
                lines.append(Line(name, end - start, entry.label, start))
            else:
                problem = f"{start}:{end} is no part of its {count} frames"
                report.unusable[f"{name} ({entry.where})"] = problem
    return lines


def _nothing_found(listing: Listing, media: Mapping[str, MediaRoot]) -> str:
    roots = ", ".join(sorted({f"'{root.root}'" for root in media.values()}))
    entry = next((e for entries in listing.splits.values() for e in entries), None)
    there = next((name for root in media.values() for name in root.names), None)
    if entry is None:
        return "the data set's files list no video"
    return (
        f"none of the listed videos can be used from {roots}: listed is '{entry.name}'"
        f" ({entry.where}), there is '{there}'"
    )


def write_lists(
    out: str | os.PathLike[str],
    classes: Sequence[str],
    lists: Mapping[str, list[Line]],
    report: BuildReport,
    *,
    overwrite: bool = False,
) -> None:
    """Write ``<split>.txt``, ``classes.txt`` and ``report.json``: all of them or nothing.

    A split without lines gets no list. The lists are read back before they take their names.

    Args:
        out: Directory; made with its parents. What an earlier run wrote there is replaced.
        classes: Names by label.
        lists: Lines by split.
        report: What to keep in ``report.json``.
        overwrite: Replace files that no earlier run wrote, too.

    Raises:
        DataError: A name that a list can't hold, or files that are someone else's.
    """
    target = Path(out)
    texts = {f"{s}.txt": "".join(f"{line}\n" for line in ls) for s, ls in lists.items() if ls}
    texts[CLASSES_FILE] = "".join(f"{name}\n" for name in classes)
    texts[REPORT_FILE] = json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"
    if not overwrite and not (target / REPORT_FILE).exists():
        for file in texts:
            if (target / file).exists():
                raise DataError(
                    f"'{target / file}' is there and was not written by this command: name"
                    " another --out, or replace it with --overwrite"
                )
    require_writable(target, name="--out")
    with tempfile.TemporaryDirectory(prefix=".lists.", dir=target) as folder:
        for file, text in texts.items():
            Path(folder, file).write_text(text, encoding="utf-8")
        for split, lines in lists.items():
            if lines:
                _check(Path(folder, f"{split}.txt"), lines)
        for file in texts:
            os.replace(Path(folder, file), target / file)


def _check(path: Path, lines: list[Line]) -> None:
    """Raise DataError unless a list reads as what was meant by it."""
    read = AnnotationList.load(path)
    for index, line in enumerate(lines):
        same = index < len(read) and (
            (read.name(index), int(read.frames[index]), read.label(index), int(read.starts[index]))
            == (line.name, line.frames, line.label, WHOLE if line.start is None else line.start)
        )
        if not same:
            raise DataError(f"a list can't hold the video name {line.name!r}; rename the video")


def summary(report: BuildReport) -> list[str]:
    """What was found and what not, in lines to print."""
    lines = []
    for split, part in report.splits.items():
        published = "" if part.published is None else f", {part.published} published"
        lines.append(f"{split}: {part.written} of {part.listed} listed videos{published}")
        if part.missing:
            lines.append(f"  {len(part.missing)} are not there: {_some(part.missing)}")
        if part.unusable:
            wrong = [f"{name} ({problem})" for name, problem in part.unusable.items()]
            lines.append(f"  {len(wrong)} can't be used: {_some(wrong)}")
        if part.classes_without_videos:
            names = part.classes_without_videos
            lines.append(
                f"  {len(names)} of {report.classes} classes have no video: {_some(names, '; ')}"
            )
    for root, names in report.unlisted.items():
        if names:
            lines.append(f"{len(names)} videos in {root} are in no list: {_some(names)}")
    return lines


def _some(texts: list[str], separator: str = ", ") -> str:
    shown = separator.join(texts[:_SHOWN])
    return f"{shown}{separator}…" if len(texts) > _SHOWN else shown
