"""All that a training is made of, as one dict of plain data: what a checkpoint holds.

``state_dict``, ``optimizer``, ``param_schedulers``, ``message_hub`` and ``meta`` are where mmengine
keeps them. ``processes`` is this project's: for each process what it does not share with the
others, its rng state, its running statistics since they were last averaged, and gradients
that an optimizer's step is still to use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.rng_state import rng_state
from mmaction.checkpoint.sharded_tensors import is_part
from mmaction.checkpoint.writing import copied

_EMA = "module."  # before the names of the weights in EMAHook's state


def collect(
    model: nn.Module,
    optim_wrapper: Any,
    schedules: Any,
    *,
    message_hub: MessageHub,
    meta: Mapping[str, Any],
    before_save: Callable[[dict[str, Any]], None],
    resumable: bool = True,
) -> dict[str, Any]:
    """A copy of the training's state on the CPU; all processes call it, the first one gets it.

    Args:
        model: The network itself, without what spreads it over processes.
        optim_wrapper: mmengine's, of one optimizer or of several.
        schedules: Of the optimizers' settings.
        message_hub: Log values and what hooks keep.
        meta: ``epoch`` and ``iter`` as a resumed run shall have them, and what else the file says
            of itself.
        before_save: Called with the content, which it may change, before it is copied.
        resumable: With all that training goes on from; otherwise the weights alone, and no process
            needs the others unless the weights are sharded.

    Returns:
        The checkpoint's content; empty in other processes than the first.
    """
    sharded = any(is_part(parameter) for parameter in model.parameters())
    if not (resumable or sharded or is_main_process()):
        return {}
    content: dict[str, Any] = {
        "meta": dict(meta),
        "state_dict": dict(model.state_dict()),
        "message_hub": message_hub.state_dict(),
    }
    if resumable:
        content["optimizer"] = optim_wrapper.state_dict()
        content["param_schedulers"] = schedule_states(schedules)
    before_save(content)
    make_plain(content)
    if resumable:
        own = copied(_own_state(model, optim_wrapper, content))
        content["processes"] = all_gather_object(own)
    kept = copied(content) if sharded or is_main_process() else {}
    return kept if is_main_process() else {}


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


def _own_state(model: nn.Module, optim_wrapper: Any, content: Mapping[str, Any]) -> dict[str, Any]:
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
    if gradients_pending(optim_wrapper):
        parameters = model.named_parameters()
        gradients = {name: each.grad for name, each in parameters if each.grad is not None}
    return {"random": rng_state(), "buffers": buffers, "gradients": gradients}


def schedule_states(schedules: Any) -> Any:
    """States of schedules, by name where they are of several optimizers.

    Without functions, such as one-cycle's for annealing: the schedule keeps its own.
    """
    if isinstance(schedules, dict):
        return {name: schedule_states(each) for name, each in schedules.items()}
    states = [schedule.state_dict() for schedule in schedules or ()]
    return [{k: v for k, v in state.items() if not callable(v)} for state in states]


def make_plain(checkpoint: dict[str, Any]) -> None:
    """Leaves nothing in a checkpoint's content that ``copied`` can't make plain data, in place.

    mmengine's message hub pickles its buffers with their methods; here they travel as arrays.
    """
    hub = checkpoint.get("message_hub")
    if hub is None:
        return
    scalars = {
        name: dict(history=buffer.data[0], counts=buffer.data[1], max_length=buffer.max_length)
        for name, buffer in hub["log_scalars"].items()
    }
    checkpoint["message_hub"] = {**hub, "log_scalars": scalars}


def restore_histories(checkpoint: dict[str, Any]) -> None:
    """Makes mmengine's buffers of what ``make_plain`` has left of them, in place."""
    hub = checkpoint.get("message_hub")
    if hub is None:
        return
    buffers = {}
    for name, kept in hub["log_scalars"].items():
        buffers[name] = HistoryBuffer(
            kept["history"].tolist(), kept["counts"].tolist(), kept["max_length"]
        )
    checkpoint["message_hub"] = {**hub, "log_scalars": buffers}
