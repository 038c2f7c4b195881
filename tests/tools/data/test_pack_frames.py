"""The command that packs frames, as a user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    make_videos(tmp_path / "frames", ["a", "b"], image_tmpl="img_{:05d}.jpg", frames=3)
    return tmp_path / "frames"


def test_packs_and_verifies(run_tool: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder/x.lmdb"
    (source / "notes.txt").touch()
    (source / "b/img_00004.jpg").touch()
    done = run_tool("data/pack_frames", source, "--image_tmpl", "img_{:05d}.jpg", out)
    assert done.code == 0, done.err
    assert re.fullmatch(
        rf"{out}: 7 frames, 0\.\d\d\d GB, verified\n"
        r"left out: 1 other files\n"
        r"warning: 1 frames are empty files \(zero bytes\)\n",
        done.out,
    )
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name]
    alone = run_tool("data/pack_frames", "--verify", out)
    assert (alone.code, ": 7 frames" in alone.out, "good\n" in alone.out) == (0, True, True)
    beside = run_tool("data/pack_frames", "--verify", out, source)
    assert f"good, the same as in {source}\n" in beside.out
    again = run_tool("data/pack_frames", source, out)
    assert (again.code, again.error) == (2, f"'{out}' exists; --overwrite replaces it")
    forced = run_tool("data/pack_frames", source, "--overwrite", "--no-verify", out)
    assert (forced.code, "not verified" in forced.out) == (0, True)


def test_damage_ends_in_one_line(run_tool: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.lmdb"
    run_tool("data/pack_frames", source, out)
    frame = (source / "a/img_00001.jpg").read_bytes()
    out.write_bytes(out.read_bytes().replace(frame[300:400], bytes(100)))
    done = run_tool("data/pack_frames", "--verify", out)
    assert done.code == 2
    assert done.error == f"frame '{out}/a/img_00001.jpg' is damaged: it fails its checksum"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected SRC_DIR and OUT, or --verify PACK"),
        (["frames"], "expected SRC_DIR and OUT"),
        (["--verify", "x.lmdb", "frames", "y.lmdb"], "takes SRC_DIR or nothing beside it"),
        (["--verify", "none.lmdb"], "'none.lmdb' does not exist"),
        (["frames", "x.tgz"], "'x.tgz' has to end in .lmdb"),
        (["nowhere", "x.lmdb"], "'nowhere' is not a directory"),
    ],
)
def test_mistakes_cost_one_line(
    run_tool: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_tool("data/pack_frames", *arguments)
    assert (done.code, problem in done.error) == (2, True), done.error
    assert not list(tmp_path.iterdir())
