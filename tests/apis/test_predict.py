from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.apis.predict import PredictOptions, predict
from mmaction.errors import ConfigError, UserError
from mmaction.inference import VideoRecognizer
from tests.conftest import REPO, Outcome, write_videos
from tests.frame_fixtures import write_film

NO_VIDEO = "damaged, truncated or no video"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven films, two directories of frames, and a file that is no video."""
    root = tmp_path / "videos"
    for number in range(7):
        write_film(root / f"film {number}.mp4", 8 + number, step=9 + number)
    write_videos(root / "frames", ["a", "b"], image_tmpl="img_{:05d}.jpg")
    (root / "film 3x.mp4").write_bytes(b"no video")
    return root


def options(**given: Any) -> PredictOptions:
    return PredictOptions(**{**dict(backend="eager", device="cpu", num_workers=0), **given})


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".json":
        return json.loads(path.read_text())
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_video_as_the_recognizer_answers(
    tiny_checkpoint: Path, recognizer: VideoRecognizer, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "predictions.json"
    found = predict(
        tiny_checkpoint, [folder], out=out, options=options(batch_size=3, num_workers=1)
    )
    assert (found.videos, found.bad) == (10, 1)
    rows = read(out)
    names = [f"film {n}.mp4" for n in (0, 1, 2, 3)] + ["film 3x.mp4"]
    names += [f"film {n}.mp4" for n in (4, 5, 6)] + ["frames/a", "frames/b"]
    assert [row["path"] for row in rows] == [str(folder / name) for name in names]
    for row in rows:
        if row["path"].endswith("3x.mp4"):
            assert NO_VIDEO in row["error"]
            assert row["label"] is row["top"] is row["frames"] is None
            continue
        answer = recognizer(row["path"])
        assert row["label"] == answer.label == row["top"][0][0]
        assert row["error"] is None
        assert [label for label, _ in row["top"]] == [label for label, _ in answer.top(5)]
        np.testing.assert_allclose(
            [p for _, p in row["top"]], [p for _, p in answer.top(5)], atol=1e-5
        )
        assert row["frames"] == answer.frame_indices.tolist()
        assert (row["seconds"] is None) == ("frames" in row["path"])
        if row["seconds"] is not None:
            np.testing.assert_allclose(row["seconds"], answer.seconds, atol=1e-3)
    assert not list(tmp_path.glob("*.unfinished"))


def test_tables_say_the_same(tiny_checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    films = sorted(folder.glob("*.mp4"))[2:6]

    def write(suffix: str) -> None:
        predict(tiny_checkpoint, films, out=tmp_path / f"p{suffix}", options=options(top=2))

    write(".json")
    write(".csv")
    for row, cells in zip(read(tmp_path / "p.json"), read(tmp_path / "p.csv"), strict=True):
        names = ["path", "label", "probability", "label_2", "probability_2"]
        assert list(cells) == [*names, "frames", "seconds", "error"]
        assert cells["error"] == (row["error"] or "")
        first, second = row["top"] or (("", ""), ("", ""))
        assert [cells[n] for n in names] == [row["path"], *map(str, (*first, *second))]
        assert cells["frames"] == " ".join(map(str, row["frames"] or ()))
        assert cells["seconds"] == " ".join(map(str, row["seconds"] or ()))
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(ConfigError, match=r"p\.parquet needs pyarrow: pip install pyarrow"):
            write(".parquet")
        return
    import pyarrow.parquet

    write(".parquet")
    kept = pyarrow.parquet.read_table(tmp_path / "p.parquet").to_pylist()
    for row, record in zip(read(tmp_path / "p.json"), kept, strict=True):
        top = row["top"] and [dict(label=label, probability=p) for label, p in row["top"]]
        assert record == {**row, "top": top}


def test_pages_are_written_beside(
    tiny_checkpoint: Path, recognizer: VideoRecognizer, folder: Path, tmp_path: Path
) -> None:
    look = tmp_path / "look"
    predict(
        tiny_checkpoint,
        [folder / "frames/a", folder / "film 0.mp4"],
        out=tmp_path / "p.csv",
        options=options(explain=look),
    )
    answer = recognizer(folder / "film 0.mp4", explain=True)
    with np.load(look / "film 0.mp4/explanation.npz") as kept:
        np.testing.assert_allclose(kept["spatial"], answer.spatial, atol=1e-5)
    other = options(explain=tmp_path / "other", explainer="grad_cam", backend="auto")
    predict(tiny_checkpoint, [folder / "film 0.mp4"], out=tmp_path / "o.csv", options=other)
    (file,) = (tmp_path / "other/film 0.mp4").glob("*.npz")
    with np.load(file) as kept:
        assert not np.allclose(kept["spatial"], answer.spatial)
    page = (look / "index.html").read_text()
    assert "film 0.mp4" in page
    assert (look / "a/player.js").is_file()


def start(*given: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, REPO / "tools/predict.py", *given]
    return subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_command_goes_on(
    tiny_checkpoint: Path, folder: Path, tmp_path: Path, run_tool: Callable[..., Outcome]
) -> None:
    out, rows = tmp_path / "p.csv", tmp_path / "p.csv.unfinished/rows_00000.jsonl"
    # The third video comes from a pipe, which keeps the command waiting.
    pipe = folder / "film 1x.mp4"
    os.mkfifo(pipe)
    given = [tiny_checkpoint, folder, "--out", out, "--backend", "eager", "--device", "cpu"]
    given += ["--batch-size", 1, "--num-workers", 1]
    process = start(*given)
    deadline = time.monotonic() + 240
    while not (rows.exists() and rows.read_bytes().count(b"\n") == 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))  # its worker waits no longer
    pipe.unlink()
    assert not out.exists()
    with rows.open("ab") as file:
        file.write(b'{"path": "half a l')  # as of a process that was killed while it wrote
    kept = rows.read_bytes()
    other = run_tool("predict", *given, "--top", 2)
    assert "interrupted command with --top 5, not 2" in other.error
    assert rows.read_bytes() == kept
    again = run_tool("predict", *given)
    assert again.code == 1, again.err
    assert "8/8 videos" in again.err
    assert f"10 videos in {out}, 1 of them can't be read" in again.out
    predict(tiny_checkpoint, [folder], out=tmp_path / "whole.csv", options=options(batch_size=1))
    assert read(out) == read(tmp_path / "whole.csv")
    assert not rows.parent.exists()


def test_several_processes_write_the_table_of_one(
    tiny_checkpoint: Path, folder: Path, tmp_path: Path, run_process: Callable[..., Outcome]
) -> None:
    out = tmp_path / "two.csv"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    given = [tiny_checkpoint, folder, "--out", out, "--backend", "eager", "--device", "cpu"]
    ran = run_process(*torchrun, REPO / "tools/predict.py", *given, "--num-workers", 0)
    assert ran.code == 1, ran.err
    assert ran.out.count("10 videos in") == 1
    predict(tiny_checkpoint, [folder], out=tmp_path / "one.csv", options=options())
    one, two = read(tmp_path / "one.csv"), read(out)
    for row, expected in zip(two, one, strict=True):
        for key in ("path", "label", "frames", "seconds", "error"):
            assert row[key] == expected[key]
        for k in ("", "_2", "_3"):
            found, right = (float(each[f"probability{k}"] or 0) for each in (row, expected))
            assert found == pytest.approx(right, abs=2e-6)


def test_bad_input_gets_one_line_and_leaves_nothing(
    tiny_checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for said, sources, name, given in (
        ("ends in .csv, .json, .parquet", [folder], "p.xls", {}),
        ("does not exist", [folder / "none.mp4"], "p.csv", {}),
        ("--top 0: expected 1 or more", [folder], "p.csv", dict(top=0)),
        ("--backend tpu: expected one of", [folder], "p.csv", dict(backend="tpu")),
        ("--precision fp8: expected one of", [folder], "p.csv", dict(precision="fp8")),
    ):
        with pytest.raises(UserError, match=said) as raised:
            predict(tiny_checkpoint, sources, out=work / name, options=options(**given))
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="can't be written to"):
        predict(tiny_checkpoint, [folder], out=folder / "film 0.mp4/p.csv", options=options())
    assert not list(work.iterdir())
