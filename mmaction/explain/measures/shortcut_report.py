"""What probes say of where answers come from: a verdict, classes, groups and clips, ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mmaction.explain.measures.bootstrap import Interval
from mmaction.explain.measures.shortcuts import PROBES, Answers
from mmaction.explain.measures.table import aligned

# More than this of the answers survives a view of the background: they rest on it.
THRESHOLD = 0.25
_FEWEST = 3  # videos of a group that is named
_NAMED = 4  # groups in the verdict
_SAME = 0.8  # of a group's videos get one answer: the group tells it


@dataclass(frozen=True)
class ShortcutReport:
    """What was found.

    Attributes:
        names: Of the N videos.
        labels: int64, N; -1 where the annotation has none.
        answers: Of the network, whole and probed.
        classes: K class names; None: they go by their numbers.
        groups: Of each video, such as its place; empty: not known.
        about: Config, checkpoint and its SHA-256, settings.
    """

    names: list[str]
    labels: np.ndarray
    answers: Answers
    classes: Sequence[str] | None = None
    groups: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def survivals(self) -> dict[str, Interval]:
        """Of each probe that was made."""
        return {p: self.answers.survival(p) for p in PROBES if p in self.answers.probabilities}

    @property
    def probe(self) -> str:
        """The view of the background that most survives: nobody acts in it, or nothing moves."""
        known = self.survivals
        # What a map does not mark may well act, so that hiding the rest decides nothing.
        views = ("without_actor", "first_frame", "still_frames")
        return max((view for view in views if view in known), key=lambda probe: known[probe].low)

    @property
    def found(self) -> bool:
        """Whether the answers rest on the background."""
        return self.survivals[self.probe].low > THRESHOLD

    def verdict(self) -> str:
        """What it comes to, in a sentence."""
        share = self.survivals[self.probe]
        percent = [f"{round(100 * value)}" for value in (share.mean, share.low, share.high)]
        survives = "{} % [{}, {}] of the answers survives".format(*percent)
        survives += f" in a view of the background ({PROBES[self.probe]})"
        if not self.found:
            return f"No shortcut found: {survives}"
        told = [
            f"{row['group']} → {self._class(row['answer'])} ({row['same']} of {row['videos']})"
            for row in self.told_groups()
        ]
        more = [f"{len(told) - _NAMED} more"] if len(told) > _NAMED else []
        named = "; it goes with the group: " + ", ".join(told[:_NAMED] + more)
        return f"The answers rest on the background: {survives}{named if told else ''}"

    def ranked(self) -> list[int]:
        """Positions of the videos, the one whose answer rests most on the background first."""
        left = self.answers.advantages(self.probe)
        return np.argsort(-np.nan_to_num(left, nan=-2), kind="stable").tolist()

    def by_class(self) -> list[dict[str, Any]]:
        """Survival by the answer, the highest first: ``answer``, ``videos``, ``survives``."""
        rows = []
        for answer in np.unique(self.answers.given).tolist():
            share = self.answers.survival(self.probe, self.answers.given == answer)
            rows.append(dict(answer=answer, videos=share.videos, survives=share))
        return sorted(rows, key=lambda row: -row["survives"].mean)

    def by_group(self) -> list[dict[str, Any]]:
        """By group: ``videos``, ``answer``, what most of them get in the view of the background,
        ``same``, how many do, and how much ``survives``, the highest first."""
        rows = []
        said = np.nan_to_num(self.answers.probabilities[self.probe], nan=-1).argmax(axis=1)
        for group in sorted(set(self.groups)):
            own = np.array([each == group for each in self.groups])
            [(answer, same)] = Counter(said[own].tolist()).most_common(1)
            share = self.answers.survival(self.probe, own)
            row = dict(group=group, videos=int(own.sum()), answer=answer, same=same, survives=share)
            rows.append(row)
        return sorted(rows, key=lambda row: -row["survives"].mean)

    def told_groups(self) -> list[dict[str, Any]]:
        """The groups that tell an answer: four of five of their videos get it without the action,
        and their answers survive."""
        return [
            row
            for row in self.by_group()
            if row["videos"] >= _FEWEST
            and row["same"] >= _SAME * row["videos"]
            and row["survives"].mean > THRESHOLD
        ]

    def text(self) -> str:
        """What a command prints."""
        rows = [["shown", "survives [95 % interval]", "hidden"]]
        for probe, share in self.survivals.items():
            hidden = self.answers.hidden.get(probe)
            area = "" if hidden is None else f"{100 * hidden.mean():.0f} %"
            rows.append([PROBES[probe], share.text(), area])
        parts = [self.verdict(), aligned(rows)]
        rows = [["answer", "videos", "survives"]]
        rows += [[self._class(r["answer"]), str(r["videos"]), _mean(r)] for r in self.by_class()]
        parts.append(aligned(rows))
        if self.groups:
            rows = [["group", "videos", "answered without the action", "survives"]]
            for row in self.by_group():
                same = f"{self._class(row['answer'])} {row['same']} of {row['videos']}"
                rows.append([row["group"], str(row["videos"]), same, _mean(row)])
            parts.append(aligned(rows))
        return "\n\n".join(parts)

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        answers = self.answers
        probes = {
            probe: dict(
                what=PROBES[probe], survives=asdict(share), hidden=answers.hidden.get(probe)
            )
            for probe, share in self.survivals.items()
        }
        videos = [
            dict(
                name=self.names[i],
                label=None if self.labels[i] < 0 else self.labels[i],
                answer=answers.given[i],
                group=self.groups[i] if self.groups else None,
                probability={k: p[i, answers.given[i]] for k, p in answers.probabilities.items()},
                advantage={k: answers.advantages(k)[i] for k in answers.probabilities},
            )
            for i in self.ranked()
        ]
        rows = dict(classes=self.by_class(), groups=self.by_group())
        return {
            **self.about,
            "verdict": self.verdict(),
            "found": self.found,
            "threshold": THRESHOLD,
            "background": self.probe,
            "probes": probes,
            **{
                name: [{**row, "survives": asdict(row["survives"])} for row in found]
                for name, found in rows.items()
            },
            "videos": videos,
        }

    def _class(self, number: int) -> str:
        return f"class {number}" if self.classes is None else self.classes[number]


def _mean(row: dict[str, Any]) -> str:
    return f"{row['survives'].mean:.3f}"
