"""Testing a checkpoint: scores, accuracies, attention maps."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process

from mmaction.apis.config import check_clip_len, drop_validation
from mmaction.apis.recognizer import check_weights
from mmaction.datasets import ClipDataset, check_columns, check_present
from mmaction.datasets.splits import annotation_files
from mmaction.engine import ActionRunner, join_processes
from mmaction.environment import tolerate_broken_torchvision
from mmaction.errors import CheckpointError, ConfigError, UserError
from mmaction.evaluation import (
    AccuracyMetric,
    ScoreTable,
    accuracies,
    resolve_accuracies,
    with_accuracies,
)
from mmaction.files import atomic_path, require_writable, sha256_of
from mmaction.readable_errors import (
    readable_build_errors,
    readable_loader_errors,
    require_known_functions,
)
from mmaction.registry import DATASETS

# They change how fast the scores come, not what they are.
_SPEED_KEYS = ("batch_size", "num_workers", "persistent_workers", "pin_memory", "prefetch_factor")


@dataclass(frozen=True)
class TestOutcome:
    """What a test found.

    Attributes:
        table: Every video's scores, in the order of the annotation. Of several processes the first
            one alone has it; in the others it is None.
        metrics: ``{'perception/top1': …}`` in [0, 1], none of them without labels, and what the
            config's own metrics give; in all processes.
        from_cache: Whether the scores were read from ``out``.
    """

    __test__ = False  # not a test case, whatever its name

    table: ScoreTable | None
    metrics: dict[str, float]
    from_cache: bool


def test(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    out_format: str = "table",
    ignore_cache: bool = False,
    metrics: Sequence[str] = ("top1", "top5", "mean_class"),
    explanations: str | os.PathLike[str] | None = None,
) -> TestOutcome:
    """Scores the config's test set.

    Args:
        cfg: From ``load_config``.
        checkpoint: Weights of the config's network.
        out: Where to keep the scores, a ``.pkl``; its accuracies go to ``.metrics.json`` beside it.
            Where it is there and was made from the same config, checkpoint and annotation, it is
            used, unless the config's ``test_evaluator`` has metrics of its own to compute.
        out_format: ``'table'``: a ``ScoreTable``; ``'list'``: a pickled list of float32 arrays, K
            logits a video in the order of the annotation, as MMAction 0.x wrote it, which is
            computed anew each time.
        ignore_cache: Compute anew whatever ``out`` holds.
        metrics: Which accuracies; see ``resolve_accuracies``.
        explanations: Directory for every video's attention maps; they need the network to run, so
            the cache is not used.

    Raises:
        UserError: For a checkpoint, config or data that can't be used.
    """
    metrics = resolve_accuracies(metrics)
    if not cfg.get("test_dataloader"):
        raise ConfigError("the config has no test_dataloader to test on")
    if not Path(checkpoint).is_file():
        raise CheckpointError(f"checkpoint {checkpoint}: no such file")
    join_processes(cfg.get("launcher", "none"), cfg.get("env_cfg", {}).get("dist_cfg"))
    if out_format == "list":
        cfg.model.average_views, ignore_cache = "score", True
    made_from = fingerprints(cfg, checkpoint)
    outcome = None
    if out is not None and explanations is None and not ignore_cache and not _own_metrics(cfg):
        outcome = _cached_for_all(Path(out), made_from, metrics)
    if outcome is None:
        outcome = _run(cfg, checkpoint, explanations, metrics, made_from)
    if out is not None and outcome.table is not None:
        if not outcome.from_cache:
            save = outcome.table.save if out_format == "table" else outcome.table.save_list
            save(out)
        with atomic_path(Path(out).with_suffix(".metrics.json")) as path:
            # Metrics of others may give numbers of numpy and torch.
            said = json.dumps(outcome.metrics, indent=2, default=lambda value: value.tolist())
            path.write_text(said + "\n")
    return outcome


def fingerprints(cfg: Config, checkpoint: str | os.PathLike[str]) -> dict[str, str]:
    """SHA-256 of all that test scores follow from: config, checkpoint, annotation files."""
    loader = {k: v for k, v in cfg.test_dataloader.to_dict().items() if k not in _SPEED_KEYS}
    how = dict(cfg.get("test_cfg") or {})
    settings = json.dumps([cfg.model.to_dict(), loader, how], sort_keys=True, default=str)
    files = annotation_files(cfg.test_dataloader.dataset)
    return {
        "config": hashlib.sha256(settings.encode()).hexdigest(),
        "checkpoint": sha256_of(checkpoint),
        "annotations": " ".join(sha256_of(f) for f in files if Path(f).is_file()),
    }


def _own_metrics(cfg: Config) -> bool:
    """Whether the config has metrics beside the accuracies: they need the network's answers."""
    evaluator = with_accuracies(cfg.get("test_evaluator"))
    return len(evaluator["metrics"] if isinstance(evaluator, dict) else evaluator) > 1


def _cached_for_all(
    out: Path, made_from: dict[str, str], metrics: Sequence[str]
) -> TestOutcome | None:
    """The main process looks and tells the others, so that all go the same way."""
    table = None
    found: list[dict[str, float] | None] = [None]
    if is_main_process() and out.is_file():
        try:
            table = ScoreTable.load(out)
        except UserError as e:
            raise UserError(f"--out {e}; name another file, or --ignore-cache to replace it") from e
        if table.made_from == made_from:
            found = [accuracies(table, metrics)]
    broadcast_object_list(found)
    if found[0] is None:
        return None
    return TestOutcome(table=table, metrics=found[0], from_cache=True)


def _run(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    explanations: str | os.PathLike[str] | None,
    metrics: Sequence[str],
    made_from: dict[str, str],
) -> TestOutcome:
    tolerate_broken_torchvision()
    check_weights(cfg, checkpoint, strict=True)
    require_writable(cfg.work_dir, name="work_dir")
    cfg = copy.deepcopy(cfg)
    for key in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        cfg[key] = None
    drop_validation(cfg)
    cfg.load_from, cfg.resume = os.fspath(checkpoint), False
    cfg.test_cfg = cfg.get("test_cfg") or {}
    cfg.test_evaluator = with_accuracies(cfg.get("test_evaluator"), metrics)
    if explanations is not None:
        hook = dict(type="ExplanationHook", out_dir=os.fspath(explanations))
        cfg.custom_hooks = [*(cfg.get("custom_hooks") or ()), hook]
    with readable_build_errors(), readable_loader_errors():
        require_known_functions(cfg)
        check_clip_len(cfg, ("test",))
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        if isinstance(dataset, ClipDataset):
            check_present(dataset.annotations, dataset.sources)
            check_columns(dataset.annotations, dataset.sources)
        runner = ActionRunner.from_cfg(cfg)
        found = runner.test()
    metric = runner.test_loop.evaluator.metrics[0]
    assert isinstance(metric, AccuracyMetric)
    table = None if metric.table is None else replace(metric.table, made_from=made_from)
    return TestOutcome(table=table, metrics=found, from_cache=False)
