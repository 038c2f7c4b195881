"""``model.backbone`` of a former config: ResNets of clips and of images, all ``ResNet3D`` here."""

from __future__ import annotations

from typing import Any

from mmaction.convert.migration.former import Changed, Former

# What each of them leaves unsaid: the stem's kernel, inflation, whether time has a second pool.
_SLOW: tuple[Any, ...] = ((1, 7, 7), (0, 0, 1, 1), False)
OF_CLIPS = dict(
    ResNet_SlowFast=_SLOW, ResNet3dSlowOnly=_SLOW, ResNet3d=((3, 7, 7), (1, 1, 1, 1), True)
)
OF_IMAGES = ("ResNet", "ResNetTSM")
_NORMS = [
    dict(type=kind, **o) for kind in ("BN3d", "BN2d", "BN") for o in ({}, {"requires_grad": True})
]
# TPN's shift is in every block; here deeper networks have it in every second one, as TSM's.
_SHIFTED_DENSELY = 50


def convert_backbone(former: Former, *, of_images: bool) -> dict[str, Any]:
    """The new ``backbone``.

    Args:
        former: The former one.
        of_images: Whether it sees frame by frame.
    """
    kind = former.take("type")
    known = OF_IMAGES if of_images else tuple(OF_CLIPS)
    if kind not in known:
        former.refuse("type", kind, f"there are {' and '.join(known)}: ResNet3D")
    new: dict[str, Any] = dict(type=Changed("ResNet3D", f"'{kind}'"), depth=former.take("depth"))
    new |= _of_images(former, kind, new["depth"]) if of_images else _of_clips(former, kind)
    non_local = _by_block(former.take("non_local", (0, 0, 0, 0)))
    options = former.take("non_local_cfg", {})
    if any(non_local):
        new |= dict(non_local=non_local, non_local_cfg=dict(options))
    stages = tuple(former.take("out_indices", (3,)))
    if stages != (3,):
        new["out_stages"] = Changed(tuple(n + 1 for n in stages), f"out_indices={stages}, from 0")
    new["pretrained"] = _pretrained(former)
    zero = former.take("zero_init_residual", kind in ("ResNet3dSlowOnly", "ResNet3d"))
    if zero and new["pretrained"] is None:
        new["zero_init_residual"] = Changed(True, "unsaid, or zero_init_residual")
    new["with_cp"] = former.take("with_cp", False)
    eval_key = "bn_eval" if "bn_eval" in former else "norm_eval"
    if former.take(eval_key, False):
        new["norm_eval"] = Changed(True, eval_key)
    frozen = former.take("frozen_stages", -1)
    if frozen >= 0:
        new["frozen_stages"] = frozen
    former.expect("num_stages", 4)
    former.expect("in_channels", 3)
    former.expect("dilations", (1, 1, 1, 1), [1, 1, 1, 1])
    former.expect("style", "pytorch")
    for key in ("bn_frozen", "partial_bn", "lateral"):
        former.expect(key, False)
    former.expect("act_cfg", dict(type="ReLU", inplace=True))
    former.expect("norm_cfg", *_NORMS)
    former.expect("conv_cfg", *[dict(type=t) for t in ("Conv3d", "Conv2d", "Conv")])
    return new


def _of_clips(former: Former, kind: str) -> dict[str, Any]:
    stem, inflate, pool2 = OF_CLIPS.get(kind, _SLOW)
    inflate_key = "inflate_freq" if "inflate_freq" in former else "inflate"
    inflate = _by_block(former.take(inflate_key, inflate))
    flags = {flag for stage in inflate for flag in (stage if isinstance(stage, tuple) else [stage])}
    if len(inflate) != 4 or not flags <= {0, 1}:
        former.refuse(inflate_key, inflate, "expected 0 or 1 for each of the four stages")
    new: dict[str, Any] = dict(
        inflate=Changed(inflate, inflate_key) if inflate_key != "inflate" else inflate,
        inflate_style=former.take("inflate_style", "3x1x1"),
    )
    stem = tuple(former.take("conv1_kernel", (former.take("conv1_kernel_t", stem[0]), 7, 7)))
    if stem != (1, 7, 7):
        new["stem_kernel"] = Changed(stem, "conv1_kernel")
    stride = former.take("conv1_stride_t", 1)
    if stride != 1:
        new["stem_temporal_stride"] = Changed(stride, "conv1_stride_t")
    pools = (former.take("pool1_stride_t", 1), 2 if former.take("with_pool2", pool2) else 1)
    if pools != (1, 1):
        new["pool_temporal_strides"] = Changed(pools, "pool1_stride_t, with_pool2")
    for key, same in (("spatial_strides", (1, 2, 2, 2)), ("temporal_strides", (1, 1, 1, 1))):
        strides = tuple(former.take(key, same))
        if strides != same:
            new[key] = strides
    former.expect("pool1_kernel_t", 1)
    former.expect("with_pool1", True)
    former.expect("pretrained2d", True)
    return new


def _of_images(former: Former, kind: str, depth: Any) -> dict[str, Any]:
    new: dict[str, Any] = dict(inflate=Changed((0, 0, 0, 0), "a network of images"))
    former.drop("nsegments", "num_segments")  # said with the data
    if former.take("tsm", False):
        in_place = former.take("tsm_position", "inplace") == "inplace"
        new |= dict(shift_div=Changed(8, "tsm"), shift_shortcut=Changed(in_place, "tsm_position"))
        if isinstance(depth, int) and depth > _SHIFTED_DENSELY:
            former.refuse("tsm", True, "of this depth the shift is in every second block here")
    elif kind == "ResNetTSM" and former.take("is_shift", True):
        new["shift_div"] = former.take("shift_div", 8)
    strides = tuple(former.take("strides", (1, 2, 2, 2)))
    if strides != (1, 2, 2, 2):
        new["spatial_strides"] = Changed(strides, "strides")
    for key, value in dict(
        shift_place="blockres", temporal_pool=False, torchvision_pretrain=True, groups=1
    ).items():
        former.expect(key, value)
    return new


def _by_block(given: Any) -> tuple[Any, ...]:
    """A flag for each stage, or one for each of its blocks, as tuples."""
    if isinstance(given, int):
        return (given,) * 4
    return tuple(stage if isinstance(stage, int) else tuple(stage) for stage in given)


def _pretrained(former: Former) -> Any:
    given = former.take("pretrained")
    if isinstance(given, str) and given.startswith("modelzoo://"):
        return Changed(given.replace("modelzoo://", "torchvision://"), repr(given))
    return given
