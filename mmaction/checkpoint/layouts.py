"""How other code names the weights of networks that this project has too.

What follows a part's name is the same everywhere, such as ``weight`` or ``0.conv1.weight``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mmaction.checkpoint.renaming import Layout

_ST_ABN = {
    "backbone.spatial_strides": [1, 2, 2],
    "backbone.temporal_strides": [1, 1, 1, 1],
    "attention_branch.spatial_stride": 1,
    "perception_branch.spatial_stride": 2,
}

ORIGINAL = Layout(
    name="st-abn",
    title="the authors' ST-ABN",
    mark=r"backbone\.att_layer4\.",
    names=(
        (r"backbone\.(conv|bn)1\.", r"backbone.stem.\1."),
        (r"backbone\.layer4\.", "perception_branch.stage."),
        (r"backbone\.(layer[123])\.", r"backbone.\1."),
        (r"backbone\.att_layer4\.", "attention_branch.stage."),
        (r"backbone\.bn_att\.", "attention_branch.bn_stage."),
        (r"backbone\.att_conv\.", "attention_branch.conv_response."),
        (r"backbone\.bn_att2\.", "attention_branch.bn_response."),
        (r"backbone\.att_conv2\.", "attention_branch.conv_scores."),
        (r"necks\.att_head\.fc\.", "attention_branch.fc_scores."),
        (r"backbone\.att_conv3\.", "attention_branch.conv_spatial."),
        (r"backbone\.bn_att3\.", "attention_branch.bn_spatial."),
        (r"backbone\.t_att_conv\.", "attention_branch.temporal.conv."),
        (r"backbone\.t_bn_att\.", "attention_branch.temporal.bn."),
        (r"backbone\.t_att_conv2\.", "attention_branch.temporal.mix."),
        (r"backbone\.fc([12])\.", r"attention_branch.temporal.fc\1."),
        (r"backbone\.t_att_conv3\.", "attention_mechanism.conv."),
        (r"backbone\.bn_att4\.", "attention_mechanism.bn."),
        (r"cls_head\.fc_cls\.", "perception_branch.fc."),
    ),
    unused=r"necks\.",
    assumes={**_ST_ABN, "attention_mechanism.final_relu": True},
)

REIMPLEMENTATION = Layout(
    name="stabn",
    title="the re-implementation of ST-ABN",
    mark=r"layer_att_common\.",
    names=(
        (r"(conv|bn)1\.", r"backbone.stem.\1."),
        (r"layer4\.", "perception_branch.stage."),
        (r"(layer[123])\.", r"backbone.\1."),
        (r"fc\.", "perception_branch.fc."),
        (r"layer_att_common\.", "attention_branch.stage."),
        (r"conv_att_common\.0\.", "attention_branch.bn_stage."),
        (r"conv_att_common\.1\.", "attention_branch.conv_response."),
        (r"conv_att_common\.2\.", "attention_branch.bn_response."),
        (r"conv_att_out\.0\.", "attention_branch.conv_scores."),
        (r"fc_att_out\.", "attention_branch.fc_scores."),
        (r"conv_spatial_att\.0\.", "attention_branch.conv_spatial."),
        (r"conv_spatial_att\.1\.", "attention_branch.bn_spatial."),
        (r"conv_temp_att1\.0\.", "attention_branch.temporal.conv."),
        (r"conv_temp_att1\.1\.", "attention_branch.temporal.bn."),
        (r"conv_temp_att2\.0\.", "attention_branch.temporal.mix."),
        (r"conv_temp_att3\.0\.", "attention_branch.temporal.fc1."),
        (r"conv_temp_att3\.2\.", "attention_branch.temporal.fc2."),
        (r"conv_att_mechanism\.0\.", "attention_mechanism.conv."),
        (r"conv_att_mechanism\.1\.", "attention_mechanism.bn."),
    ),
    assumes={**_ST_ABN, "attention_mechanism.final_relu": False},
)


def _efficientnet_names(blocks: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """From efficientnet_pytorch's names, blocks in one row, to timm's, blocks by stage."""
    names = [(r"_conv_stem\.", "conv_stem."), (r"_bn0\.", "bn1."), (r"_fc\.", "classifier.")]
    names += [(r"_conv_head\.", "conv_head."), (r"_bn1\.", "bn2.")]
    # A block without an expansion has one convolution less.
    first = dict(_depthwise_conv="conv_dw", _bn1="bn1", _project_conv="conv_pw", _bn2="bn2")
    others = dict(_expand_conv="conv_pw", _bn0="bn1", _depthwise_conv="conv_dw", _bn1="bn2")
    others |= dict(_project_conv="conv_pwl", _bn2="bn3")
    places = [(stage, n) for stage, count in enumerate(blocks) for n in range(count)]
    for number, (stage, n) in enumerate(places):
        for theirs, own in (others if stage else first).items():
            names.append((rf"_blocks\.{number}\.{theirs}\.", f"blocks.{stage}.{n}.{own}."))
    return tuple(names)


EFFICIENTNET_LITE0 = Layout(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0 of efficientnet_pytorch",
    mark=r"_conv_stem\.",
    names=_efficientnet_names((1, 2, 2, 3, 3, 4, 1)),
    model=dict(
        backbone=dict(type="TimmBackbone", model="tf_efficientnet_lite0"),
        data_preprocessor=dict(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    ),
)

_BLOCK = r"backbone\.(layer\d\.\d+)\."
_HEAD = (r"cls_head\.fc_cls\.", "head.fc.")
_PREPROCESSOR = "normalisation is said by the config"

# Convolutions beside their norms: MMAction's, and TPN's.
_SIDE_BY_SIDE = (
    (r"backbone\.(conv|bn)1\.", r"backbone.stem.\1."),
    (_BLOCK + r"((?:conv|bn)\d|downsample\.[01])\.", r"backbone.\1.\2."),
    _HEAD,
)
MMACTION = Layout(
    name="mmaction",
    title="a ResNet of MMAction",
    mark=r"backbone\.conv1\.weight",
    names=_SIDE_BY_SIDE,
)

# TPN's first pyramid is the one from the bottom up.
_TPN_FUSIONS = tuple(
    (rf"necks\.{theirs}\.{part}\.", f"neck.{own}.{own_part}.")
    for theirs, own in (("level_fusion_op2", "top_down"), ("level_fusion_op", "bottom_up"))
    for part, own_part in (
        (r"ops\.(\d)\.conv", r"squeeze.\1.conv"),
        (r"ops\.(\d)\.norm", r"squeeze.\1.bn"),
        (r"fusion_conv\.0", "fuse.conv"),
        (r"fusion_conv\.1", "fuse.bn"),
    )
)
TPN = Layout(
    name="tpn",
    title="TPN's",
    mark=r"necks\.(spatial_modulation|level_fusion_op)\.",
    names=(
        *_SIDE_BY_SIDE,
        (r"necks\.spatial_modulation\.spatial_modulation\.", "neck.spatial."),
        (r"necks\.temporal_modulation_ops\.", "neck.temporal."),
        (r"necks\.downsampling_ops\.", "neck.downsample."),
        *_TPN_FUSIONS,
        (r"necks\.pyramid_fusion_op\.0\.", "neck.fuse.conv."),
        (r"necks\.pyramid_fusion_op\.1\.", "neck.fuse.bn."),
        (r"necks\.aux_head\.convs\.", "neck.auxiliary.conv."),
        (r"necks\.aux_head\.fc\.", "neck.auxiliary.fc."),
    ),
    # Its networks of images are all shifted, and the shortcut's convolution sees that.
    backbone=dict(shift_div=8, shift_shortcut=True),
)

# Convolutions that bring their norms along; ``net`` where they are shifted, ``block`` where a
# non-local block follows a residual block of an image network.
_MM2_BLOCK = _BLOCK + r"(?:block\.)?"
MMACTION2 = Layout(
    name="mmaction2",
    title="a ResNet of MMAction2",
    mark=r"backbone\.conv1\.conv\.",
    names=(
        (r"backbone\.conv1\.(conv|bn)\.", r"backbone.stem.\1."),
        (_MM2_BLOCK + r"conv(\d)\.conv\.(?:net\.)?", r"backbone.\1.conv\2."),
        (_MM2_BLOCK + r"conv(\d)\.bn\.", r"backbone.\1.bn\2."),
        (_MM2_BLOCK + r"downsample\.conv\.", r"backbone.\1.downsample.0."),
        (_MM2_BLOCK + r"downsample\.bn\.", r"backbone.\1.downsample.1."),
        (_BLOCK + r"non_local_block\.", r"backbone.\1.non_local_block."),
        (r"neck\.spatial_modulation\.spatial_modulation\.", "neck.spatial."),
        (r"neck\.temporal_modulation_ops\.(\d)\.conv\.", r"neck.temporal.\1."),
        (r"neck\.downsample_ops\.(\d)\.conv\.", r"neck.downsample.\1."),
        (r"neck\.level_fusion_1\.downsamples\.(\d)\.conv\.", r"neck.top_down.squeeze.\1."),
        (r"neck\.level_fusion_1\.fusion_conv\.", "neck.top_down.fuse."),
        (r"neck\.level_fusion_2\.downsamples\.(\d)\.conv\.", r"neck.bottom_up.squeeze.\1."),
        (r"neck\.level_fusion_2\.fusion_conv\.", "neck.bottom_up.fuse."),
        (r"neck\.pyramid_fusion\.", "neck.fuse."),
        (r"neck\.aux_head\.", "neck.auxiliary."),
        _HEAD,
    ),
    unused=r"data_preprocessor\.",
    why_unused=_PREPROCESSOR,
)

TSM = Layout(
    name="tsm",
    title="TSM's",
    mark=r"base_model\.layer1\.0\.conv1\.net\.",
    names=(
        (r"base_model\.(conv|bn)1\.", r"backbone.stem.\1."),
        (r"base_model\.(layer\d\.\d+\.conv1)\.net\.", r"backbone.\1."),
        (r"base_model\.(layer\d)\.", r"backbone.\1."),
        (r"new_fc\.", "head.fc."),
    ),
    backbone=dict(shift_div=8),
)

_STAGE = r"blocks\.([1-4])\.res_blocks\.(\d+)\."
_ABC = tuple(
    (
        _STAGE + rf"branch2\.{theirs}_{letter}\.",
        # blocks.1 is the first stage.
        rf"backbone.layer\1.\2.{own}{number}.",
    )
    for theirs, own in (("conv", "conv"), ("norm", "bn"))
    for number, letter in enumerate("abc", 1)
)
PYTORCHVIDEO = Layout(
    name="pytorchvideo",
    title="slow_r50 of PyTorchVideo",
    mark=r"blocks\.0\.conv\.weight",
    names=(
        (r"blocks\.0\.conv\.", "backbone.stem.conv."),
        (r"blocks\.0\.norm\.", "backbone.stem.bn."),
        (_STAGE + r"branch1_conv\.", r"backbone.layer\1.\2.downsample.0."),
        (_STAGE + r"branch1_norm\.", r"backbone.layer\1.\2.downsample.1."),
        *_ABC,
        (r"blocks\.5\.proj\.", "head.fc."),
    ),
    preprocessor=dict(mean=(114.75,) * 3, std=(57.375,) * 3),
)

# A block's convolution is ``conv1.0``, in two steps ``conv1.0.0`` to ``conv1.0.3``.
_TV_CONV = r"(layer\d\.\d)\.conv(\d)\."
TORCHVISION = Layout(
    name="torchvision",
    title="a video ResNet of torchvision",
    mark=r"layer1\.0\.conv1\.0\.(0\.)?weight",
    names=(
        (_TV_CONV + r"0\.0\.", r"backbone.\1.conv\2.conv_s."),
        (_TV_CONV + r"0\.1\.", r"backbone.\1.conv\2.bn_s."),
        (_TV_CONV + r"0\.3\.", r"backbone.\1.conv\2.conv_t."),
        (_TV_CONV + r"0\.", r"backbone.\1.conv\2."),
        (_TV_CONV + r"1\.", r"backbone.\1.bn\2."),
        (r"(layer\d\.\d\.downsample\.[01])\.", r"backbone.\1."),
        (r"stem\.0\.", "backbone.stem.conv."),
        (r"stem\.1\.", "backbone.stem.bn."),
        (r"stem\.3\.", "backbone.stem.conv_t."),
        (r"stem\.4\.", "backbone.stem.bn_t."),
        (r"fc\.", "head.fc."),
    ),
    backbone=dict(stem_pool=False, temporal_strides=(1, 2, 2, 2)),
    preprocessor=dict(mean=(110.2, 100.64, 95.99), std=(58.15, 56.47, 55.33)),
)

PLAIN = Layout(
    name="plain",
    title="this project's names",
    mark=r"backbone\.stem\.conv\.",
    names=((r"", ""),),
)

LAYOUTS = {
    layout.name: layout
    for layout in (
        *(ORIGINAL, REIMPLEMENTATION, TPN, MMACTION, MMACTION2, TSM, PYTORCHVIDEO),
        *(TORCHVISION, EFFICIENTNET_LITE0, PLAIN),
    )
}


def recognised(state: Collection[str]) -> Layout | None:
    """Whose names a whole checkpoint has, if it is known here."""
    return next((layout for layout in LAYOUTS.values() if layout.recognises(state)), None)
