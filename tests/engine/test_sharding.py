"""Trainings whose weights are spread over two processes, against one process that has them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from mmaction.apis import load_config, train
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.sharded_tensors import is_part, whole
from mmaction.engine import Bf16OptimWrapper, FullyShardedModel
from mmaction.engine.sharding import require_sharding_possible
from mmaction.errors import ConfigError
from tests.engine.same_training import differing, entries

EPOCHS = 4
# Group norm, so that the clips of a batch don't depend on each other; a single number among the
# weights (the branch's scale); widths that two processes can't share evenly; gradients that are
# clipped, and added up over three steps, beyond the end of an epoch of two; a moving average.
TRAINING = f"""
norm = dict(type="GN", num_groups=1)
model["backbone"] |= dict(norm_cfg=norm, base_channels=5, with_cp=True)
model["attention_branch"] = dict(
    type="EvidenceBranch",
    norm_cfg=norm,
    stage=dict(type="PointwiseStage", in_channels=20, out_channels=7, norm_cfg=norm),
)
model["attention_mechanism"] = dict(norm_cfg=norm)
optim_wrapper |= dict(accumulative_counts=3, clip_grad=dict(max_norm=0.5))
custom_imports = dict(imports=["tests.engine.keep_sizes"])
custom_hooks = [dict(type="EMAHook", momentum=0.3), dict(type="KeepSizes")]
default_hooks["checkpoint"] = dict(max_keep_ckpts=-1)
evaluation = dict(interval={EPOCHS})
train_cfg["max_epochs"] = {EPOCHS}
"""
SHARDED = "model_wrapper_cfg = dict(type='FullyShardedModel')\n"
LAST = f"epoch_{EPOCHS}.pth"


@pytest.fixture(scope="module")
def runs(
    make_data: Callable[..., Path],
    write_config: Callable[..., Path],
    train_each: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Directories of finished trainings; the configs beside them are of the same names.

    After epochs 1 and 2 gradients wait for their step, after epoch 3 none do.
    """
    if 0 < torch.cuda.device_count() < 2:
        pytest.skip("two GPUs, or none")
    root = tmp_path_factory.mktemp("sharded")
    data = make_data(root / "data", train=8, val=3)

    def config(name: str, text: str, *, batch_size: int = 2, after: str = "") -> Path:
        text += f"train_dataloader['batch_size'] = {batch_size}\n"
        if after:
            text += f"resume_from = {str(root / after)!r}\n"
        return write_config(root / f"{name}.py", data, TRAINING + text, work_dir=root / name)

    one = config("one", "", batch_size=4)
    train(load_config(one))
    start = f"model['backbone']['pretrained'] = {str(root / 'one/epoch_1.pth')!r}\n"
    begun = config("begun", f"{SHARDED}{start}train_cfg['max_epochs'] = 1\n")
    again = root / "again.py"
    again.write_text(begun.read_text() + "resume_from = 'auto'\n")
    of_two = [
        config("sharded", SHARDED),
        config("resumed", SHARDED, after="sharded/epoch_1.pth"),
        config("after_one", SHARDED, after="one/epoch_3.pth"),
        config("ddp", "model_wrapper_cfg = dict(bucket_cap_mb=1)\n", after="sharded/epoch_1.pth"),
        config("after_ddp", SHARDED, after="ddp/epoch_2.pth"),
        begun,
        again,
    ]
    train_each(2, *of_two)
    train(load_config(config("one_after", "", batch_size=4, after="sharded/epoch_3.pth")))
    return root


def require_same(expected: Path, got: Path) -> None:
    """All that two checkpoints share is equal up to rounding, and named and shaped alike."""
    parts = ("/state_dict/", "/ema_state_dict/", "/optimizer/", "/message_hub/")
    a, b = (
        {
            name: value
            for name, value in entries(torch.load(path, weights_only=True))
            if name.startswith(parts) and "time" not in name and "data_share" not in name
        }
        for path in (expected, got)
    )
    assert a.keys() == b.keys()
    tensors = {name: value for name, value in a.items() if isinstance(value, Tensor)}
    assert len(tensors) > 100
    for name, value in tensors.items():
        torch.testing.assert_close(b[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_two_processes_with_parts_of_the_weights_train_as_one(runs: Path) -> None:
    """Weights, averages, momentum, losses and norms of gradients."""
    require_same(runs / "one" / LAST, runs / "sharded" / LAST)
    [best, best_sharded] = (next((runs / name).glob("best*")) for name in ("one", "sharded"))
    assert best.name == best_sharded.name
    expected, got = (read_checkpoint(path)["state_dict"] for path in (best, best_sharded))
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_each_process_keeps_a_part(runs: Path) -> None:
    """After step 5: momentum of the first update, and gradients that wait for the second."""
    of_first, of_second = (
        json.loads((runs / "sharded" / f"sizes_{rank}.json").read_text())[4] for rank in (0, 1)
    )
    [of_one] = [json.loads((runs / "one/sizes_0.json").read_text())[4]]
    assert set(of_one.values()) == {of_one["weights"]}
    for kind, whole_size in of_one.items():
        assert of_first[kind] + of_second[kind] == whole_size + 1, "both keep the single number"
        # Rows can't be cut: the first process has (n + 1) // 2 of n.
        assert 0.5 * whole_size < of_first[kind] < 0.6 * whole_size


def test_a_resumed_run_ends_as_an_unbroken_one(runs: Path) -> None:
    """Bit for bit, from an epoch's end at which gradients were waiting."""
    waiting = read_checkpoint(runs / "sharded/epoch_1.pth")["processes"][1]["gradients"]
    shapes = {k: v.shape for k, v in read_checkpoint(runs / "one" / LAST)["state_dict"].items()}
    assert {name: gradient.shape for name, gradient in waiting.items()} == shapes
    assert differing(runs / "sharded" / LAST, runs / "resumed" / LAST) == []


def test_a_run_that_is_found_asks_for_no_pretrained_weights(runs: Path) -> None:
    told = "model.backbone.pretrained is not loaded"
    assert told not in (runs / "begun.log").read_text()
    assert told in (runs / "again.log").read_text()


@pytest.mark.parametrize("name", ["after_one", "one_after", "ddp", "after_ddp"])
def test_checkpoints_are_exchanged(name: str, runs: Path) -> None:
    """With one process and with DDP, both ways; with DDP, waiting gradients, too."""
    require_same(runs / "one" / LAST, runs / name / LAST)


class ResidualBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 2, 1)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.conv(x))


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(ResidualBlock(), ResidualBlock(), nn.Flatten(), nn.Linear(6, 1))


