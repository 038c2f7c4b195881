"""Every config is built as it is, and run for a step of training and one of testing on made data.

What makes it large is made small; what is peculiar to it (sampling, label maps, schedules, hooks,
depth of the network) stays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmaction import apis
from mmaction.datasets.class_names import LABEL_MAPS
from mmaction.datasets.splits import dataset_configs
from mmaction.evaluation import ScoreTable
from mmaction.registry import MODELS
from tests.conftest import write_videos

ROOT = Path(__file__).resolve().parents[1] / "config_files"
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob("*/*.py")
    if path.parent.name not in ("_base_", "mine")  # the latter's classes are the user's
)
# One of each kind; the others differ from them in lists, names and schedules, and run by --slow.
QUICK = (
    "kinetics400/st_abn_32_2_30_views.py",
    "motion_shapes/resnet3d_tiny.py",
    "sthv1/st_abn_32_authors.py",
    "sthv2/st_abn_32.py",
    "tpn/sthv2_tsm_tpn.py",
    "ut_interaction/st_abn_lite0.py",
    "weizmann4/st_abn_evidence.py",
)
SIZE = 32


def test_there_are_the_configs_that_are_promised() -> None:
    promised = {"kinetics400/st_abn_32_2.py", "kinetics400/resnet3d_r50.py"}
    for data_set in ("sthv1", "sthv2"):
        for name in ("st_abn_32", "st_abn_32_2", "resnet3d_r50"):
            promised.add(f"{data_set}/{name}.py")
    promised |= {
        f"motion_shapes/{name}.py"
        for name in ("st_abn_tiny_evidence", "st_abn_tiny", "resnet3d_tiny")
    }
    promised |= {f"motion_shapes/st_abn_tiny_evidence_moving{also}.py" for also in ("", "_busy")}
    promised |= {"weizmann4/st_abn.py", "kinetics400/st_abn_32_2_30_views.py"}
    promised |= {f"{data_set}/st_abn_32_authors.py" for data_set in ("sthv1", "sthv2")}
    shapes = ("f8s8", "f16s4", "f32s2")
    promised |= {
        f"tpn/kinetics400_r{depth}{s}{without}.py"
        for depth in (50, 101)
        for s in shapes
        for without in ("", "_baseline")
    }
    promised |= {f"tpn/sthv{v}_tsm{neck}.py" for v in (1, 2) for neck in ("", "_tpn")}
    assert promised <= set(CONFIGS)


def small(cfg: Config, root: Path) -> list[str]:
    """Options that make a run small: pictures, channels, two videos a split, an epoch of a step.

    With the examples of ``--help`` and of questions: another clip length, no workers.
    """
    options = {
        "model.clip_len": 16 if "neck" not in cfg.model else cfg.model.clip_len,
        "model.backbone.pretrained": None,
        "train_cfg.max_epochs": 1,
        "evaluation.interval": 1,
        "default_hooks.checkpoint.interval": 1,
    }
    if cfg.model.backbone.type == "ResNet3D":
        channels = min(cfg.model.backbone.get("base_channels", 64), 8)
        options["model.backbone.base_channels"] = channels
    for number, scheduler in enumerate(cfg.param_scheduler):
        if scheduler.get("end") or scheduler.get("begin"):  # a warm-up, and what follows it
            once = dict(begin=0, end=1, by_epoch=False, convert_to_iter_based=False)
            options |= {f"param_scheduler.{number}.{key}": value for key, value in once.items()}
        if "total_steps" in scheduler:
            # One-cycle needs a step to rise and one to fall.
            once = dict(total_steps=4, convert_to_iter_based=False, by_epoch=False)
            options |= {f"param_scheduler.{number}.{key}": value for key, value in once.items()}
    for split, dataset in dataset_configs(cfg):
        loader = dict(num_workers=0, batch_size=2, pin_memory=False)
        lists = dict(ann_file=f"{root}/{'train' if split == 'train' else 'val'}.txt")
        lists |= dict(data_root=root, classes=root / "classes.txt", type="RawframeDataset")
        lists |= {key: None for key in ("include", "exclude") if key in dataset}
        for number, step in enumerate(dataset.pipeline):
            lists |= {f"pipeline.{number}.{k}": SIZE for k in ("size", "short_side") if k in step}
        options |= {f"{split}_dataloader.{key}": value for key, value in loader.items()}
        options |= {f"{split}_dataloader.dataset.{key}": value for key, value in lists.items()}
    return [f"{key}={value}" for key, value in options.items()]


def made_data(root: Path, cfg: Config) -> Path:
    """Two videos a split, named as the config's template says, labels up to its last class."""
    image_tmpl = cfg.train_dataloader.dataset.get("image_tmpl") or "img_{:05d}.jpg"
    classes = cfg.model.num_classes
    for split in ("train", "val"):
        names = [f"{split}/video {n}" for n in range(2)]
        write_videos(root, names, image_tmpl=image_tmpl)
        labels = (0, classes - 1)
        lines = [f"{name} 6 {label}\n" for name, label in zip(names, labels, strict=True)]
        (root / f"{split}.txt").write_text("".join(lines))
    flips = [step for step in cfg.train_dataloader.dataset.pipeline if step.type == "Flip"]
    label_map = flips[0].get("label_map") if flips else None
    swapped = LABEL_MAPS.get(label_map, {}) if isinstance(label_map, str) else {}
    class_names = [name for pair in swapped.items() for name in pair]
    class_names += [f"class {n}" for n in range(classes - len(class_names))]
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in class_names))
    return root


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CONFIGS],
)
def test_a_step_of_training_and_of_testing(
    name: str, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    """As typed."""
    cfg = apis.load_config(ROOT / name)
    work_dir, scores = tmp_path / "work", tmp_path / "scores.pkl"
    options = small(cfg, made_data(tmp_path / "data", cfg))
    given = [ROOT / name, "--work-dir", work_dir, "--cfg-options", *options]
    # Loggers go by the experiment's name and the second.
    ended = run_tool("train_recognizer", *given, f"experiment_name={tmp_path.name}_train")
    assert ended.code == 0, ended.err
    test = [*given, f"experiment_name={tmp_path.name}_test"]
    test.insert(1, work_dir / "epoch_1.pth")
    ended = run_tool("test_recognizer", *test, "--out", scores)
    assert ended.code == 0, ended.err
    table = ScoreTable.load(scores)
    assert table.names == ["val/video 0", "val/video 1"]
    assert table.scores.shape == (2, cfg.model.num_classes)
    assert table.scores.sum(axis=1) == pytest.approx(1, abs=1e-4), "probabilities"
    assert (table.attention_scores is not None) == (cfg.model.type == "STABN")


@pytest.mark.parametrize("name", CONFIGS)
def test_networks_and_clips_are_as_the_config_says(name: str) -> None:
    """At its full width, but for the weights; a mirror image swaps labels that tell the sides."""
    cfg = apis.load_config(ROOT / name)
    cfg.model.backbone.pretrained = None
    with torch.device("meta"):  # no memory, no random numbers
        model = MODELS.build(cfg.model)
    assert model.clip_len == cfg.model.clip_len
    for _, dataset in dataset_configs(cfg):
        assert dataset.pipeline[0].clip_len == model.clip_len
    flips = [s for s in cfg.train_dataloader.dataset.pipeline if s.type == "Flip"]
    expected: Any = next((n for n in ("sthv1", "sthv2", "motion_shapes") if n in name), None)
    if name.endswith("_sided.py"):  # its classes are left and right of each action, in turn
        assert flips
        expected = {n: n + 1 for n in range(0, cfg.model.num_classes, 2)}
    assert [step.get("label_map") for step in flips] == [expected] * len(flips)


def test_the_authors_recipe_leaves_their_stage_at_torchs_start_values() -> None:
    """Uniform within ± 1 / √(fan in), of which the deviation is the bound by √3."""
    cfg = apis.load_config(ROOT / "sthv1/st_abn_32_authors.py")
    cfg.model.backbone |= dict(pretrained=None, depth=10, base_channels=8)
    model = MODELS.build(cfg.model)
    model.init_weights()
    weight = model.backbone.stages[2][0].conv2.weight
    bound = (weight[0].numel()) ** -0.5
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert model._made_by_backbone == [model.perception_branch.stage]


@pytest.mark.parametrize("name", ["st_abn_32_2", "st_abn_32_2_30_views", "resnet3d_r50"])
def test_kinetics_follows_tpn(name: str) -> None:
    wrapper = apis.load_config(ROOT / f"kinetics400/{name}.py").optim_wrapper
    assert (wrapper.optimizer.weight_decay, wrapper.clip_grad.max_norm) == (1e-4, 40)
    assert (wrapper.optimizer.lr, wrapper.optimizer.momentum) == (0.01, 0.9), "the rest stays"
