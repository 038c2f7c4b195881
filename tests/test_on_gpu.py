"""The GPU benchmark, tried on a CPU: what it writes, goes on from, and what stops a part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    "machine",
    "tests",
    "quickstart",
    "network_32x224",
    "network_16x112",
    "compiled",
    "loop",
    "vit",
    "data_path",
    "step_profile",
)


@pytest.fixture(scope="session")
def bench(run_process: Callable[..., Any]) -> Bench:
    """``bench(out, options…)`` runs the benchmark."""
    return partial(run_process, sys.executable, "benchmarks/on_gpu.py", "--out")


def parts(out: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((out / "results.json").read_text())["parts"]
    return kept


@pytest.fixture(scope="module")
def some_parts(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> Path:
    out = tmp_path_factory.mktemp("on_gpu") / "out"
    only = ["machine", "tests"]
    # Of the marked tests two; all of them are --slow.
    few = "-k 'clips_are_prepared or cuda_graph'"
    done = bench(out, "--device", "cpu", "--only", *only, PYTEST_ADDOPTS=few)
    assert done.code == 0, done.err
    assert list(parts(out)) == only
    return out


def assert_all_done(out: Path) -> None:
    for name, part in parts(out).items():
        assert part["status"] in ("done", "skipped"), (name, part["note"])
        if part["status"] == "done":
            assert part["rows"], name
        else:
            assert part["note"].startswith("not installed: "), name
        assert not [row for row in part["rows"] if "error" in row], name


def test_parts_run(some_parts: Path) -> None:
    assert_all_done(some_parts)
    outcomes = {row["test"]: row["outcome"] for row in parts(some_parts)["tests"]["rows"]}
    assert outcomes == {
        "test_network: test_clips_are_prepared_on_the_device": "passed",
        "test_network: test_a_cuda_graph_answers_likewise": "skipped",
    }


@pytest.mark.slow
def test_all_marked_tests_pass_or_need_a_gpu(tmp_path: Path, bench: Bench) -> None:
    assert bench(tmp_path, "--device", "cpu", "--only", "tests").code == 0
    outcomes = {row["outcome"] for row in parts(tmp_path)["tests"]["rows"]}
    assert outcomes == {"passed", "skipped"}


@pytest.mark.slow
def test_a_second_call_does_the_other_parts_and_a_third_nothing(
    some_parts: Path, bench: Bench
) -> None:
    assert bench(some_parts, "--device", "cpu").code == 0
    found = parts(some_parts)
    assert tuple(found) == PARTS
    assert_all_done(some_parts)
    compiled = {row["what"]: row for row in found["compiled"]["rows"]}
    assert compiled["graph breaks"]["value"] == 0
    before = (some_parts / "results.json").read_text()
    assert bench(some_parts, "--device", "cpu", "--minutes", "0.1").code == 0
    assert (some_parts / "results.json").read_text() == before


def test_the_tables_say_what_the_json_says(some_parts: Path) -> None:
    text = (some_parts / "results.md").read_text()
    for name, part in parts(some_parts).items():
        assert f"## {name}: " in text
        section = text.split(f"## {name}: ")[1].split("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        assert len(lines) == (len(part["rows"]) + 2 if part["rows"] else 0), name


@pytest.mark.slow
def test_a_part_that_crashes_is_a_line(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "timm.py").write_text("raise RuntimeError('timm is broken')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    options = ["--device", "cpu", "--minutes", "1", "--only", "vit"]
    assert bench(tmp_path / "out", *options, PYTHONPATH=path).code == 0
    vit = parts(tmp_path / "out")["vit"]
    assert vit["status"] == "failed"
    assert vit["note"].startswith("exit code 1: ")
    assert "timm is broken" in vit["note"]


@pytest.mark.slow
def test_a_part_without_time_is_not_begun_and_comes_next_time(tmp_path: Path, bench: Bench) -> None:
    options = ["--device", "cpu", "--minutes", "0.01"]
    assert bench(tmp_path / "out", *options).code == 0
    assert {part["status"] for part in parts(tmp_path / "out").values()} <= {
        "no time left",
        "skipped",
    }
    options = ["--device", "cpu", "--minutes", "0.2"]
    assert bench(tmp_path / "out", *options).code == 0
    assert parts(tmp_path / "out")["machine"]["status"] == "done"


def test_a_part_is_ended_at_its_limit_with_all_that_it_started(tmp_path: Path) -> None:
    code = "import on_gpu; print(on_gpu.run_part('tests', device='cpu', seconds=6).status)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "benchmarks",
        env={**os.environ, "ST_ABN_TEST_MARK": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "timed out\n", done.stderr
    mark = f"ST_ABN_TEST_MARK={tmp_path}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            assert mark not in environment.read_bytes(), environment
        except OSError:
            continue  # another user's, or gone by now


def test_results_of_another_device_are_not_mixed_in(some_parts: Path, bench: Bench) -> None:
    refused = bench(some_parts, "--device", "cuda")
    assert refused.error.startswith(f"{some_parts / 'results.json'} is of --device cpu")
