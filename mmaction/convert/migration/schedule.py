"""How a former config trains: optimizer, learning rate, length, checkpoints, logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.convert.migration.former import Changed, Former


def convert_schedule(former: Former) -> dict[str, Any]:
    """The new sections in the place of those that say how to train.

    Args:
        former: The whole former config.
    """
    epochs_key, epochs = "total_epochs", former.take("total_epochs")
    runner = former.section("runner")
    if epochs is None:
        runner.expect("type", "EpochBasedRunner")
        epochs_key, epochs = "runner.max_epochs", runner.take("max_epochs")
    if not isinstance(epochs, int):
        former.refuse("total_epochs", epochs, "expected a number of epochs")
    workflow = former.take("workflow", [])
    if any(phase != "train" for phase, _ in workflow):
        former.refuse("workflow", workflow, "validation goes by evaluation.interval")
    return dict(
        train_cfg=dict(type="ResumableTrainLoop", max_epochs=Changed(epochs, epochs_key)),
        val_cfg=dict(),
        test_cfg=dict(),
        evaluation=_evaluation(former.section("evaluation")),
        optim_wrapper=_optim_wrapper(former),
        param_scheduler=_param_scheduler(former.section("lr_config")),
        default_hooks=_hooks(former),
    )


def _evaluation(former: Former) -> dict[str, Any]:
    interval = former.take("interval", 1)
    former.drop("metrics", "save_best", "by_epoch", "topk", "gpu_collect", "rule")
    return dict(interval=interval)


def _optim_wrapper(former: Former) -> dict[str, Any]:
    optimizer = dict(former.section("optimizer").rest())
    new: dict[str, Any] = dict(type="TrainingOptimWrapper")
    paramwise, constructor = optimizer.pop("paramwise_cfg", None), optimizer.pop("constructor", "")
    if constructor == "TSMOptimizerConstructor":
        new["paramwise_cfg"] = Changed(_of_tsm(paramwise or {}), f"{constructor}, {paramwise}")
    elif constructor not in ("", "DefaultOptimizerConstructor"):
        former.refuse("optimizer.constructor", constructor, "there is TSMOptimizerConstructor")
    elif paramwise is not None:
        new["paramwise_cfg"] = Changed(paramwise, "optimizer.paramwise_cfg")
    new["optimizer"] = Changed(optimizer, "optimizer")
    config = former.section("optimizer_config")
    clip = config.take("grad_clip")
    if clip:
        new["clip_grad"] = Changed(dict(clip), "optimizer_config.grad_clip")
    fp16 = former.take("fp16")
    if fp16 is not None:
        new["type"] = Changed("TrainingAmpOptimWrapper", f"fp16={dict(fp16)}")
    return new


def _of_tsm(options: Mapping[str, Any]) -> dict[str, Any]:
    """No weight decay of norms and biases, rates of biases doubled; of the last layer times 5."""
    new: dict[str, Any] = dict(norm_decay_mult=0.0, bias_lr_mult=2.0, bias_decay_mult=0.0)
    if options.get("fc_lr5"):
        bias = dict(lr_mult=10.0, decay_mult=0.0)
        new["custom_keys"] = {"head.fc.weight": dict(lr_mult=5.0), "head.fc.bias": bias}
    return new


def _param_scheduler(former: Former) -> Changed:
    policy = former.take("policy", "fixed")
    schedulers = [*_warmup(former), *_policy(former, policy)]
    return Changed(schedulers, f"lr_config.policy={policy!r}")


def _warmup(former: Former) -> list[dict[str, Any]]:
    kind, length = former.take("warmup"), former.take("warmup_iters", 0)
    ratio, by_epoch = former.take("warmup_ratio", 0.1), former.take("warmup_by_epoch", False)
    if kind is None:
        return []
    # The former codes' rates rise with each step, also where the length is said in epochs.
    span = dict(end=length, by_epoch=by_epoch)
    if by_epoch:
        span["convert_to_iter_based"] = True
    if kind == "linear":
        return [dict(type="LinearLR", start_factor=ratio, **span)]
    if kind == "constant":
        return [dict(type="ConstantLR", factor=ratio, **span)]
    former.refuse("warmup", kind, "there are 'linear' and 'constant'")
    return []


def _policy(former: Former, policy: str) -> list[dict[str, Any]]:
    by_epoch = former.take("by_epoch", True)
    if policy == "step":
        step, gamma = former.take("step"), former.take("gamma", 0.1)
        if isinstance(step, int):
            return [dict(type="StepLR", step_size=step, gamma=gamma, by_epoch=by_epoch)]
        if not isinstance(step, Sequence):
            former.refuse("step", step, "expected epochs, or how many of them")
            return []
        milestones = list(step)
        return [dict(type="MultiStepLR", milestones=milestones, gamma=gamma, by_epoch=by_epoch)]
    if policy == "CosineAnnealing":
        ratio = former.take("min_lr_ratio")
        least = (
            dict(eta_min=former.take("min_lr", 0)) if ratio is None else dict(eta_min_ratio=ratio)
        )
        return [dict(type="CosineAnnealingLR", by_epoch=by_epoch, **least)]
    if policy != "fixed":
        former.refuse("policy", policy, "there are 'step', 'CosineAnnealing' and 'fixed'")
    return []


def _hooks(former: Former) -> dict[str, Any]:
    checkpoint, log = former.section("checkpoint_config"), former.section("log_config")
    hooks = dict(
        logger=dict(
            type="LoggerHook",
            interval=Changed(log.take("interval", 10), "log_config.interval"),
        ),
        checkpoint=dict(
            type="TrainingCheckpointHook",
            interval=Changed(checkpoint.take("interval", 1), "checkpoint_config.interval"),
            max_keep_ckpts=checkpoint.take("max_keep_ckpts", -1),
            save_best="perception/top1",
            rule="greater",
        ),
    )
    checkpoint.drop("by_epoch", "create_symlink", "save_optimizer")
    for hook in log.take("hooks", []):
        if hook.get("type") not in ("TextLoggerHook", "TensorboardLoggerHook"):
            log.refuse("hooks", hook, "there are TextLoggerHook and TensorboardLoggerHook")
    return hooks
