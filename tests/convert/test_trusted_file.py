from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmaction.convert.trusted_file import read_trusted
from mmaction.errors import CheckpointError

STATE = {"module.a": torch.arange(3.0), "module.b": nn.Parameter(torch.ones(2))}


def test_the_weights_come_back_and_nothing_else(tmp_path: Path) -> None:
    """Of what training scripts like to save along."""
    beside = {"args": Namespace(lr=0.1), "best": np.float64(0.5), "when": {1, 2}}
    torch.save({"state_dict": STATE, **beside}, tmp_path / "x.pth")
    got = read_trusted(tmp_path / "x.pth")
    assert got.keys() == {"a", "b"}
    assert {type(value) for value in got.values()} == {torch.Tensor}
    assert torch.equal(got["a"], STATE["module.a"])
    assert not got["b"].requires_grad


def test_nothing_of_the_file_stays_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network saved whole brings its module: the other process imports it, this one does not."""
    (tmp_path / "their_network.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Linear):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import their_network  # type: ignore[import-not-found]

    net = their_network.Net(2, 3)
    torch.save({"model_state_dict": net}, tmp_path / "x.pth")
    del sys.modules["their_network"]
    got = read_trusted(tmp_path / "x.pth")
    assert "their_network" not in sys.modules
    assert torch.equal(got["weight"], net.weight.detach())


def test_what_can_not_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.pth: no such file"):
        read_trusted(tmp_path / "x.pth")
    path = tmp_path / "x.pth"
    for data, expected in (
        (b"cno_such_package\nThing\n.", r"can't be unpickled \(.*no_such_package"),
        (b"cos\n_exit\n(I7\ntR.", r"can't be unpickled \(its code ended .* exit code 7\)"),
    ):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=expected) as caught:
            read_trusted(path)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match=r"x\.pth: holds no weights"):
        read_trusted(path)
