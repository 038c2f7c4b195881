"""What a training logged, read back from its work_dir."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.errors import UserError

SCALARS = "vis_data/scalars.json"
# They place a record; they are no measurements.
PLACES = ("step", "iter", "epoch")

Record = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One measurement over a training.

    Attributes:
        steps: int64, S, rising: steps of training, or epochs of validation.
        values: float64, S; NaN where that was logged.
    """

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class RunLog:
    """The measurements of one run, by key.

    Attributes:
        folder: Its work_dir.
        training: Logged every so many steps, such as ``loss``.
        validation: Logged once a validation, such as ``perception/top1``.
    """

    folder: Path
    training: dict[str, Series]
    validation: dict[str, Series]

    def keys(self) -> list[str]:
        """All keys, those of training first."""
        return list(dict.fromkeys([*self.training, *self.validation]))


def read_run(folder: str | os.PathLike[str]) -> RunLog:
    """Reads the logs of a work_dir.

    Each start of a run has a directory of its own, named by its time. A resumed run goes on where
    its checkpoint was made: what an earlier start logged from there on is left out, as a later one
    did it again.

    Args:
        folder: The work_dir, or one start's directory in it.

    Raises:
        UserError: There is no such directory, no log in it, nothing logged, or a line that is no
            record; the last line may be broken off, as a killed run leaves it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such directory; expected the work_dir of a training")
    files = sorted(folder.glob(f"*/{SCALARS}")) or [folder / SCALARS]
    if not files[0].is_file():
        raise UserError(f"{folder}: no logs of a training here; expected */{SCALARS}")
    records: list[Record] = []
    for file in files:
        later = read_records(file)
        records = [*_before(records, later), *later]
    training = _by_key(record for record in records if "iter" in record)
    validation = _by_key(record for record in records if "iter" not in record)
    if not training and not validation:
        raise UserError(f"{folder}: nothing was logged; the training ended before its first line")
    return RunLog(folder, training, validation)


def read_records(file: Path) -> list[Record]:
    """The lines of a ``scalars.json``.

    Raises:
        UserError: See ``read_run``.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise UserError(f"{file}: can't be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise UserError(f"{file}: is not UTF-8 text") from e
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError as e:
            if number == len(lines):
                break  # the run was killed while it wrote
            raise UserError(f"{file}:{number}: is no record of a log") from e
        if not isinstance(record, dict) or not _is_number(record.get("step")):
            raise UserError(f"{file}:{number}: is no record of a log; expected a 'step' in it")
        records.append(record)
    return records


def _before(earlier: Iterable[Record], later: list[Record]) -> list[Record]:
    """Earlier records that a later start did not do again.

    Training is told by its step. Validation comes at the end of an epoch, so that of the epoch in
    which the later start begins is done again, too.
    """
    first = next((record for record in later if "iter" in record), None)
    if first is None:
        from_step = np.inf
        from_validation = min((record["step"] for record in later), default=np.inf)
    else:
        from_step = first["step"]
        from_validation = first.get("epoch", from_step)
    return [
        record
        for record in earlier
        if record["step"] < (from_step if "iter" in record else from_validation)
    ]


def _by_key(records: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    found: dict[str, dict[int, float]] = {}
    for record in records:
        for key, value in record.items():
            if key not in PLACES and _is_number(value):
                found.setdefault(key, {})[int(record["step"])] = float(value)
    return {
        key: Series(np.array(sorted(points)), np.array([points[step] for step in sorted(points)]))
        for key, points in found.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
