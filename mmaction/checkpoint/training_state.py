"""All that a training is made of, as one dict of plain data: what a checkpoint holds.

``state_dict``, ``optimizer``, ``param_schedulers``, ``message_hub`` and ``meta`` are where mmengine
keeps them. ``processes`` is this project's: for each process what it does not share with the
others, its sources of chance, its running statistics since they were last averaged, and gradients
that an optimizer's step is still to use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import mmengine
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.rng_state import random_state
from mmaction.checkpoint.sharded_tensors import parts_in, whole
from mmaction.checkpoint.writing import copied
from mmaction.engine.sharding import FullyShardedModel
from mmaction.version import __version__

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

_EMA = "module."  # before the names of the weights in EMAHook's state


def bare_model(model: nn.Module) -> nn.Module:
    """The network inside of what spreads it over processes."""
    inner = model.module if is_model_wrapper(model) else model
    assert isinstance(inner, nn.Module)
    return inner


def collect(
    runner: ActionRunner, meta: Mapping[str, Any], *, resumable: bool = True
) -> dict[str, Any]:
    """A copy of the training's state on the CPU; all processes call it, the first one gets it.

    Args:
        runner: Of the training.
        meta: ``epoch`` and ``iter`` as a resumed run shall have them, and what else it needs.
        resumable: With all that training goes on from; otherwise the weights alone, and no process
            needs the others unless the weights are sharded.

    Returns:
        The checkpoint's content; empty in other processes than the first.
    """
    sharded = isinstance(runner.model, FullyShardedModel)
    if not (resumable or sharded or is_main_process()):
        return {}
    model = bare_model(runner.model)
    content: dict[str, Any] = {
        "meta": _meta(runner, meta),
        "state_dict": dict(model.state_dict()),
        "message_hub": runner.message_hub.state_dict(),
    }
    if resumable:
        content["optimizer"] = runner.optim_wrapper.state_dict()
        content["param_schedulers"] = _schedules(runner.param_schedulers)
    runner.call_hook("before_save_checkpoint", checkpoint=content)
    if resumable:
        own = copied(_own_state(runner, content))
        content["processes"] = all_gather_object(own)
    if is_main_process():
        return copied(content)
    for part in parts_in(content):
        whole(part.detach())
    return {}


def own_state(checkpoint: dict[str, Any]) -> Mapping[str, Any] | None:
    """What ``checkpoint`` keeps for this process, its running statistics put in place there.

    Call it before hooks read the checkpoint.

    Returns:
        None where the checkpoint was made by another number of processes, or by mmengine alone.
    """
    processes = checkpoint.get("processes") or ()
    if len(processes) != get_world_size():
        return None
    own = processes[get_rank()]
    for key, buffers in own["buffers"].items():
        checkpoint[key] |= buffers
    return own


def optim_wrappers(optim_wrapper: Any) -> list[OptimWrapper]:
    """The wrappers that ``optim_wrapper`` is or holds."""
    if isinstance(optim_wrapper, OptimWrapper):
        return [optim_wrapper]
    return list(optim_wrapper.optim_wrappers.values())


def gradients_pending(optim_wrapper: Any) -> bool:
    """Whether gradients are being added up that no step of the optimizer has used yet."""
    return not all(wrapper.should_update() for wrapper in optim_wrappers(optim_wrapper))


def _own_state(runner: ActionRunner, content: Mapping[str, Any]) -> dict[str, Any]:
    model = bare_model(runner.model)
    buffers: dict[str, dict[str, Tensor]] = {}
    if get_world_size() > 1:
        names = [name for name, _ in model.named_buffers()]
        # After the hooks, as the content stands: EMAHook puts its weights in the network's place.
        for key, prefix in (("state_dict", ""), ("ema_state_dict", _EMA)):
            kept = content.get(key, {})
            buffers[key] = {
                prefix + name: kept[prefix + name] for name in names if prefix + name in kept
            }
    gradients = {}
    if gradients_pending(runner.optim_wrapper):
        gradients = dict(_gradients(model))
    return {"random": random_state(), "buffers": buffers, "gradients": gradients}


def _gradients(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            yield name, parameter.grad


def _schedules(schedules: Any) -> Any:
    if isinstance(schedules, dict):
        return {name: _schedules(each) for name, each in schedules.items()}
    return [schedule.state_dict() for schedule in schedules or ()]


def _meta(runner: ActionRunner, given: Mapping[str, Any]) -> dict[str, Any]:
    meta = {
        **given,
        "cfg": runner.config_text,
        "seed": runner.seed,
        "experiment_name": runner.experiment_name,
        "time": time.strftime("%Y%m%d_%H%M%S", time.localtime()),
        "mmengine_version": mmengine.__version__,
        "mmaction_version": __version__,
    }
    dataset = runner.train_dataloader.dataset
    if hasattr(dataset, "metainfo"):
        meta["dataset_meta"] = dataset.metainfo
    return meta
