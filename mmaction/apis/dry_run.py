"""What a config would train, told without training: nothing is written and no tensor allocated."""

from __future__ import annotations

import copy
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from mmaction.apis.complexity import clip_shape
from mmaction.apis.train import check_data
from mmaction.datasets.splits import dataset_configs
from mmaction.environment import tolerate_broken_torchvision
from mmaction.readable_errors import readable_build_errors, require_known_functions
from mmaction.registry import DATASETS, MODELS, OPTIMIZERS

_MIB = 2**20


def dry_run(cfg: Config, *, processes: int = 1) -> str:
    """Checks the data and says what ``cfg`` would train.

    Args:
        cfg: From ``load_config``.
        processes: How many would train.

    Returns:
        The config as resolved; then data, parameters, batch, schedule and memory of a step.

    Raises:
        UserError: What a training would end with before its first step.
    """
    tolerate_broken_torchvision()
    with readable_build_errors():
        require_known_functions(cfg)
        check_data(cfg)
        counts = {split: len(DATASETS.build(dataset)) for split, dataset in dataset_configs(cfg)}
        settings = copy.deepcopy(cfg.model)
        # What it saves can't be seen from outside: told as if it were off.
        checkpointing = settings.backbone.pop("with_cp", False)
        with torch.device("meta"):
            model = MODELS.build(settings)
        parameters = sum(p.numel() for p in model.parameters())
        lines = [f"{split} data: {count} videos" for split, count in counts.items()]
        lines += [f"parameters: {parameters:,}", *_schedule(cfg, counts["train"], processes)]
        lines.append(_memory(cfg, model) + (", less by with_cp" if checkpointing else ""))
    return "\n".join([cfg.pretty_text, "What will be trained", *lines])


def activation_bytes(model: nn.Module, clips: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, its loss included, for the backward pass.

    Args:
        model: A recognizer in training mode, which may be on ``meta``.
        clips: float, B×3×T×H×W, on its device.
    """
    own = {p.untyped_storage()._cdata for p in (*model.parameters(), *model.buffers())}
    # Held, so that no storage takes another's address; what is saved twice counts once.
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    labels = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    with saved_tensors_hooks(note, lambda tensor: tensor):
        model(clips, labels, mode="loss")
    return sum(storage.nbytes() for storage in kept.values())


def optimizer_bytes(model: nn.Module, cfg: dict[str, Any]) -> int:
    """Bytes of an optimizer's state after a step on ``model``, which is on ``meta``."""
    optimizer = OPTIMIZERS.build(dict(cfg, params=list(model.parameters())))
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)
    optimizer.step()
    state = [value for values in optimizer.state.values() for value in values.values()]
    return sum(_bytes(value) for value in state if isinstance(value, Tensor))


def _schedule(cfg: Config, videos: int, processes: int) -> list[str]:
    batch = cfg.train_dataloader.batch_size
    together = batch * processes
    lr = cfg.optim_wrapper.optimizer.get("lr")
    length = {k: v for k, v in cfg.train_cfg.items() if k in ("max_epochs", "max_iters")}
    return [
        f"batch: {together} clips a step ({processes} process(es) × {batch}),"
        f" {-(-videos // together)} steps an epoch",
        f"length: {', '.join(f'{k}={v}' for k, v in length.items())};"
        f" validation: {f'every {cfg.train_cfg.val_interval}' if _validates(cfg) else 'none'}",
        f"optimizer: {cfg.optim_wrapper.optimizer.type}, lr {lr:g}",
        *(f"schedule: {dict(scheduler)}" for scheduler in cfg.get("param_scheduler") or ()),
    ]


def _validates(cfg: Config) -> bool:
    return bool(cfg.get("val_dataloader") and "val_interval" in cfg.train_cfg)


def _memory(cfg: Config, model: nn.Module) -> str:
    # Two clips, since norms of one value a channel refuse one; activations grow with the batch.
    clips = torch.empty(2, 3, *clip_shape(cfg), device="meta")
    activations = activation_bytes(model.train(), clips) // 2 * cfg.train_dataloader.batch_size
    weights = sum(_bytes(t) for t in (*model.parameters(), *model.buffers()))
    gradients = sum(_bytes(p) for p in model.parameters() if p.requires_grad)
    state = optimizer_bytes(model, cfg.optim_wrapper.optimizer)
    parts = dict(activations=activations, weights=weights, gradients=gradients, optimizer=state)
    told = ", ".join(f"{name} {size / _MIB:.1f}" for name, size in parts.items())
    return (
        f"memory of a step, a process: {sum(parts.values()) / _MIB:.1f} MiB in float32,"
        f" beside workspaces ({told})"
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
