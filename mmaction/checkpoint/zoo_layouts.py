"""How public model zoos name the weights of 3D ResNets, TSM and TPN.

What follows a part's name is the same everywhere, such as ``weight`` or ``running_mean``.
"""

from __future__ import annotations

from mmaction.checkpoint.layout import Layout

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
