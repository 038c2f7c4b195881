"""Former configs, rebuilt from their published fields, against this project's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from torch import nn

from mmaction.apis import load_config
from mmaction.apis.migrate_config import migrate_config
from mmaction.convert.migration.former import Changed
from mmaction.convert.python_text import as_python
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.engine.parameter_groups import ParameterGroupConstructor
from mmaction.errors import ConfigError, UserError
from mmaction.registry import MODELS
from tests.convert.former_configs import slow_only, st_abn, tpn_kinetics, tpn_tsm, tsm

ROOT = Path(__file__).resolve().parents[2]
SPLITS = ("train", "val", "test")
Migrated = Callable[[dict[str, Any]], Config]


@pytest.fixture
def migrated(tmp_path: Path) -> Migrated:
    def migrate(former: dict[str, Any]) -> Config:
        Config(former).dump(tmp_path / "old.py")
        migrate_config(tmp_path / "old.py", tmp_path / "new.py")
        return load_config(tmp_path / "new.py")

    return migrate


def steps(cfg: Config, split: str) -> list[dict[str, Any]]:
    return [dict(step) for step in cfg[f"{split}_dataloader"].dataset.pipeline]


def build(cfg: Config) -> None:
    """The network and the pipelines, as a run does."""
    with torch.device("meta"):
        MODELS.build(cfg.model)
    for split in SPLITS:
        Pipeline(steps(cfg, split))


@pytest.mark.parametrize("version", [1, 2])
def test_st_abn_becomes_the_config_of_the_authors_recipe(migrated: Migrated, version: int) -> None:
    new = migrated(st_abn(version, dense=False))
    ours = load_config(ROOT / f"config_files/sthv{version}/st_abn_32_authors.py")
    build(new)
    backbone = dict(
        inflate=(0, 0, 1, 1), inflate_style="3x1x1", pretrained="torchvision://resnet50"
    )
    assert new.model.backbone == dict(
        type="ResNet3D", depth=50, num_stages=3, with_cp=True, **backbone
    )
    for key in ("type", "num_classes", "clip_len", "init_cfg", "perception_branch"):
        assert new.model[key] == ours.model[key], key
    assert new.model.attention_branch.pretrained_stage is False
    for key in ("train_cfg", "param_scheduler"):
        assert new[key] == ours[key], key
    assert new.optim_wrapper.optimizer == ours.optim_wrapper.optimizer
    assert new.optim_wrapper.clip_grad.max_norm == 20
    assert new.default_hooks.checkpoint == ours.default_hooks.checkpoint
    assert new.default_hooks.logger.interval == 100 * version
    for split in SPLITS:
        ours_steps = steps(ours, split)
        for step in ours_steps:
            step.pop("label_map", None)  # the first code keeps labels
        assert steps(new, split) == ours_steps
        dataset = new[f"{split}_dataloader"].dataset
        assert dataset.image_tmpl == ours[f"{split}_dataloader"].dataset.image_tmpl
        assert dataset.data_root == f"data/smth_smth_v{version}/frames"


def test_st_abn_with_dense_windows(migrated: Migrated) -> None:
    new = migrated(st_abn(2, dense=True))
    build(new)
    window = dict(type="SampleFrames", clip_len=32, frame_interval=2)
    assert steps(new, "train")[0] == dict(window, placement="random")
    assert steps(new, "val")[0] == steps(new, "test")[0] == dict(window, placement="center")


@pytest.mark.parametrize(("frames", "interval"), [(32, 2), (8, 8)])
def test_tpns_baseline(migrated: Migrated, frames: int, interval: int) -> None:
    new = migrated(tpn_kinetics(frames, interval))
    ours = load_config(ROOT / "config_files/kinetics400/resnet3d_r50.py")
    build(new)
    assert new.model.type == ours.model.type == "Recognizer3D"
    assert new.model.clip_len == frames
    assert new.model.average_views == "score"
    assert new.optim_wrapper.optimizer == ours.optim_wrapper.optimizer
    assert new.optim_wrapper.clip_grad.max_norm == ours.optim_wrapper.clip_grad.max_norm == 40
    assert new.test_dataloader.batch_size == 1
    assert new.train_dataloader.batch_size == new.val_dataloader.batch_size == 8
    window = dict(type="SampleFrames", clip_len=frames, frame_interval=interval)
    assert steps(new, "test")[0] == dict(window, num_clips=10, placement="center")
    assert steps(new, "test")[2:4] == [
        dict(type="Resize", short_side=256),
        dict(type="ThreeCrop", size=256),
    ]


def test_slow_only_of_mmaction2(migrated: Migrated) -> None:
    new = migrated(slow_only())
    build(new)
    assert new.model.head.dropout_ratio == 0.25
    assert new.model.average_views == "prob"
    assert new.model.data_preprocessor.mean == (123.675, 116.28, 103.53)
    assert [step["type"] for step in steps(new, "train")] == [
        "SampleFrames",
        "DecodeFrames",
        "Resize",
        "RandomResizedCrop",
        "Flip",
        "PackClips",
    ]
    assert steps(new, "train")[3]["size"] == 224
    assert steps(new, "test")[0]["short_video"] == "loop"
    assert [new[f"{split}_dataloader"].batch_size for split in SPLITS] == [24, 24, 2]
    assert new.train_dataloader.dataset.type == "VideoDataset"
    assert new.evaluation.interval == 8
    assert new.work_dir == "./work_dirs/slowonly"
    warm_up, cosine = new.param_scheduler
    assert warm_up == dict(
        type="LinearLR", start_factor=0.1, end=34, by_epoch=True, convert_to_iter_based=True
    )
    assert cosine == dict(type="CosineAnnealingLR", by_epoch=True, eta_min=0)


@pytest.mark.parametrize(
    ("former", "ours"),
    [
        (tpn_kinetics(8, 8, scales=(8, 8)), "tpn/kinetics400_r50f8s8.py"),
        (tpn_tsm(1, tpn=False), "tpn/sthv1_tsm.py"),
        (tpn_tsm(2, tpn=True), "tpn/sthv2_tsm_tpn.py"),
        (tsm(), "tsm/sthv2_r50_8.py"),
    ],
)
def test_networks_of_the_zoo_become_those_of_its_configs(
    migrated: Migrated, former: dict[str, Any], ours: str
) -> None:
    """The same modules by the same names, and the same views in tests."""
    new, config = migrated(former), load_config(ROOT / "config_files" / ours)
    build(new)
    with torch.device("meta"):
        models = [MODELS.build({**c.model, "max_views": None}) for c in (new, config)]
    networks = [[(n, m.extra_repr()) for n, m in model.named_modules()] for model in models]
    assert networks[0] == networks[1]
    shifts = [
        [(m.shift_div, m.shift_shortcut) for m in model.modules() if hasattr(m, "shift_shortcut")]
        for model in models
    ]
    assert shifts[0] == shifts[1]
    if "sth" in ours:
        assert [s for s in steps(new, "test") if s["type"] != "PackClips"] == [
            s for s in steps(config, "test") if s["type"] != "PackClips"
        ]


def test_the_scales_of_tpn_become_its_steps(migrated: Migrated) -> None:
    """TPN of R101 pools 32 frames by 16 and 32."""
    new = migrated(tpn_kinetics(32, 2, scales=(16, 32)))
    build(new)
    assert new.model.neck == dict(type="TPN", steps=(2, 1))


def test_scales_that_leave_no_whole_steps_are_named(migrated: Migrated) -> None:
    with pytest.raises(ConfigError, match=r"scales=\(8, 16\).*8 frames"):
        migrated(tpn_kinetics(8, 8, scales=(8, 16)))


def test_the_rates_of_tsm(migrated: Migrated) -> None:
    """As its constructor gives them: of weights, biases, norms and the last layer."""
    wrapper = migrated(tsm()).optim_wrapper
    network = nn.ModuleDict(dict(conv=nn.Conv2d(1, 1, 1), norm=nn.BatchNorm2d(1)))
    network["head"] = nn.ModuleDict(dict(fc=nn.Linear(1, 1)))
    paramwise = dict(wrapper.pop("paramwise_cfg"))
    built = ParameterGroupConstructor({**wrapper, "type": "OptimWrapper"}, paramwise)(network)
    rates = {
        id(p): (group["lr"], group["weight_decay"])
        for group in built.optimizer.param_groups
        for p in group["params"]
    }
    lr, decay = wrapper.optimizer.lr, wrapper.optimizer.weight_decay
    assert {name: rates[id(p)] for name, p in network.named_parameters()} == {
        "conv.weight": (lr, decay),
        "conv.bias": (2 * lr, 0),
        "norm.weight": (lr, 0),
        "norm.bias": (lr, 0),
        "head.fc.weight": (5 * lr, decay),
        "head.fc.bias": (10 * lr, 0),
    }


def test_what_tsm_is_trained_by(migrated: Migrated) -> None:
    former = tsm()
    former["model"]["cls_head"]["label_smooth_eps"] = 0.1
    former["model"]["train_cfg"] = dict(
        blending=dict(type="CutmixBlending", num_classes=174, alpha=0.3)
    )
    model = migrated(former).model
    assert model.loss_cls == dict(label_smoothing=0.1)
    assert model.blending == [dict(type="CutMix", alpha=0.3)]


def test_several_labels_a_video(migrated: Migrated) -> None:
    """The loss's weight goes into each class's: it is the mean over clips and classes."""
    former = tsm()
    former["model"]["cls_head"] |= dict(
        num_classes=3, multi_class=True, loss_cls=dict(type="BCELossWithLogits", loss_weight=160.0)
    )
    for split in SPLITS:
        former["data"][split]["multi_class"] = True
    new = migrated(former)
    assert new.model.loss_cls == dict(type="BinaryCrossEntropy", class_weights=[160.0] * 3)
    assert new.default_hooks.checkpoint.save_best == "perception/mAP"
    scores, labels = torch.randn(2, 3), torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    assert MODELS.build(new.model.loss_cls)(scores, labels) == pytest.approx(
        160 * F.binary_cross_entropy_with_logits(scores, labels).item(), rel=1e-6
    )


def test_tsns_tests_of_more_segments_become_several_clips(migrated: Migrated) -> None:
    former = tsm()
    former["model"]["backbone"] = dict(type="ResNet", pretrained=None, depth=50)
    former["model"]["cls_head"]["type"] = "TSNHead"
    former["data"]["test"]["pipeline"][1] |= dict(num_clips=25, twice_sample=False)
    sampled = steps(migrated(former), "test")[0]
    assert sampled == dict(type="SampleSegments", clip_len=8, placement="center", num_clips=3)


def test_i3d_of_mmaction2(migrated: Migrated) -> None:
    former = slow_only(32, 2)
    inflate = ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))
    former["model"]["backbone"] = dict(
        type="ResNet3d", depth=50, pretrained="torchvision://resnet50", conv1_kernel=(5, 7, 7)
    )
    former["model"]["backbone"] |= dict(conv1_stride_t=2, pool1_stride_t=2, inflate=inflate)
    new = migrated(former).model.backbone
    ours = load_config(ROOT / "config_files/i3d/kinetics400_r50_32x2.py").model.backbone
    assert {**new, "with_cp": ours.with_cp} == ours


PLACES = (
    "model",
    "model.backbone",
    "model.cls_head",
    "model.necks",
    "data",
    "data.train",
    "data.test",
    "data.train.img_norm_cfg",
    "optimizer_config",
    "lr_config",
    "checkpoint_config",
    "log_config",
    "dist_params",
)


def changed(place: str, key: str, value: Any) -> dict[str, Any]:
    """ST-ABN's config with another value in a section."""
    former = st_abn(1, dense=False)
    section = former
    for name in filter(None, place.split(".")):
        section = section[name]
    section[key] = value
    return former


