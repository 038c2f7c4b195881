"""The pipeline in the place of the fields that a data set of TPN and ST-ABN's first code has."""

from __future__ import annotations

from typing import Any

from mmaction.convert.migration.former import Changed, Former
from mmaction.convert.migration.steps import PACK, Steps, flip, sampling

# As those codes draw it, but once for a clip and not for each frame.
_COLOR = dict(
    type="ColorJitter", brightness=32 / 255, contrast=0.4, saturation=0.4, hue=0.5, pca=0.1
)
_CROPS = {None: "CenterCrop", "None": "CenterCrop", "three_crop": "ThreeCrop"}
_CROPS["ten_crop"] = "TenCrop"


def pipeline_of_fields(former: Former, split: str) -> Steps:
    """Takes the fields that say how clips are made.

    Args:
        former: The former data set.
        split: train, val or test.
    """
    former.expect("modality", "RGB")
    former.expect("input_format", "NCTHW", "NCHW")
    former.expect("resize_keep_ratio", True)
    former.expect("div_255", False)
    former.drop("test_mode")
    clips, length = former.take("num_segments", 1), former.take("new_length", 1)
    interval = former.take("new_step", 1)
    random = former.take("random_shift", True) and split == "train"
    frames = sampling(length, interval, clips, placement="random" if random else "center")
    was = f"num_segments={clips}, new_length={length}, new_step={interval}"
    pipeline = [Changed(frames, was), dict(type="DecodeFrames"), *_crop(former)]
    prob = former.take("flip_ratio", 0)
    if prob:
        pipeline.append(flip(prob, None))
    jitter, space = former.take("color_jitter", False), former.take("color_space_aug", False)
    if jitter:
        color = _COLOR if space else dict(type="ColorJitter", pca=_COLOR["pca"])
        pipeline.append(Changed(color, "color_jitter, color_space_aug, drawn for each frame"))
    return [*pipeline, PACK]


def _crop(former: Former) -> Steps:
    short_side, size = former.take("img_scale", 256), former.take("input_size")
    by_area = former.take("resize_crop", False)
    by_scales = former.take("rescale_crop", False) or former.take("multiscale_crop", False)
    scales, distort = former.take("scales"), former.take("max_distort", 1)
    oversample = former.take("oversample")
    if by_area:
        was = "resize_crop; img_scale and max_distort change nothing in it"
        return [Changed(dict(type="RandomResizedCrop", size=size), was)]
    resize = Changed(dict(type="Resize", short_side=short_side), "img_scale")
    if by_scales:
        crop: dict[str, Any] = dict(type="MultiScaleCrop", size=size, max_distort=distort)
        return [resize, Changed(crop | (dict(scales=scales) if scales else {}), "rescale_crop")]
    if oversample not in _CROPS:
        former.refuse("oversample", oversample, f"there are {', '.join(map(repr, _CROPS))}")
    kind = _CROPS.get(oversample, "CenterCrop")
    return [resize, Changed(dict(type=kind, size=size), f"input_size, oversample={oversample!r}")]
