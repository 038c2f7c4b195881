"""``data`` of a former config: three data sets and their loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmaction.convert.migration.data_fields import pipeline_of_fields
from mmaction.convert.migration.former import Changed, Former
from mmaction.convert.migration.steps import pipeline_of_steps

_TYPES = dict(
    RawFramesDataset="RawframeDataset",
    RawframeDataset="RawframeDataset",
    VideoDataset="VideoDataset",
)


def convert_data(former: Former) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """The new loaders.

    Args:
        former: The former ``data``.

    Returns:
        ``train_dataloader`` and its like, those that there are; T, of the first one;
        ``model.data_preprocessor``.
    """
    batch = former.take("videos_per_gpu", former.take("imgs_per_gpu", 1))
    workers = former.take("workers_per_gpu", 0)
    loaders: dict[str, Any] = {}
    clip_len, preprocessor = 0, dict[str, Any]()
    for split in ("train", "val", "test"):
        loader = former.section(f"{split}_dataloader")
        if split not in former:
            loader.rest()
            continue
        dataset, found = _dataset(former.section(split), split)
        sampled = getattr(dataset["pipeline"][0], "value", {})
        if not loaders:
            clip_len, preprocessor = sampled.get("clip_len", 1), found
        else:
            _cut_in_clips(dataset["pipeline"], clip_len)
        if found != preprocessor:
            told = {key: changed.value for key, changed in found.items()}
            former.refuse(f"{split}.img_norm_cfg", told, "another split's differs")
        loaders[f"{split}_dataloader"] = dict(
            batch_size=_batch_size(loader, split, batch),
            num_workers=Changed(loader.take("workers_per_gpu", workers), "workers_per_gpu"),
            persistent_workers=True,
            sampler=dict(type="EpochSampler", shuffle=True)
            if split == "train"
            else dict(type="EpochSampler", shuffle=False, round_up=False),
            collate_fn=dict(type="collate_clips"),
            dataset=dataset,
        )
    return loaders, clip_len, preprocessor


def _cut_in_clips(pipeline: list[Any], clip_len: int) -> None:
    """More segments than in training as several clips of so many; what TSN's tests have."""
    sampled = getattr(pipeline[0], "value", {})
    segments = sampled.get("clip_len", 0)
    if sampled.get("type") == "SampleSegments" and segments > clip_len > 0:
        clips = round(segments / clip_len)
        new = dict(sampled, clip_len=clip_len, num_clips=clips * sampled.get("num_clips", 1))
        pipeline[0] = Changed(new, f"{segments} segments: {clips} clips of {clip_len}")


def _batch_size(loader: Former, split: str, batch: int) -> Changed:
    if split == "test" and "videos_per_gpu" not in loader:
        return Changed(1, "1, whatever videos_per_gpu said")
    return Changed(loader.take("videos_per_gpu", batch), "videos_per_gpu")


def _dataset(former: Former, split: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The new data set, and what the preprocessor has to know of it."""
    kind = former.take("type")
    if kind == "RepeatDataset":
        times = former.take("times")
        dataset, preprocessor = _dataset(former.section("dataset"), split)
        return {**dataset, "repeat": Changed(times, "RepeatDataset.times")}, preprocessor
    if kind not in _TYPES:
        former.refuse("type", kind, f"there are {', '.join(_TYPES)}")
    root_key = "img_prefix" if "img_prefix" in former else "data_prefix"
    template_key = "image_tmpl" if "image_tmpl" in former else "filename_tmpl"
    new: dict[str, Any] = dict(
        type=_TYPES.get(kind, kind),
        ann_file=_list(former),
        data_root=Changed(former.take(root_key) or ".", root_key),
    )
    template = former.take(template_key)
    if template is not None:
        new["image_tmpl"] = Changed(template, template_key)
    if "start_index" in former:
        new["start_index"] = former.take("start_index")
    if "pipeline" in former:
        pipeline, normalize = pipeline_of_steps(former, split)
    else:
        pipeline, normalize = pipeline_of_fields(former, split), former.section("img_norm_cfg")
    for key, value in (("modality", "RGB"), ("with_offset", False)):
        former.expect(key, value)
    former.drop("test_mode", "num_classes")
    return new | dict(pipeline=pipeline), _preprocessor(normalize)


def _list(former: Former) -> Any:
    name = former.take("ann_file")
    if former.take("multi_class", False):
        return Changed(
            name, "multi_class, whose lists say `3 17`: several labels stand as `3,17` here"
        )
    return name


def _preprocessor(normalize: Former) -> dict[str, Any]:
    normalize.expect("to_rgb", True)
    normalize.expect("to_bgr", False)
    given: Mapping[str, Any] = {
        key: Changed(tuple(normalize.take(key)), f"img_norm_cfg.{key}")
        for key in ("mean", "std")
        if key in normalize
    }
    return dict(given)
