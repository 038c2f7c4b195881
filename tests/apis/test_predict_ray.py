from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from mmaction.apis.predict import PredictOptions, predict
from mmaction.errors import ConfigError
from tests.apis.test_predict import options, read, start
from tests.frame_fixtures import write_film


def working(root: int) -> list[int]:
    """Processes below ``root`` that predict right now, by the titles that Ray gives them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            title = (entry / "cmdline").read_bytes()
            at = int(entry.name)
            while at not in (0, 1, root):
                at = int(Path(f"/proc/{at}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if at == root and title.startswith(b"ray::MapWorker") and b"submit" in title:
            found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_a_process_is_killed_and_no_video_is_lost_or_twice_there(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    folder, out = tmp_path / "videos", tmp_path / "p.json"
    for number in range(12):
        write_film(folder / f"film {number:02d}.mp4", 8 + number, step=9)
    (folder / "film 03x.mp4").write_bytes(b"no video")
    # One comes from a pipe, which keeps a process waiting.
    pipe = folder / "film 05x.mp4"
    os.mkfifo(pipe)
    process = start(
        *(tiny_checkpoint, folder, "--out", out, "--engine", "ray", "--gpus", 2),
        *("--backend", "eager", "--device", "cpu", "--batch-size", 1, "--num-workers", 0),
    )
    rows, deadline = tmp_path / "p.json.unfinished/rows_00000.jsonl", time.monotonic() + 200
    # Four videos go to a process at a time: of 14 all but the pipe's and its three neighbours come.
    try:
        while not (rows.exists() and rows.read_bytes().count(b"\n") == 10):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        [waiting] = working(process.pid)  # Ray has ended the other, for which nothing is left
        os.kill(waiting, signal.SIGKILL)
        pipe.unlink()
        write_film(pipe, 20, step=9)
        assert process.wait(timeout=200) == 1
        assert waiting not in working(process.pid)
    finally:
        process.terminate()
    predict(tiny_checkpoint, [folder], out=tmp_path / "whole.json", options=options(batch_size=1))
    assert len(read(out)) == 14
    assert read(out) == read(tmp_path / "whole.json")


def test_what_ray_cannot_do_gets_one_line(tiny_checkpoint: Path, tmp_path: Path) -> None:
    given = PredictOptions(engine="ray", launcher="pytorch")
    with pytest.raises(ConfigError, match="--engine ray starts processes itself"):
        predict(tiny_checkpoint, [tmp_path], out=tmp_path / "p.csv", options=given)
