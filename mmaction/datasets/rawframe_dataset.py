"""Videos as directories of frames, listed in annotation files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils.data import Dataset

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.frame_directory import find_frames
from mmaction.datasets.pipeline import Pipeline, Results
from mmaction.datasets.samplers import SampleKey
from mmaction.datasets.transforms import Flip
from mmaction.datasets.validation import check_labels
from mmaction.errors import ConfigError, DataError
from mmaction.registry import DATASETS

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
CLASSES_FILE = "classes.txt"


@DATASETS.register_module()
class RawframeDataset(Dataset[Results]):
    """Clips of videos whose frames are image files, a directory a video.

    ``dataset[key]`` takes a :class:`SampleKey` (or an index: epoch 0, seed 0) and returns what
    the pipeline packs: ``inputs`` uint8 V×T×H×W×3 RGB, ``color`` float32 3×4, ``sample``.

    Args:
        ann_file: Annotation file or files, a line a video: ``directory frames label``.
        data_root: The directories are relative to this one.
        pipeline: Configs of the transforms.
        num_classes: K; None: as many as ``classes`` names, or unchecked where there are none.
        classes: Class names by label, or a file with one name a line; None: ``classes.txt``
            beside the first annotation file, if there is one.
        image_tmpl: File name of a frame such as ``img_{:05d}.jpg``; None: found out.
        start_index: Number of a video's first frame; None: found out, 0 or 1.
        include: Shell pattern or patterns of the names to keep.
        exclude: Shell pattern or patterns of the names to leave out.

    Raises:
        DataError: A list, label or frame name that can't be right.
        ConfigError: A pipeline that can't be built.
    """

    def __init__(
        self,
        *,
        ann_file: Paths,
        data_root: str | os.PathLike[str],
        pipeline: Sequence[Mapping[str, Any]],
        num_classes: int | None = None,
        classes: str | os.PathLike[str] | Sequence[str] | None = None,
        image_tmpl: str | None = None,
        start_index: int | None = None,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
    ) -> None:
        self.pipeline = Pipeline(pipeline)
        self.annotations = AnnotationList.load(ann_file, include=include, exclude=exclude)
        self.classes = find_classes(classes, self.annotations.files[0])
        self.num_classes = self._count_classes(num_classes)
        if self.num_classes is not None:
            check_labels(self.annotations, self.num_classes)
            self._check_label_maps(self.num_classes)
        self.data_root = os.fspath(data_root)
        self.source = find_frames(
            data_root, self.annotations.name(0), image_tmpl=image_tmpl, start_index=start_index
        )

    @property
    def metainfo(self) -> dict[str, Any]:
        """What mmengine hands to metrics and visualizers: the class names."""
        return {"classes": self.classes}

    def __len__(self) -> int:
        return len(self.annotations)

    def name(self, index: int) -> str:
        """Name of video ``index``."""
        return self.annotations.name(index)

    def __getitem__(self, key: int | SampleKey) -> Results:
        key = key if isinstance(key, SampleKey) else SampleKey(int(key))
        if not 0 <= key.index < len(self):
            raise IndexError(f"video {key.index} of {len(self)}")
        return self.pipeline(
            {
                "index": key.index,
                "name": self.name(key.index),
                "label": self.annotations.label(key.index),
                "total_frames": int(self.annotations.frames[key.index]),
                "rng": key.rng(),
                "source": self.source,
            }
        )

    def _count_classes(self, num_classes: int | None) -> int | None:
        if self.classes is None:
            return num_classes
        if num_classes is not None and num_classes != len(self.classes):
            raise ConfigError(
                f"num_classes={num_classes}, but there are {len(self.classes)} class names"
                f" ('{self.classes[0]}', …) for '{self.annotations.files[0]}'"
            )
        return len(self.classes)

    def _check_label_maps(self, num_classes: int) -> None:
        for transform in self.pipeline.transforms:
            if isinstance(transform, Flip) and max(transform.label_map, default=0) >= num_classes:
                raise ConfigError(
                    f"Flip: label_map names class {max(transform.label_map)}, but"
                    f" '{self.annotations.files[0]}' has {num_classes} classes"
                )


def find_classes(
    classes: str | os.PathLike[str] | Sequence[str] | None, ann_file: str
) -> tuple[str, ...] | None:
    """Class names as given, from a file, or from ``classes.txt`` beside the annotation file.

    Raises:
        DataError: A file that can't be read, or holds an empty line between names.
    """
    if classes is None:
        classes = os.path.join(os.path.dirname(ann_file), CLASSES_FILE)
        if not os.path.exists(classes):
            return None
    if not isinstance(classes, str | os.PathLike):
        return tuple(classes)
    try:
        with open(classes, encoding="utf-8-sig") as file:
            names = [line.strip() for line in file.read().rstrip().split("\n")]
    except OSError as error:
        raise DataError(f"classes '{classes}' can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"classes '{classes}' is not UTF-8 text") from None
    if not all(names):
        raise DataError(f"{classes}:{names.index('') + 1}: an empty line; a line names a class")
    return tuple(names)
