"""The neck of TPN, of its own code and of mmaction2, as ``TPN`` here."""

from __future__ import annotations

from typing import Any

from mmaction.convert.migration.former import Changed, Former


def convert_tpn(former: Former, *, clip_len: int) -> dict[str, Any]:
    """The new ``neck``; its type is taken already.

    Args:
        former: The former one.
        clip_len: Frames of a clip, and of the features.
    """
    last = tuple(former.take("in_channels", (1024, 2048)))[-1]
    width = former.take("out_channels", 256)
    _part(former, "spatial_modulation").drop("inplanes", "planes", "in_channels", "out_channels")
    temporal = _part(former, "temporal_modulation")
    key = "scales" if "scales" in temporal else "downsample_scales"
    scales = tuple(temporal.take(key, (8, 8)))
    temporal.drop("param")
    if any(clip_len % scale for scale in scales):
        temporal.refuse(key, scales, f"expected divisors of the {clip_len} frames of a clip")
    steps = tuple(clip_len // scale for scale in scales)
    _part(former, "upsampling", "upsample").drop("scale", "scale_factor")
    _part(former, "downsampling", "downsample").drop("scales", "downsample_scale", "param")
    fusion = _part(former, "level_fusion")
    fused = fusion.take("out_channels", last)
    fusion.drop("in_channels", "mid_channels", "ds_scales", "downsample_scales")
    has_head = "aux_head_config" in former or "aux_head_cfg" in former
    head = _part(former, "aux_head")
    weight = head.take("loss_weight", 0.5) if has_head else 0
    head.drop("inplanes", "planes", "in_channels", "out_channels")
    former.expect("flow_type", "cascade")
    new: dict[str, Any] = dict(type="TPN", steps=Changed(steps, f"{key}={scales} of the frames"))
    if width != last // 2:
        new["channels"] = Changed(width, "out_channels")
    if fused != last:
        new["out_channels"] = Changed(fused, "out_channels of the fusion")
    if weight != 0.5:
        new["auxiliary_weight"] = Changed(weight, "aux_head's loss_weight")
    return new


def _part(former: Former, name: str, mmaction2: str | None = None) -> Former:
    """A section of the neck: …_config of TPN's code, …_cfg of mmaction2."""
    key = f"{name}_config"
    return former.section(key if key in former else f"{mmaction2 or name}_cfg")
