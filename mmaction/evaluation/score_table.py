"""The scores of a whole data set: gathered from all processes, written to a file and read back."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmaction.errors import UserError, first_line
from mmaction.files import atomic_path
from mmaction.safe_pickle import load_arrays
from mmaction.structures import VideoResult


@dataclass(frozen=True)
class ScoreTable:
    """Scores of N videos over K classes, in the order of the annotation.

    Attributes:
        names: The videos' names, N.
        index: int64, N: their positions in the data set.
        labels: int64, N; -1 where the annotation has none; the first of several.
        scores: float32, N×K, of the perception branch.
        attention_scores: float32, N×K, or None for a plain recognizer.
        made_from: What the scores were made from: see ``mmaction.apis.test``.
        label_sets: bool, N×K: all labels of each video; None where no video has several.
    """

    names: list[str]
    index: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    attention_scores: np.ndarray | None = None
    made_from: dict[str, str] = field(default_factory=dict)
    label_sets: np.ndarray | None = None

    @classmethod
    def from_results(cls, results: Sequence[VideoResult]) -> ScoreTable:
        """One process's results, in any order."""
        samples = [r.sample for r in results]
        attention = [r.attention_scores for r in results if r.attention_scores is not None]
        table = cls(
            names=[s.name for s in samples],
            index=np.array([s.index for s in samples], dtype=np.int64),
            labels=np.array([-1 if s.label is None else s.label for s in samples], dtype=np.int64),
            scores=_stack([r.scores for r in results]),
            attention_scores=_stack(attention) if attention else None,
        )
        if not any(s.more_labels for s in samples):
            return table
        label_sets = table.targets
        for row, sample in zip(label_sets, samples, strict=True):
            row[list(sample.more_labels)] = True
        return replace(table, label_sets=label_sets)

    @classmethod
    def merge(cls, parts: Iterable[ScoreTable]) -> ScoreTable:
        """All processes' tables as one: each video once, sorted by its position."""
        filled = [p for p in parts if p.names]
        index = np.concatenate([p.index for p in filled])
        _, first = np.unique(index, return_index=True)
        names = [name for p in filled for name in p.names]
        attention = [p.attention_scores for p in filled if p.attention_scores is not None]
        several = any(p.label_sets is not None for p in filled)
        return cls(
            names=[names[i] for i in first],
            index=index[first],
            labels=np.concatenate([p.labels for p in filled])[first],
            scores=np.concatenate([p.scores for p in filled])[first],
            attention_scores=np.concatenate(attention)[first] if attention else None,
            label_sets=np.concatenate([p.targets for p in filled])[first] if several else None,
        )

    @property
    def targets(self) -> np.ndarray:
        """bool, N×K: the labels of each video, none of those without."""
        if self.label_sets is not None:
            return self.label_sets
        return self.labels[:, None] == np.arange(self.scores.shape[1])

    @property
    def labelled(self) -> bool:
        """Whether every video has a label."""
        return bool((self.labels >= 0).all())

    @property
    def branches(self) -> dict[str, np.ndarray]:
        """Scores by the branch they are of; a plain recognizer's are the perception branch's."""
        of_attention = {} if self.attention_scores is None else {"attention": self.attention_scores}
        return {"perception": self.scores, **of_attention}

    def save_list(self, path: str | os.PathLike[str]) -> None:
        """Writes the perception branch's scores as a pickled list, an array of K a video."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(pickle.dumps(list(self.scores), protocol=4))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a pickle of a plain dict with numpy arrays; whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(pickle.dumps(vars(self), protocol=4))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreTable:
        """Reads what ``save`` wrote. Nothing in the file can run.

        Raises:
            UserError: The file can't be read, or is no such table of a video or more.
        """
        try:
            table = cls(**load_arrays(Path(path).read_bytes()))
            videos, scores, labels = len(table.names), table.scores, table.labels
        except OSError as e:
            raise UserError(f"{path}: can't be read: {e.strerror}") from e
        except Exception as e:  # a damaged file makes the unpickler raise anything
            raise UserError(f"{path}: not a score file of this project ({first_line(e)})") from e
        others = [a for a in (table.attention_scores, table.label_sets) if a is not None]
        if not (
            all(isinstance(array, np.ndarray) for array in (scores, labels, *others))
            and scores.ndim == 2
            and len(scores) == videos > 0
            and labels.shape == (videos,)
            and all(array.shape == scores.shape for array in others)
        ):
            raise UserError(
                f"{path}: holds no scores of videos, or ones that don't fit their labels"
            )
        return table


def _stack(scores: Sequence[Tensor]) -> np.ndarray:
    """float32, N×K; in one transfer, for which the host waits once."""
    return torch.stack(tuple(scores)).detach().float().cpu().numpy()