def with_backbone(*units: str) -> nn.Module:
    class Backbone(nn.Sequential):
        shard_units = units

    torch.manual_seed(0)
    network = nn.Module()
    network.backbone = Backbone(ResidualBlock(), nn.Linear(3, 3), nn.Linear(3, 1))
    return network


@pytest.mark.parametrize(
    ("units", "expected"),
    [(("Linear",), {"backbone.1", "backbone.2"}), (("Module",), None)],
)
def test_the_backbone_says_what_is_gathered_together(
    lone_group: None, units: tuple[str, ...], expected: set[str] | None
) -> None:
    """By class or base class; ``None``: every module."""
    model = FullyShardedModel(with_backbone(*units)).module
    inner = {name: each for name, each in model.named_modules() if name}
    sharded = {name for name, each in inner.items() if isinstance(each, FSDPModule)}
    assert sharded == (set(inner) if expected is None else expected)


def test_evaluation_runs_on_whole_weights(lone_group: None) -> None:
    model = FullyShardedModel(small_network())
    x = torch.randn(4, 2, 3)
    plain = small_network().eval()(x)
    assert all(is_part(p) for p in model.parameters())
    for _ in range(2):
        torch.testing.assert_close(model.eval()(x), plain)
        assert not any(is_part(p) for p in model.parameters()), "gathered until train()"
    with torch.no_grad():
        for parameter in model.train().parameters():
            assert is_part(parameter)
            parameter.zero_()
    assert model.eval()(x).eq(0).all()


def test_a_step_under_autocast_however_long_weights_stay_gathered(lone_group: None) -> None:
    x, after = torch.randn(4, 2, 3), []
    for options in (dict(), dict(reshard_after_forward=False)):
        model = FullyShardedModel(small_network(), **options)
        wrapper = Bf16OptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
        with wrapper.optim_context(model):
            loss = model(x).float().pow(2).sum()
        wrapper.update_params(loss)
        after.append({name: whole(p.detach()) for name, p in model.named_parameters()})
    for other in after[1:]:
        for name, value in after[0].items():
            assert other[name].dtype == torch.float32
            torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_loss_scaler_finds_infinite_gradients(lone_group: None) -> None:
    model = FullyShardedModel(small_network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [whole(p.detach()).clone() for p in model.parameters()]
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for scale, changes in ((float("inf"), False), (1.0, True)):
        optimizer.zero_grad()
        scaler.scale(model(torch.randn(4, 2, 3)).sum() * scale).backward()
        scaler.step(optimizer)
        scaler.update()
        same = [
            torch.equal(whole(p.detach()), b)
            for p, b in zip(model.parameters(), before, strict=True)
        ]
        assert all(same) is not changes
    assert scaler.get_scale() == 2.0


def test_what_can_not_be(lone_group: None, tiny_config: Path) -> None:
    with pytest.raises(ConfigError, match="sync_bn='torch' can't go together.*leave one"):
        require_sharding_possible("torch")
    with pytest.raises(ConfigError, match="'Backbone': its shard_units names 'Blok', and the"):
        FullyShardedModel(with_backbone("ResidualBlock", "Blok"))
    for name in ("MMFullyShardedDataParallel", "FulySharded"):
        cfg = load_config(tiny_config, {"model_wrapper_cfg.type": name})
        with pytest.raises(ConfigError, match=f"type='{name}': expected 'FullyShardedModel' or"):
            train(cfg)


def test_a_torch_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.fsdp.fully_shard", lambda module: None)
    with pytest.raises(ConfigError, match="needs torch 2.7 or later, this is 2"):
        require_sharding_possible(None)
