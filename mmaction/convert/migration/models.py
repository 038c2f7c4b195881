"""``model`` of a former config: ST-ABN, TPN, I3D and SlowOnly, TSM and TSN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmaction.convert.migration.backbones import convert_backbone
from mmaction.convert.migration.former import Changed, Former
from mmaction.convert.migration.tpn import convert_tpn

# Whether they see frame by frame.
RECOGNIZERS = dict(TSN3D=False, Recognizer3D=False, TSN2D=True, Recognizer2D=True)
# What a head drops where its config doesn't say.
_OF_CLIPS = dict(ClsHead=0.8, I3DHead=0.5, TPNHead=0.4)
_OF_IMAGES = dict(ClsHead=0.8, TSNHead=0.4, TSMHead=0.8, TPNHead=0.4)
_BLENDING = dict(MixupBlending="MixUp", CutmixBlending="CutMix")
# Start values of torch's own convolutions, which the first code's were.
TORCH_INIT = dict(
    type="Kaiming",
    layer="Conv3d",
    a=5**0.5,
    mode="fan_in",
    nonlinearity="leaky_relu",
    distribution="uniform",
)


def convert_model(
    former: Former, *, clip_len: int, train_cfg: Former, test_cfg: Former
) -> dict[str, Any]:
    """The new ``model``.

    Args:
        former: The former ``model``.
        clip_len: Frames of a clip, which the former config says with its data.
        train_cfg: The former ``train_cfg``, which may stand outside of ``model``.
        test_cfg: The former ``test_cfg``, likewise.
    """
    kind = former.take("type")
    if kind not in RECOGNIZERS:
        former.refuse("type", kind, f"there are {', '.join(RECOGNIZERS)}")
        for unread in (former, train_cfg, test_cfg):
            unread.rest()
        return {}
    of_images = RECOGNIZERS[kind]
    former.expect("fcn_testing", False)
    former.expect("modality", "RGB")
    former.expect("in_channels", 3)
    necks = former.section("necks" if "necks" in former else "neck")
    has_attention, neck = _neck(necks, clip_len=clip_len)
    head = former.section("cls_head")
    num_classes, scoring, loss = _head(head, _OF_IMAGES if of_images else _OF_CLIPS)
    name = "Recognizer2D" if of_images else "Recognizer3D"
    model: dict[str, Any] = dict(
        type=Changed("STABN", f"type='{kind}' with necks.type='Att_head'")
        if has_attention
        else Changed(name, f"type='{kind}'"),
        num_classes=num_classes,
        clip_len=Changed(clip_len, "said with the data"),
    )
    backbone = convert_backbone(former.section("backbone"), of_images=of_images)
    if (neck is None) != ("out_stages" not in backbone):
        former.refuse("backbone.out_indices", backbone.get("out_stages"), "TPN reads several")
    if has_attention:
        model |= dict(
            backbone=backbone | dict(num_stages=Changed(3, "4: each branch has its own fourth")),
            attention_branch=Changed(dict(pretrained_stage=False), "att_layer4, from start values"),
            perception_branch=Changed(*scoring),
            init_cfg=Changed(TORCH_INIT, "torch's own start values, as nothing was said"),
        )
    else:
        model |= dict(backbone=backbone) | (dict(neck=neck) if neck else {})
        model["head"] = Changed(*scoring)
    if loss:
        model["loss_cls"] = loss
    model |= _average(former, of_images, former.section("test_cfg"), test_cfg)
    model |= _blending(former.section("train_cfg"), train_cfg)
    return model


def _neck(necks: Former, *, clip_len: int) -> tuple[bool, dict[str, Any] | None]:
    """Whether it is ST-ABN's attention, and the new ``neck``."""
    kind = necks.take("type")
    if kind == "TPN":
        return False, convert_tpn(necks, clip_len=clip_len)
    if kind == "Att_head":
        necks.section("att_head_config").drop("inplanes", "planes", "loss_weight")
        # Left from TPN's neck; that code reads none of them.
        necks.drop("in_channels", "out_channels", "spatial_modulation_config")
        necks.drop("temporal_modulation_config", "upsampling_config")
        necks.drop("downsampling_config", "level_fusion_config")
    elif kind is not None:
        necks.refuse("type", kind, "there are 'TPN' and 'Att_head'")
        necks.rest()
    return kind == "Att_head", None


