"""The documentation builds as a site, and what it tells people to type can be typed."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmaction.commands import COMMANDS, GROUPS
from tests.frame_fixtures import write_film

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SHARED = (ROOT / "mmaction/cli.py").read_text()  # options that several commands have


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each of this project's commands, comments left out."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["st-abn"] or (len(words) > 1 and words[1].startswith("tools/")):
                yield words


def script_of(words: list[str]) -> Path:
    if words[0] != "st-abn":
        return ROOT / words[1]
    if words[1] in GROUPS:
        return ROOT / "tools" / words[1] / f"{words[2]}.py"
    return ROOT / "tools" / COMMANDS[words[1]]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", tmp_path / "site"]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site/reference/index.html").read_text(encoding="utf-8")
    assert "mmaction.apis.recognizer.load" in reference
    assert len(list((tmp_path / "site").glob("*/index.html"))) >= len(PAGES) - 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)


@pytest.mark.parametrize("page", ["README.md", "docs/inference.md"])
def test_python_of_inference_runs_as_printed(
    page: str,
    tiny_checkpoint: Path,
    tiny_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "typed"
    place.mkdir()
    for source, name in ((tiny_checkpoint, "epoch_12.pth"), (tiny_config, "config.py")):
        shutil.copy(source, place / name)
    for name, frames in (("video.mp4", 20), ("match.mp4", 50)):
        write_film(place / name, frames)
    monkeypatch.chdir(place)
    typed: dict[str, Any] = {}
    for block in blocks(ROOT / page, "python"):
        exec(compile(block, page, "exec"), typed)
    assert len(typed["answer"].probabilities) == 3
    if page == "docs/inference.md":
        assert capsys.readouterr().out.count("\n") >= 4  # of parts, two seconds each
        assert typed["out"].spatial_attention.shape == (1, 16, 7, 7)


def examples() -> Iterator[list[str]]:
    """The commands that ``--help`` shows, of each script."""
    for script in sorted((ROOT / "tools").rglob("[!_]*.py")):
        lines = re.findall(
            "^(python .*)$", ast.get_docstring(ast.parse(script.read_text())) or "", re.M
        )
        assert lines, f"{script.name}: no example"
        for line in lines:
            words = shlex.split(line)
            assert ROOT / words[1] == script
            yield words


@pytest.mark.parametrize("page", [*PAGES, None], ids=lambda page: page.name if page else "help")
def test_commands_and_their_options_exist(page: Path | None) -> None:
    for words in commands(page) if page else examples():
        script = script_of(words)
        assert script.is_file(), " ".join(words)
        if script.suffix != ".py":
            continue
        known = script.read_text() + SHARED
        for word in words:
            if word.startswith("--"):
                option = word.partition("=")[0]
                assert f'"{option}"' in known, f"{script.name}: {option}"
