"""``model`` of a former config: ST-ABN and the plain slow 3D ResNet."""

from __future__ import annotations

from typing import Any

from mmaction.convert.migration.former import Changed, Former

RECOGNIZERS = ("TSN3D", "Recognizer3D")
BACKBONES = ("ResNet_SlowFast", "ResNet3dSlowOnly")
# What a head drops where its config doesn't say.
UNSAID_DROPOUT = {"ClsHead": 0.8, "I3DHead": 0.5}
# Start values of torch's own convolutions, which the first code's were.
TORCH_INIT = dict(
    type="Kaiming",
    layer="Conv3d",
    a=5**0.5,
    mode="fan_in",
    nonlinearity="leaky_relu",
    distribution="uniform",
)


def convert_model(former: Former, *, clip_len: int, test_cfg: Former) -> dict[str, Any]:
    """The new ``model``.

    Args:
        former: The former ``model``.
        clip_len: Frames of a clip, which the former config says with its data.
        test_cfg: The former ``test_cfg``, which may stand outside of ``model``.
    """
    kind = former.take("type")
    if kind not in RECOGNIZERS:
        known = " and ".join(RECOGNIZERS)
        former.refuse("type", kind, f"{known} are translated; others: docs/model_zoo.md")
        former.drop("backbone", "necks", "cls_head", "spatial_temporal_module", "train_cfg")
        former.drop("segmental_consensus", "fcn_testing", "neck", "test_cfg")
        former.finish()
        return {}
    has_attention = _has_attention(former)
    former.expect("fcn_testing", False)
    former.expect("modality", "RGB")
    num_classes, dropout = _head(former.section("cls_head"))
    model: dict[str, Any] = dict(
        type=Changed("STABN", f"type='{kind}' with necks.type='Att_head'")
        if has_attention
        else Changed("Recognizer3D", f"type='{kind}'"),
        num_classes=num_classes,
        clip_len=Changed(clip_len, "said with the data"),
    )
    backbone = _backbone(former.section("backbone"))
    if has_attention:
        model |= dict(
            backbone=backbone | dict(num_stages=Changed(3, "4: each branch has its own fourth")),
            attention_branch=Changed(dict(pretrained_stage=False), "att_layer4, from start values"),
            perception_branch=Changed(dict(dropout_ratio=dropout), "cls_head.dropout_ratio"),
            init_cfg=Changed(TORCH_INIT, "torch's own start values, as nothing was said"),
        )
    else:
        model |= dict(
            backbone=backbone, head=Changed(dict(dropout_ratio=dropout), "cls_head.dropout_ratio")
        )
    average = _average(former, former.section("test_cfg"), test_cfg)
    if average:
        model["average_views"] = average
    former.expect("train_cfg", {})
    former.finish()
    return model


def _has_attention(former: Former) -> bool:
    necks = former.section("necks")
    kind = necks.take("type")
    if kind == "Att_head":
        necks.section("att_head_config").drop("inplanes", "planes", "loss_weight")
        # Left from TPN's neck; that code reads none of them.
        necks.drop("in_channels", "out_channels", "spatial_modulation_config")
        necks.drop("temporal_modulation_config", "upsampling_config")
        necks.drop("downsampling_config", "level_fusion_config")
    elif kind is not None:
        necks.refuse("type", kind, "left unread: config_files/tpn has networks with TPN's")
        return False
    necks.finish()
    return kind is not None