def _head(
    former: Former, unsaid_dropout: Mapping[str, float]
) -> tuple[Any, tuple[dict[str, Any], str], dict[str, Any]]:
    """The number of classes; the new head, and what it was; the new ``loss_cls``."""
    kind = former.take("type", "I3DHead")
    if kind not in unsaid_dropout:
        former.refuse("type", kind, f"there are {' and '.join(unsaid_dropout)}")
    # Sizes follow from what comes in, segments are said with the data.
    former.drop("in_channels", "with_avg_pool", "temporal_feature_size", "spatial_feature_size")
    former.drop("num_segments", "is_shift", "topk")
    former.expect("spatial_type", "avg")
    former.expect("temporal_pool", False)
    former.expect("consensus", dict(type="AvgConsensus", dim=1))
    std = former.take("init_std", 0.001 if kind == "TSMHead" else 0.01)
    dropout = former.take("dropout_ratio", unsaid_dropout.get(kind))
    was = "cls_head.dropout_ratio" + (f"; init_std={std}, here 0.01" if std != 0.01 else "")
    num_classes = former.take("num_classes")
    if not isinstance(num_classes, int):
        former.refuse("num_classes", num_classes, "expected a number")
        num_classes = 0
    loss = _loss(former, num_classes)
    return num_classes, (dict(dropout_ratio=dropout), was), loss


def _loss(former: Former, num_classes: int) -> dict[str, Any]:
    given = former.section("loss_cls")
    kind, weight = given.take("type", "CrossEntropyLoss"), given.take("loss_weight", 1.0)
    weights, smoothing = given.take("class_weight"), former.take("label_smooth_eps", 0)
    several = former.take("multi_class", False)
    new: dict[str, Any] = {}
    if kind == "BCELossWithLogits":
        new["type"] = Changed("BinaryCrossEntropy", kind)
        if weight != 1:
            weights, weight = [weight * w for w in weights or [1.0] * num_classes], 1
        if smoothing:
            former.refuse("label_smooth_eps", smoothing, "not of several labels a video")
    elif kind != "CrossEntropyLoss" or several:
        told = "there are CrossEntropyLoss and, of several labels a video, BCELossWithLogits"
        given.refuse("type", kind, told)
    if weight != 1:
        given.refuse("loss_weight", weight, "there is only 1 here")
    if weights is not None:
        new["class_weights"] = Changed(list(weights), "loss_cls.class_weight, loss_weight")
    if smoothing:
        was = "label_smooth_eps, which mmaction2 0.x used of several labels alone"
        new["label_smoothing"] = Changed(smoothing, was)
    return new


def _blending(*train_cfgs: Former) -> dict[str, Any]:
    found: list[Any] = []
    for train_cfg in train_cfgs:
        given = train_cfg.section("blending")
        kind, alpha = given.take("type"), given.take("alpha", 0.2)
        given.drop("num_classes")
        if kind in _BLENDING:
            found.append(Changed(dict(type=_BLENDING[kind], alpha=alpha), f"{kind}, in train_cfg"))
        elif kind is not None:
            given.refuse("type", kind, f"there are {' and '.join(_BLENDING)}")
    return dict(blending=found) if found else {}


def _average(former: Former, of_images: bool, *test_cfgs: Former) -> dict[str, Any]:
    """How views are averaged: a linear layer on averaged features averages logits."""
    pool = former.section("spatial_temporal_module")
    pool.expect("type", "SimpleSpatialTemporalModule", "SimpleSpatialModule")
    pool.expect("spatial_type", "avg")
    pool.drop("temporal_size", "spatial_size")
    consensus = former.section("segmental_consensus")
    found = None
    if consensus.take("type") is not None:
        found = Changed("score", "segmental_consensus, of features")
        if of_images:
            found = Changed("prob", "tests with --fcn_testing, as TPN's are")
    consensus.expect("consensus_type", "avg")
    for test_cfg in test_cfgs:
        average = test_cfg.take("average_clips")
        if average in ("prob", "score"):
            found = Changed(average, "test_cfg.average_clips")
        elif average is not None:
            test_cfg.refuse("average_clips", average, "there are 'prob' and 'score'")
        test_cfg.drop("fcn_test")
    return dict(average_views=found) if found else {}
