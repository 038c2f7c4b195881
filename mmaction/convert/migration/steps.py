"""Steps of a pipeline of MMAction 0.x and mmaction2 0.x, each in this project's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mmaction.convert.migration.former import Changed, Former

Steps = list[Any]
PACK = dict(type="PackClips")
_FLIP = "flip_ratio; it keeps labels: label_map='sthv1' or 'sthv2' swaps left and right"
# Crops whose size a Resize behind them says there.
_SIZED_BEHIND = ("RandomResizedCrop", "MultiScaleCrop")


def sampling(length: int, interval: int, clips: int, *, placement: str) -> dict[str, Any]:
    """The step that samples; clips of one frame are the segments of one clip.

    Args:
        length: Frames of a clip.
        interval: Between them.
        clips: Of a video.
        placement: random or center: tests of those codes too take the centres of equal parts.
    """
    if length == 1:
        return dict(type="SampleSegments", clip_len=clips, placement=placement)
    window = dict(type="SampleFrames", clip_len=length, frame_interval=interval)
    return window | (dict(num_clips=clips) if clips > 1 else {}) | dict(placement=placement)


def flip(prob: float, label_map: Mapping[int, int] | None) -> Changed:
    """The step that flips half of the clips or another share of them."""
    if label_map:
        return Changed(dict(type="Flip", prob=prob, label_map=dict(label_map)), "flip_label_map")
    return Changed(dict(type="Flip", prob=prob), _FLIP)


def pipeline_of_steps(former: Former, split: str) -> tuple[Steps, Former]:
    """Takes the ``pipeline`` of a former data set and translates it step by step.

    Args:
        former: The data set.
        split: train, val or test.

    Returns:
        The new steps, and what ``Normalize`` says.
    """
    new: Steps = []
    normalize = former.part("pipeline", {})
    for number, given in _with_sizes(former.take("pipeline")):
        step = former.part(f"pipeline[{number}]", given)
        kind = step.take("type")
        if kind == "Normalize":
            normalize = step
        elif kind in _TRANSLATIONS:
            new += _TRANSLATIONS[kind](step, split)
        elif kind in _NEEDLESS:
            step.rest()
        else:
            step.refuse("type", kind, "no such step here")
            step.rest()
    return [*new, Changed(PACK, "FormatShape, Collect, ToTensor")], normalize


def _with_sizes(steps: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """The numbered steps, with a ``Resize`` that only completes a crop put into the crop."""
    numbered: list[tuple[int, Mapping[str, Any]]] = []
    for number, step in enumerate(steps):
        before = numbered[-1][1] if numbered else {}
        completes = step.get("type") == "Resize" and not step.get("keep_ratio", True)
        if completes and before.get("type") in _SIZED_BEHIND and "scale" in step:
            numbered[-1] = (number - 1, {**before, "input_size": step["scale"]})
        else:
            numbered.append((number, step))
    return numbered


def _size(scale: Any) -> Any:
    """Width and height as ``size`` says them: a number, or height and width."""
    if isinstance(scale, int):
        return scale
    width, height = scale
    return width if width == height else (height, width)


def _crop_size(former: Former, key: str) -> Any:
    scale = former.take(key)
    if scale is None:
        former.refuse(key, scale, "no size here, nor of a Resize(keep_ratio=False) behind it")
        return None
    return _size(scale)


def _sample(former: Former, split: str) -> Steps:
    length, clips = former.take("clip_len", 1), former.take("num_clips", 1)
    interval = former.take("frame_interval", 1)
    short = former.take("out_of_bound_opt", "loop")
    jitter = former.take("temporal_jitter", False)
    twice = former.take("twice_sample", False)
    former.drop("start_index", "test_mode")
    window = sampling(length, interval, clips, placement="random" if split == "train" else "center")
    if window["type"] == "SampleFrames" and short != "repeat_last":
        window["short_video"] = short
    if jitter and window["type"] == "SampleFrames":
        window["temporal_jitter"] = True
    was = f"clip_len={length}, frame_interval={interval}, num_clips={clips}, test_mode"
    if twice and window["type"] == "SampleSegments":
        window["num_clips"], was = 2, f"{was}; twice_sample, half a segment before"
    elif twice:
        former.refuse("twice_sample", True, "of segments alone")
    return [Changed(window, was)]


def _sample_dense(former: Former, split: str) -> Steps:
    former.drop("sample_range", "num_sample_positions")
    [window] = _sample(former, split)
    return [Changed(window.value, "DenseSampleFrames, from a part of the video of sample_range")]


def _decode(former: Former, split: str) -> Steps:
    former.drop("io_backend", "decoding_backend", "mode", "num_threads", "multi_thread")
    return [Changed(dict(type="DecodeFrames"), "RawFrameDecode or a video decoder")]


def _resize(former: Former, split: str) -> Steps:
    scale, keep_ratio = former.take("scale"), former.take("keep_ratio", True)
    former.drop("interpolation", "lazy")
    if not keep_ratio:
        return [Changed(dict(type="Resize", size=_size(scale)), f"scale={scale}")]
    if not isinstance(scale, Sequence) or scale[0] not in (-1, float("inf")):
        former.refuse("scale", scale, "expected (-1, short side), or keep_ratio=False")
        return []
    return [Changed(dict(type="Resize", short_side=scale[1]), f"scale={scale}")]


def _random_resized_crop(former: Former, split: str) -> Steps:
    crop = dict(type="RandomResizedCrop", size=_crop_size(former, "input_size"))
    for key, new in (("area_range", "scale"), ("aspect_ratio_range", "ratio")):
        if key in former:
            crop[new] = tuple(former.take(key))
    former.drop("lazy")
    return [Changed(crop, "RandomResizedCrop, then Resize")]


def _multi_scale_crop(former: Former, split: str) -> Steps:
    crop = dict(type="MultiScaleCrop", size=_crop_size(former, "input_size"))
    crop["scales"] = former.take("scales", (1,))
    crop["max_distort"] = former.take("max_wh_scale_gap", 1)
    fixed = former.take("num_fixed_crops", 5)
    crop["num_positions"] = None if former.take("random_crop", False) else fixed
    former.drop("lazy")
    return [Changed(crop, "max_wh_scale_gap, num_fixed_crops, then Resize")]


def _fixed_crop(former: Former, split: str, *, kind: str) -> Steps:
    former.drop("lazy")
    return [Changed(dict(type=kind, size=_crop_size(former, "crop_size")), "crop_size")]


def _flip(former: Former, split: str) -> Steps:
    former.expect("direction", "horizontal")
    former.drop("lazy", "left_kp", "right_kp")
    prob, label_map = former.take("flip_ratio", 0.5), former.take("flip_label_map")
    return [flip(prob, label_map)] if prob else []


def _color_jitter(former: Former, split: str) -> Steps:
    unsaid = dict(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1)
    given = {key: former.take(key, value) for key, value in unsaid.items()}
    return [Changed(dict(type="ColorJitter") | given, "ColorJitter, drawn once for a clip here")]


_TRANSLATIONS: dict[Any, Callable[[Former, str], Steps]] = dict(
    SampleFrames=_sample,
    DenseSampleFrames=_sample_dense,
    RawFrameDecode=_decode,
    FrameSelector=_decode,
    DecordDecode=_decode,
    OpenCVDecode=_decode,
    PyAVDecode=_decode,
    Resize=_resize,
    RandomResizedCrop=_random_resized_crop,
    MultiScaleCrop=_multi_scale_crop,
    **{kind: partial(_fixed_crop, kind=kind) for kind in ("CenterCrop", "ThreeCrop", "TenCrop")},
    Flip=_flip,
    ColorJitter=_color_jitter,
)
_NEEDLESS = ("DecordInit", "OpenCVInit", "PyAVInit", "FormatShape", "Collect", "ToTensor")
