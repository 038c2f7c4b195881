"""The command that packs frames, as a user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import write_videos

Run = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_videos(tmp_path / "frames", ["a", "b"], image_tmpl="img_{:05d}.jpg", frames=3)
    return tmp_path / "frames"


def test_packs_and_verifies(run_tool: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder/x.lmdb"
    (source / "notes.txt").touch()
    done = run_tool("data/pack_frames", source, out)
    assert done.code == 0, done.err
    assert re.fullmatch(rf"{out}: 6 frames, 0\.\d\d\d GB, verified\n", done.out)
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name]
    alone = run_tool("data/pack_frames", "--verify", out)
    assert (alone.code, alone.out) == (0, done.out)
    again = run_tool("data/pack_frames", source, out)
    assert (again.code, again.error) == (2, f"'{out}' exists; --overwrite replaces it")
    (source / "a/img_00001.jpg").rename(source / "a/img_00009.jpg")
    (source / "b/img_00004.jpg").write_bytes(b"new")
    forced = run_tool("data/pack_frames", source, "--overwrite", out)
    assert (forced.code, ": 7 frames" in forced.out) == (0, True)


def test_damage_ends_in_one_line(run_tool: Run, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.lmdb"
    run_tool("data/pack_frames", source, out)
    frame = (source / "a/img_00001.jpg").read_bytes()
    out.write_bytes(out.read_bytes().replace(frame[300:400], bytes(100)))
    done = run_tool("data/pack_frames", "--verify", out)
    assert done.code == 2
    assert f"frame '{out}/a/img_00001.jpg' is damaged: it fails its checksum" in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected SRC_DIR and OUT, or --verify PACK"),
        (["frames"], "expected SRC_DIR and OUT"),
        (["--verify", "x.lmdb", "frames", "y.lmdb"], "or --verify PACK alone"),
        (["--verify", "none.lmdb"], "'none.lmdb' can't be read as a pack"),
        (["frames", "x.tgz"], "'x.tgz' has to end in .lmdb"),
        (["nowhere", "x.lmdb"], "'nowhere' can't be read: No such file or directory"),
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
