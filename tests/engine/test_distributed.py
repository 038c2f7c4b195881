"""One process or several give the same scores; real processes, over gloo where there is no GPU."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine.distributed import join_processes, require_sync_bn_possible
from mmaction.errors import ConfigError
from mmaction.evaluation import ScoreTable
from tests.engine.conftest import needs_two

Run = Callable[..., Any]
MakeConfig = Callable[..., Path]

BUFFERS_OF_EACH_RANK = '''
import os

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class KeepBuffersOfEachRank(Hook):
    """Before and after they are brought in step: priorities run from small to large."""

    def __init__(self, when):
        self.when = when

    def after_train_epoch(self, runner):
        model = getattr(runner.model, "module", runner.model)
        path = os.path.join(runner.work_dir, f"{self.when}{get_rank()}.pth")
        torch.save(dict(model.named_buffers()), path)
'''

WATCH_SCORES = '''
import json
import os

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class WatchScores(Hook):
    """Writes what each process has at the end."""

    def after_test_epoch(self, runner, metrics=None):
        metric = runner.test_loop.evaluator.metrics[0]
        seen = dict(left=len(metric.results), metrics=metrics)
        seen["has_table"] = metric.table is not None
        with open(os.path.join(runner.work_dir, f"rank{get_rank()}.json"), "w") as file:
            json.dump(seen, file)
'''


@pytest.mark.parametrize(
    ("processes", "batch_size", "workers", "videos"),
    [
        pytest.param(1, 3, 2, 7, marks=pytest.mark.slow),
        pytest.param(2, 8, 0, 1, marks=pytest.mark.slow),
        (2, 2, 1, 7),
        pytest.param(3, 2, 1, 7, marks=pytest.mark.slow),
    ],
)
def test_scores_depend_on_neither_processes_nor_batches_nor_workers(
    processes: int,
    batch_size: int,
    workers: int,
    videos: int,
    tiny_data: Path,
    make_config: MakeConfig,
    tiny_checkpoint: Path,
    run_process: Run,
    run_tool: Run,
    imported: Callable[..., str],
    tmp_path: Path,
) -> None:
    """Seven videos, which processes can't share evenly; of one, one process gets none."""
    if 0 < torch.cuda.device_count() < processes:
        pytest.skip(f"this machine has GPUs, but not {processes}")
    names = [f"val/video {n}" for n in range(videos)]
    config = make_config(tiny_data, f"test_dataloader['dataset']['include'] = {names}\n")
    watching = make_config(
        tiny_data,
        f"test_dataloader['dataset']['include'] = {names}\n"
        f"test_dataloader.update(batch_size={batch_size}, num_workers={workers})\n"
        f"{imported('watch_scores', WATCH_SCORES)}"
        "custom_hooks = [dict(type='WatchScores')]\n",
        name="watching.py",
    )
    one, many = tmp_path / "one.pkl", tmp_path / "many.pkl"
    assert run_tool("test_recognizer", config, tiny_checkpoint, "--out", one).code == 0
    script = "tools/dist_test_recognizer.sh"
    command = [script, watching, tiny_checkpoint, processes, "--out", many]
    ended = run_process(*command)
    assert (ended.code, ended.err) == (0, "")
    expected, got = ScoreTable.load(one), ScoreTable.load(many)
    assert got.names == expected.names == names
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)
    np.testing.assert_allclose(got.attention_scores, expected.attention_scores, atol=1e-6)
    metrics = [json.loads(p.with_suffix(".metrics.json").read_text()) for p in (one, many)]
    assert metrics[0] == metrics[1]
    assert ended.out.count(f"{videos} videos") == 1, ended.out
    lines = ended.out.splitlines()
    assert sum(line.startswith("perception ") for line in lines) == 1, "one process reports"
    for rank in range(processes):
        seen = json.loads((tmp_path / f"work/rank{rank}.json").read_text())
        assert seen == dict(left=0, has_table=rank == 0, metrics=metrics[0])


@needs_two
def test_a_training_in_two_processes_shares_its_buffers(
    tiny_data: Path,
    make_config: MakeConfig,
    imported: Callable[..., str],
    run_process: Run,
    tmp_path: Path,
) -> None:
    """The checkpoint's batch norm statistics are the mean of both processes'."""
    config = make_config(
        tiny_data,
        f"{imported('keep_buffers', BUFFERS_OF_EACH_RANK)}"
        "custom_hooks = [\n"
        "    dict(type='KeepBuffersOfEachRank', when='before', priority='HIGH'),\n"
        "    dict(type='KeepBuffersOfEachRank', when='after', priority='LOW'),\n"
        "]\n",
    )
    ended = run_process(sys.executable, "tools/train_recognizer.py", config, "--gpus", 2)
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"2 process\(es\) have joined, over (gloo|nccl)\n", ended.out)
    assert "4 clips a step (2 process(es) × 2)" in ended.out
    assert "linear scaling makes it 0.000625" in ended.out
    assert ended.out.count("Epoch(val) [1][2/2]    perception/top1:") == 1
    work_dir = tmp_path / "work"
    kept = read_checkpoint(work_dir / "epoch_1.pth")["state_dict"]
    before = [torch.load(work_dir / f"before{rank}.pth") for rank in range(2)]
    after = [torch.load(work_dir / f"after{rank}.pth") for rank in range(2)]
    means = [name for name in kept if name.endswith("running_mean")]
    assert len(means) > 10
    assert any(not torch.equal(before[0][name], before[1][name]) for name in means)
    for name in means:
        assert torch.equal(after[0][name], after[1][name])
        assert torch.equal(after[0][name].cpu(), kept[name])
        torch.testing.assert_close(kept[name], (before[0][name] + before[1][name]).cpu() / 2)