def _backbone(former: Former) -> dict[str, Any]:
    kind = former.take("type")
    if kind not in BACKBONES:
        former.refuse("type", kind, f"there are {' and '.join(BACKBONES)}: ResNet3D")
    new: dict[str, Any] = dict(type=Changed("ResNet3D", f"'{kind}'"), depth=former.take("depth"))
    inflate_key = "inflate_freq" if "inflate_freq" in former else "inflate"
    inflate = former.take(inflate_key, (0, 0, 1, 1))
    inflate = (inflate,) * 4 if isinstance(inflate, int) else tuple(inflate)
    if len(inflate) != 4 or not set(inflate) <= {0, 1}:
        former.refuse(inflate_key, inflate, "expected 0 or 1 for each of the four stages")
    new["inflate"] = Changed(inflate, inflate_key) if inflate_key != "inflate" else inflate
    new["inflate_style"] = former.take("inflate_style", "3x1x1")
    stem = tuple(former.take("conv1_kernel", (former.take("conv1_kernel_t", 1), 7, 7)))
    if stem != (1, 7, 7):
        new["stem_kernel"] = Changed(stem, "conv1_kernel")
    for key, same in (("spatial_strides", (1, 2, 2, 2)), ("temporal_strides", (1, 1, 1, 1))):
        strides = tuple(former.take(key, same))
        if strides != same:
            new[key] = strides
    new["pretrained"] = _pretrained(former)
    new["with_cp"] = former.take("with_cp", False)
    eval_key = "bn_eval" if "bn_eval" in former else "norm_eval"
    if former.take(eval_key, False):
        new["norm_eval"] = Changed(True, eval_key)
    frozen = former.take("frozen_stages", -1)
    if frozen >= 0:
        new["frozen_stages"] = frozen
    former.expect("num_stages", 4)
    former.expect("out_indices", [3], (3,))
    former.expect("dilations", (1, 1, 1, 1), [1, 1, 1, 1])
    former.expect("style", "pytorch")
    for key in ("conv1_stride_t", "pool1_kernel_t", "pool1_stride_t"):
        former.expect(key, 1)
    for key in ("bn_frozen", "partial_bn", "lateral"):
        former.expect(key, False)
    former.expect("pretrained2d", True)
    former.expect("norm_cfg", dict(type="BN3d", requires_grad=True), dict(type="BN3d"))
    former.finish()
    return new


def _pretrained(former: Former) -> Any:
    given = former.take("pretrained")
    if isinstance(given, str) and given.startswith("modelzoo://"):
        return Changed(given.replace("modelzoo://", "torchvision://"), repr(given))
    return given


def _head(former: Former) -> tuple[Any, Any]:
    kind = former.take("type", "I3DHead")
    if kind not in UNSAID_DROPOUT:
        former.refuse("type", kind, f"there are {' and '.join(UNSAID_DROPOUT)}")
    # Sizes follow from what comes in.
    former.drop("in_channels", "with_avg_pool", "temporal_feature_size", "spatial_feature_size")
    former.expect("spatial_type", "avg")
    former.expect("loss_cls", dict(type="CrossEntropyLoss"))
    former.expect("init_std", 0.01)
    num_classes = former.take("num_classes")
    dropout = former.take("dropout_ratio", UNSAID_DROPOUT.get(kind))
    if not isinstance(num_classes, int):
        former.refuse("num_classes", num_classes, "expected a number")
    former.finish()
    return num_classes, dropout


def _average(former: Former, *test_cfgs: Former) -> Changed | None:
    """How views are averaged: a linear layer on averaged features averages logits."""
    pool = former.section("spatial_temporal_module")
    pool.expect("type", "SimpleSpatialTemporalModule")
    pool.expect("spatial_type", "avg")
    pool.drop("temporal_size", "spatial_size")
    pool.finish()
    consensus = former.section("segmental_consensus")
    by_consensus = consensus.take("type") is not None
    consensus.expect("consensus_type", "avg")
    consensus.finish()
    found = Changed("score", "segmental_consensus, of features") if by_consensus else None
    for test_cfg in test_cfgs:
        average = test_cfg.take("average_clips")
        if average in ("prob", "score"):
            found = Changed(average, "test_cfg.average_clips")
        elif average is not None:
            test_cfg.refuse("average_clips", average, "there are 'prob' and 'score'")
        test_cfg.finish()
    return found