@pytest.mark.parametrize("place", ["", *PLACES])
def test_a_key_that_is_not_understood_is_named(migrated: Migrated, place: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        migrated(changed(place, "surprise", 7))
    assert f"{place + '.' if place else ''}surprise=7" in str(refusal.value)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("model.backbone", "bn_frozen", True),
        ("model.backbone", "style", "caffe"),
        ("data.train", "modality", "Flow"),
        ("data.train.img_norm_cfg", "to_rgb", False),
        ("lr_config", "policy", "poly"),
        ("data.test", "oversample", "five_crop"),
        ("lr_config", "step", None),
        ("model.cls_head", "type", "TSMHead"),
    ],
)
def test_a_value_with_no_counterpart_is_named(
    migrated: Migrated, place: str, key: str, value: Any
) -> None:
    with pytest.raises(ConfigError) as refusal:
        migrated(changed(place, key, value))
    assert f"{place}.{key}={value!r}" in str(refusal.value)


def test_what_a_head_drops_unsaid(migrated: Migrated) -> None:
    """0.8 in the first code, whose configs all say 0.5."""
    former = st_abn(1, dense=False)
    del former["model"]["cls_head"]["dropout_ratio"]
    assert migrated(former).model.perception_branch.dropout_ratio == 0.8


def test_splits_normalised_apart_are_refused(migrated: Migrated) -> None:
    former = st_abn(1, dense=False)
    former["data"]["val"]["img_norm_cfg"] = dict(mean=[0, 0, 0], std=[1, 1, 1], to_rgb=True)
    with pytest.raises(ConfigError, match=r"data\.val\.img_norm_cfg=.*another split's differs"):
        migrated(former)