@needs_two
def test_a_wrong_config_costs_one_line_whatever_the_number_of_processes(
    tiny_data: Path, make_config: MakeConfig, run_process: Run
) -> None:
    config = make_config(tiny_data, "model['type'] = 'STABNN'")
    ended = run_process("tools/dist_train_recognizer.sh", config, 2)
    assert ended.code == 2
    assert re.search("type='STABNN' is no model known here", ended.error)


@needs_two
def test_an_error_of_one_process_ends_all_with_one_line(
    own_data: Path, tiny_checkpoint: Path, make_config: MakeConfig, run_process: Run, tmp_path: Path
) -> None:
    """The second process alone meets the broken frame, while the first waits for it."""
    (own_data / "frames/val/video 1/img_00003.jpg").write_bytes(b"no picture")
    out = tmp_path / "results/scores.pkl"
    command = ["tools/dist_test_recognizer.sh", make_config(own_data), tiny_checkpoint, 2]
    ended = run_process(*command, "--out", out)
    assert ended.code == 2
    assert re.search(r"frame '.*img_00003\.jpg' can't be decoded", ended.error)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("processes", ["0", "two", "-1", ""])
def test_a_wrong_number_of_processes(processes: str, tiny_config: Path, run_process: Run) -> None:
    ended = run_process("tools/dist_train_recognizer.sh", tiny_config, processes)
    assert ended.code == 2
    assert ended.error == f"GPUS is '{processes}': expected a whole number, 1 or more"


@pytest.mark.parametrize("script", ["dist_train_recognizer.sh", "dist_test_recognizer.sh"])
def test_missing_arguments(script: str, run_process: Run) -> None:
    ended = run_process(f"tools/{script}", "config.py")
    assert ended.code == 2
    assert ended.err.startswith(f"usage: tools/{script} CONFIG")


def test_no_launcher_joins_nothing() -> None:
    join_processes("none")
    assert not torch.distributed.is_initialized()


def test_slurm_without_scontrol_asks_for_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROCID", "NTASKS", "LOCALID", "NODELIST"):
        monkeypatch.setenv(f"SLURM_{name}", "0")
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")  # so that they are taken back after the test
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="scontrol can't tell the hosts of '0'.*MASTER_ADDR"):
        join_processes("slurm")


JOIN_AND_ADD = """
import torch
from mmaction.engine.distributed import join_processes, leave_processes

join_processes("mpi")
rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
device = "cuda" if torch.cuda.is_available() else "cpu"
summed = torch.tensor([10.0**rank], device=device)
torch.distributed.all_reduce(summed)
print(rank, world_size, int(summed))
leave_processes()
"""


@needs_two
def test_processes_of_mpirun_join(run_process: Run, free_port: int) -> None:
    place = dict(MASTER_PORT=str(free_port), OMPI_COMM_WORLD_SIZE="2")

    def join(rank: int) -> Any:
        own = dict(OMPI_COMM_WORLD_RANK=str(rank), OMPI_COMM_WORLD_LOCAL_RANK=str(rank))
        return run_process(sys.executable, "-c", JOIN_AND_ADD, **place, **own)

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(join, range(2)))
    assert [one.out for one in ended] == ["0 2 11\n", "1 2 11\n"]
    assert [one.code for one in ended] == [0, 0]


def test_mpi_without_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMPI_COMM_WORLD_RANK", raising=False)
    with pytest.raises(ConfigError, match="OMPI_COMM_WORLD_RANK is not set; start through mpirun"):
        join_processes("mpi")


@pytest.mark.parametrize(
    ("dist_cfg", "named"),
    [
        (dict(timeouts=3), "no key 'timeouts'; did you mean 'timeout'"),
        (dict(timeout=0), "timeout=0: expected a number of seconds"),
        (dict(timeout="long"), "timeout='long': expected"),
        (dict(backend="ncl"), "backend='ncl': expected 'nccl' or 'gloo'"),
    ],
)
def test_a_wrong_dist_cfg(dist_cfg: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        join_processes("pytorch", dist_cfg)


def test_sync_bn_needs_gpus_where_it_matters() -> None:
    require_sync_bn_possible("torch", distributed=False)  # one process has all clips anyway
    with pytest.raises(ConfigError, match="sync_bn='yes': expected 'torch', 'mmcv' or None"):
        require_sync_bn_possible("yes", distributed=False)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="sync_bn='torch' needs GPUs"):
            require_sync_bn_possible("torch", distributed=True)
