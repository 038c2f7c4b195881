"""A frozen backbone's features computed once, and trainings on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmaction.apis import load_config, train
from mmaction.apis.cache_features import cache_features
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.datasets import FeatureDataset, RawframeDataset, SampleKey
from mmaction.datasets.features import MISSING, FeatureFile
from mmaction.errors import ConfigError, DataError
from mmaction.models import ResNet3D
from mmaction.registry import DATASETS, MODELS

VIEWS = 2
# Augmented, so that views differ; one process's weights come from its seed.
OPTIONS = """
model.update(backbone=dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4, frozen=True,
                           pretrained={pretrained!r}))
train_dataloader["dataset"]["pipeline"][0]["placement"] = "random"
train_dataloader["dataset"]["pipeline"].insert(3, dict(type="Flip"))
train_dataloader["dataset"]["pipeline"].insert(4, dict(type="ColorJitter", brightness=0.4))
train_cfg = dict(type="ResumableTrainLoop", max_epochs=4)
randomness = dict(seed=3)
"""


@DATASETS.register_module()
class SameViews(RawframeDataset):
    """Clips whose epochs repeat after so many."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key._replace(epoch=key.epoch % VIEWS))


@MODELS.register_module()
class Rounded(ResNet3D):
    """Features as float16 keeps them."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return super().forward(clips).half().float()


@pytest.fixture
def frozen(make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    backbone = ResNet3D(depth=10, num_stages=4, base_channels=4)
    torch.save(backbone.state_dict(), tmp_path / "backbone.pth")
    text = OPTIONS.format(pretrained=str(tmp_path / "backbone.pth"))
    return make_config(tiny_data, text, name="frozen.py")


def cached(config: Path, features: Path, work_dir: Path, **options: Any) -> Config:
    named = {
        "train_dataloader.dataset.type": "FeatureDataset",
        "train_dataloader.dataset.features": str(features),
        "work_dir": str(work_dir),
        "experiment_name": work_dir.name,
    }
    return load_config(config, named | options)


def test_a_training_on_them_ends_in_the_same_weights(frozen: Path, tmp_path: Path) -> None:
    cache_features(load_config(frozen), tmp_path / "features", views=VIEWS)
    train(cached(frozen, tmp_path / "features", tmp_path / "on_features"))
    options = {
        "train_dataloader.dataset.type": "SameViews",
        "model.backbone.type": "Rounded",
        "work_dir": str(tmp_path / "on_clips"),
        "experiment_name": "on_clips",
    }
    cfg = load_config(frozen, options)
    train(cfg)
    found, expected = (
        read_checkpoint(tmp_path / folder / "epoch_4.pth")["state_dict"]
        for folder in ("on_features", "on_clips")
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_mirrored_view_keeps_its_own_label(frozen: Path, tmp_path: Path) -> None:
    """Left becomes right in some views of a video: each has the label that its clip has."""
    swap = {0: 1, 1: 0}
    options = {"train_dataloader.dataset.pipeline.3": dict(type="Flip", label_map=swap)}
    cfg = load_config(frozen, options)
    cache_features(cfg, tmp_path / "features", views=6)
    features = FeatureDataset(features=tmp_path / "features", **_clips(cfg))
    clips = DATASETS.build(cfg.train_dataloader.dataset)
    keys = [SampleKey(n, epoch=v, seed=3) for n in range(4) for v in range(6)]
    found = [features[key]["sample"].label for key in keys]
    assert found == [clips[key]["sample"].label for key in keys]
    listed = [int(features.labels[key.index]) for key in keys]
    assert {(a, b) for a, b in zip(listed, found, strict=True)} >= {(0, 0), (0, 1)}


def _clips(cfg: Config) -> dict[str, Any]:
    return {k: v for k, v in cfg.train_dataloader.dataset.items() if k != "type"}


def test_interrupted_it_goes_on(frozen: Path, tmp_path: Path) -> None:
    path = tmp_path / "features"
    whole = np.array(cache_features(load_config(frozen), path, views=VIEWS).features)
    file = FeatureFile(path, writable=True)
    file.labels[1:3, 1] = MISSING
    file.features[1:3, 1] = 7
    file.labels.flush()
    file.features.flush()
    with pytest.raises(DataError, match="lack 2 of 8 views: run .*cache_features.py again"):
        train(cached(frozen, path, tmp_path / "work"))
    assert not (tmp_path / "work").exists()
    np.testing.assert_array_equal(
        cache_features(load_config(frozen), path, views=VIEWS).features, whole
    )


def test_the_whole_network_is_tested_from_videos(
    frozen: Path, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    made = run_tool("data/cache_features", frozen, tmp_path / "features", "--views", VIEWS)
    assert made.code == 0, made.err
    assert f"{tmp_path / 'features'}: 4 videos × {VIEWS} views" in made.out
    options = ["train_dataloader.dataset.type=FeatureDataset"]
    options += [f"train_dataloader.dataset.features={tmp_path / 'features'}"]
    work_dir = tmp_path / "work"
    trained = run_tool(
        "train_recognizer", frozen, "--work-dir", work_dir, "--validate", "--cfg-options", *options
    )
    assert trained.code == 0, trained.err
    maps = tmp_path / "maps"
    tested = run_tool("test_recognizer", frozen, work_dir / "epoch_4.pth", "-s", maps)
    assert tested.code == 0, tested.err
    assert len(list(maps.rglob("*.npz"))) == 7


def test_what_is_damaged_or_does_not_belong_together_is_refused(
    frozen: Path, tmp_path: Path
) -> None:
    path = tmp_path / "features"
    cache_features(load_config(frozen), path, views=VIEWS)
    with pytest.raises(DataError, match="other views: name another file, or delete it"):
        cache_features(load_config(frozen), path, views=VIEWS + 1)
    with pytest.raises(DataError, match="other seed: name another file"):
        cache_features(load_config(frozen, {"randomness.seed": 4}), path, views=VIEWS)
    options = {"train_dataloader.dataset.exclude": "*0"}
    with pytest.raises(DataError, match="of other lists or another pipeline"):
        train(cached(frozen, path, tmp_path / "a", **options))
    with pytest.raises(DataError, match="by another backbone or other weights"):
        train(cached(frozen, path, tmp_path / "b", **{"model.backbone.pretrained": None}))
    with pytest.raises(ConfigError, match="model.backbone.frozen: expected True"):
        cache_features(load_config(frozen, {"model.backbone.frozen": False}), path, views=VIEWS)
    with pytest.raises(ConfigError, match="needs dataset.features"):
        train(load_config(frozen, {"train_dataloader.dataset.type": "FeatureDataset"}))
    content = path.read_bytes()
    for damage in (content[:-10], b"something else\n" * 100, None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        with pytest.raises(DataError) as refusal:
            FeatureFile(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)
