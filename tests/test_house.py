"""The order of the rooms, and how large files and functions may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
FILES = sorted((REPO / "mmaction").rglob("*.py"))

# From the ground up. A room uses those of earlier rows, never its neighbours in the same row.
# Rooms are directories of mmaction/; its own files that stand alone are the ground floor.
FLOORS = (
    (
        "ops",
        "errors",
        "exit_codes",
        "files",
        "progress",
        "registry",
        "safe_pickle",
        "text_files",
        "structures",
        "version",
    ),
    ("readable_errors", "environment", "checkpoint"),
    ("models", "datasets", "evaluation"),
    ("convert", "dataprep", "explain"),
    ("datacheck", "inference"),
    ("engine", "serving"),
    ("launcher",),
    ("cli", "apis"),
    ("commands",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MOST_FILE_LINES = 300
MOST_FUNCTION_LINES = 60


def room(path: Path) -> str:
    return path.relative_to(REPO / "mmaction").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and room of each import of this project in a file, those for type hints included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "mmaction":
                names = [f"mmaction.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("mmaction."):
                yield node.lineno, name.split(".")[1]


def name_of(path: Path) -> str:
    return str(path.relative_to(REPO))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_to_lower_floors(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    wrong = [
        f"line {line}: {other}"
        for line, other in imported(path)
        # On the ground floor they may lean on each other.
        if other != own and FLOOR[other] >= FLOOR[own] and FLOOR[own] > 0
    ]
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_fit_the_eye(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_FILE_LINES
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert long == []


def test_checkpoint_files_know_no_runner() -> None:
    for path in (REPO / "mmaction/checkpoint").glob("*.py"):
        assert "engine" not in {other for _, other in imported(path)}, path
