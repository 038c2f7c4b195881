"""Two machines made of network namespaces, with a cable between them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.evaluation import ScoreTable
from tests.engine.conftest import NO_VALIDATION, Started

Run = Callable[..., Any]
ADDRESSES = ("10.213.77.1", "10.213.77.2")
LINK = "cable"  # its name on both machines
TIMEOUT_SEC = 10


def ip(*command: str) -> None:
    done = subprocess.run(["ip", *command], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr)


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
    """Names of two namespaces that reach each other and nothing else."""
    if torch.cuda.is_available():
        pytest.skip("the made machines would share the GPUs")
    if shutil.which("ip") is None:
        pytest.skip("no ip command")
    names = tuple(f"mm{n}-{os.getpid()}" for n in range(2))
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", LINK, "type", "veth", "peer", LINK, "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", LINK)
            ip("-n", name, "link", "set", LINK, "up")
        yield names
    except OSError as e:
        pytest.skip(f"no network namespaces here: {e}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def start(started: Started, machine: str, rank: int, *command: Any, **more: str) -> Popen:
    own = dict(
        NNODES="2",
        NODE_RANK=str(rank),
        MASTER_ADDR=ADDRESSES[0],
        PORT="29517",
        GLOO_SOCKET_IFNAME=LINK,
    )
    return started.start("ip", "netns", "exec", machine, *command, **own, **more)


def test_two_machines_score_as_one_process(
    machines: tuple[str, str],
    started: Started,
    tiny_config: Path,
    tiny_checkpoint: Path,
    run_tool: Run,
    tmp_path: Path,
) -> None:
    one, many = tmp_path / "one.pkl", tmp_path / "many.pkl"
    assert run_tool("test_recognizer", tiny_config, tiny_checkpoint, "--out", one).code == 0
    command = ["tools/dist_test_recognizer.sh", tiny_config, tiny_checkpoint, 1, "--out", many]
    both = [start(started, machine, n, *command) for n, machine in enumerate(machines)]
    assert [process.wait(timeout=120) for process in both] == [0, 0], started.errors(1)
    expected, got = ScoreTable.load(one), ScoreTable.load(many)
    assert got.names == expected.names
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)


@pytest.mark.slow
def test_a_cut_cable_ends_the_run_on_both_machines(
    machines: tuple[str, str],
    started: Started,
    make_config: Callable[..., Path],
    tiny_data: Path,
) -> None:
    config = make_config(
        tiny_data,
        "train_cfg['max_epochs'] = 100_000\n"
        "default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=100_000)\n"
        f"{NO_VALIDATION}"
        f"env_cfg = dict(dist_cfg=dict(timeout={TIMEOUT_SEC}))\n",
    )
    command = ["tools/dist_train_recognizer.sh", config, 1]
    both = [start(started, machine, n, *command) for n, machine in enumerate(machines)]
    started.wait_for(lambda: "Epoch(train)" in started.printed(0))
    ip("-n", machines[0], "link", "set", LINK, "down")
    # They end by themselves.
    assert [process.wait(timeout=TIMEOUT_SEC + 30) for process in both] == [1, 1]
    errors = [started.errors(n) for n in range(2)]
    for error in errors:
        assert error.startswith("error: another process has ended, or is too late: "), error
        assert len(error.splitlines()) == 1, error


@pytest.mark.slow
def test_a_machine_that_never_comes_ends_the_start(
    machines: tuple[str, str], started: Started, tiny_config: Path
) -> None:
    command = ["tools/dist_train_recognizer.sh", tiny_config, 1]
    options = dict(TORCHRUN_OPTIONS="--rdzv-conf=timeout=2")
    assert start(started, machines[0], 0, *command, **options).wait(timeout=60) == 2
    [line] = started.errors(0).splitlines()
    assert line.startswith("error: the machines have not met: ")
    assert "1/2 clients joined" in line