def test_a_config_of_tests_alone_says_its_clips(migrated: Migrated) -> None:
    former = st_abn(1, dense=False)
    for split in ("train", "val"):
        del former["data"][split]
    assert migrated(former).model.clip_len == 32


def test_a_crop_without_a_size_is_named(migrated: Migrated) -> None:
    former = slow_only()
    del former["data"]["train"]["pipeline"][5]  # the Resize behind RandomResizedCrop
    with pytest.raises(ConfigError, match=r"data\.train\.pipeline\[4\]\.input_size=None"):
        migrated(former)


def test_a_config_of_today_is_told_that_it_is_one(migrated: Migrated) -> None:
    with pytest.raises(ConfigError, match="expected the sections model and data"):
        migrated(dict(model=dict(type="STABN"), train_dataloader=dict(batch_size=1)))


def test_variables_that_the_config_uses_are_no_sections(tmp_path: Path) -> None:
    former = st_abn(1, dense=False)
    Config(former).dump(tmp_path / "sections.py")
    text = (tmp_path / "sections.py").read_text()
    (tmp_path / "old.py").write_text(f"epochs = 30\n{text}\ntotal_epochs = epochs * 2\n")
    migrate_config(tmp_path / "old.py", tmp_path / "new.py")
    assert load_config(tmp_path / "new.py").train_cfg.max_epochs == 60


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text("mine = 1\n")
    with pytest.raises(UserError, match="new file"):
        migrate_config(tmp_path / "old.py", tmp_path / "new.py")
    assert (tmp_path / "new.py").read_text() == "mine = 1\n"


def test_the_command(tmp_path: Path, run_tool: Callable[..., Any]) -> None:
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    Config(st_abn(1, dense=False)).dump(old)
    done = run_tool("convert/migrate_config", old, new)
    assert done.code == 0, done.err
    lines = new.read_text().splitlines()
    above = lines[lines.index("    batch_size=8,") - 1]
    assert above == "    # was: videos_per_gpu"
    former = tsm()
    former["model"]["backbone"]["type"] = "MobileNetV2TSM"
    Config(former).dump(old)
    refused = run_tool("convert/migrate_config", old, tmp_path / "other.py")
    assert refused.error, "one line"
    assert not (tmp_path / "other.py").exists()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
NAMES = st.from_regex(r"k[a-z_]{0,30}", fullmatch=True)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(sections=st.dictionaries(NAMES, VALUES, max_size=4))
def test_the_text_says_what_the_sections_say(sections: dict[str, Any]) -> None:
    told: dict[str, Any] = {}
    exec(as_python({name: Changed(value, "x") for name, value in sections.items()}), told)
    assert {name: told[name] for name in sections} == sections
