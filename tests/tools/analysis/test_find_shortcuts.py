"""What a user sees: a verdict, tables, a page; one line where something is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
TOOL = "analysis/find_shortcuts"


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    path = tmp_path / "places.csv"
    lines = [f"video {number},{'roof' if number % 2 else 'yard'}" for number in range(7)]
    path.write_text("\n".join(["clip,place", *lines]) + "\n")
    return path


def test_the_verdict_the_tables_and_the_page(
    tiny_config: Path, mixed_checkpoint: Path, groups: Path, run_tool: Run, tmp_path: Path
) -> None:
    out = tmp_path / "shortcuts"
    ended = run_tool(
        TOOL, tiny_config, mixed_checkpoint, "--out", out, "--shown", "2",
        "--groups", groups, "--group-column", "place",
    )  # fmt: skip
    assert ended.code == 0
    assert " of the answers survives in a view of the background (" in ended.out.splitlines()[0]
    record = json.loads((out / "shortcuts.json").read_text())
    assert ended.out.splitlines()[0] == record["verdict"]
    assert set(record["probes"]) == {"without_marked", "first_frame", "still_frames", "shuffled"}
    assert {row["group"] for row in record["groups"]} == {"roof", "yard"}
    assert len(record["videos"]) == 7
    page = (out / "index.html").read_text()
    assert page.count(" % without the action: ") == 2
    for video in record["videos"][:2]:
        assert {"player.js", "view_02"} <= {p.name for p in (out / video["name"]).iterdir()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--groups", "nowhere.csv"), "'nowhere.csv' does not exist"),
        (("--groups", "PLACES"), "places.csv:1: no column 'group'"),
        (
            ("--groups", "PLACES", "--group-column", "plce"),
            "the header has 'clip', 'place'",
        ),
        (("--ground-truth", "/nowhere"), "expected the directory or file /nowhere"),
        (("--explainer", "atention"), "explainer 'atention' is not known here"),
    ],
)
def test_mistakes_in_one_line(
    options: tuple[str, ...], message: str, groups: Path, run_tiny: Run, tmp_path: Path
) -> None:
    given = [str(groups) if option == "PLACES" else option for option in options]
    ended = run_tiny(TOOL, "--out", tmp_path / "out", *given)
    assert message in ended.error
    assert not (tmp_path / "out").exists()
