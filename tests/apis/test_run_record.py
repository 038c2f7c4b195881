from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from mmaction.apis import load_config, train
from mmaction.apis.run_record import fingerprint, git_state, hardware, in_lines, versions


def test_a_file_is_known_by_its_lines_and_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(content := b"a 6 0\nb 6 1\n\nc 6 2\n")
    digest = hashlib.sha256(content).hexdigest()
    assert fingerprint(path) == {"file": str(path), "lines": 3, "sha256": digest}


def test_git_says_commit_and_changed_files(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    git("init")
    (tmp_path / "code.py").write_text("1")
    git("add", "code.py")
    git("commit", "-m", "one")
    commit = git("log", "--format=%H").strip()
    assert git_state(tmp_path) == {"commit": commit, "changed": []}
    (tmp_path / "code.py").write_text("2")
    assert git_state(tmp_path) == {"commit": commit, "changed": [" M code.py"]}


def test_versions_and_hardware() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert str(found["torch"]).split("+")[0] == torch.__version__.split("+")[0]
    machine = hardware()
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert len(machine["gpus"]) == torch.cuda.device_count()
    assert machine["processor"]


def test_a_record_is_one_fact_a_line() -> None:
    text = in_lines({"command": "python a.py", "seed": 3, "data": {"train": []}, "config": "x\ny"})
    assert text.splitlines() == [
        "to repeat this run:",
        "    command: python a.py",
        "    seed: 3",
        '    data: {"train": []}',
    ]


def test_a_run_leaves_its_record_in_its_log(tiny_config: Path, tmp_path: Path) -> None:
    runner = train(load_config(tiny_config, {"randomness.seed": 7}))
    record = json.loads((Path(runner.log_dir) / "run.json").read_text())
    assert record["seed"] == 7
    assert record["processes"] == 1
    assert record["command"].startswith(sys.executable)
    assert "STABN" in record["config"]
    lists = {split: record["data"][split][0] for split in ("train", "val")}
    assert {split: found["lines"] for split, found in lists.items()} == {"train": 4, "val": 7}
    for found in lists.values():
        assert found["sha256"] == hashlib.sha256(Path(found["file"]).read_bytes()).hexdigest()
    [log] = (tmp_path / "work").glob("*/*.log")
    text = log.read_text()
    for fact in (record["command"], lists["train"]["sha256"], record["hardware"]["processor"]):
        assert fact in text
    assert "backbone=dict(" in text, "the config as resolved"
