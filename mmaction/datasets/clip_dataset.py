"""Data sets of clips, whose frames are image files, a pack of these, or video files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from torch.utils.data import Dataset

from mmaction.datasets.annotations import NO_LABEL, AnnotationList, path_list
from mmaction.datasets.batches import SampleKey
from mmaction.datasets.class_names import find_classes, mirrored_classes
from mmaction.datasets.edits import VideoEdit, read_edits
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.datasets.sources.lmdb import SUFFIX, LmdbFrames, refuse_former_packs
from mmaction.datasets.sources.video import VideoFiles
from mmaction.datasets.splits import check_labels
from mmaction.datasets.transforms.geometry import Flip
from mmaction.datasets.transforms.operators import TorchvisionTransform
from mmaction.datasets.transforms.pipeline import Pipeline, Results
from mmaction.errors import ConfigError, DataError, TransientError, near
from mmaction.registry import DATASETS
from mmaction.structures import BadVideo

Path = str | os.PathLike[str]
Paths = Path | Sequence[Path]
ON_ERROR = ("raise", "resample")
# How many videos are tried in the place of one before there must be another reason than bad files.
MOST_TRIES = 10


class ClipDataset(Dataset[Results], ABC):
    """Clips of the videos of one or several annotation files.

    ``dataset[key]`` takes a :class:`SampleKey` (or an index: epoch 0, seed 0) and returns what
    the pipeline packs: ``inputs`` uint8 V×T×H×W×3 RGB, ``color`` float32 3×4, ``sample``.

    Args:
        ann_file: Annotation file or files, a line a video: see ``AnnotationList.load``.
        data_root: The names are relative to this; one for all annotation files, or one for each.
        pipeline: Configs of the transforms.
        num_classes: K; None: as many as ``classes`` names, or unchecked where there are none.
        classes: Class names by label, or a file with one name a line; None: ``classes.txt``
            beside the first annotation file, if there is one.
        include: Shell pattern or patterns of the names to keep.
        exclude: Shell pattern or patterns of the names to leave out.
        repeat: How often an epoch goes over the videos; one for all annotation files, or one for
            each.
        on_error: What a video that can't be read does. ``'raise'`` ends the run with its name and
            what is wrong with it. ``'resample'``, for training, takes another video in its place;
            the run logs each such video once.
        max_bad_fraction: With ``'resample'``, the share of videos, in [0, 1], beyond which the run
            ends with a list of them.
        edits: File that says of some of the videos where and when to look (``datasets.edits``);
            ``loss_weights`` of the recognizer say how much that counts.

    Raises:
        DataError: A list, label or frame name that can't be right.
        ConfigError: An argument or a pipeline that can't be right.
    """

    of_files: ClassVar[bool] = False  # whether lists name video files, which know their length

    def __init__(
        self,
        *,
        ann_file: Paths,
        data_root: Paths,
        pipeline: Sequence[Mapping[str, Any]],
        num_classes: int | None = None,
        classes: Path | Sequence[str] | None = None,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        repeat: int | Sequence[int] = 1,
        on_error: str = "raise",
        max_bad_fraction: float = 0.01,
        edits: Path | None = None,
    ) -> None:
        if on_error not in ON_ERROR:
            raise ConfigError(f"on_error={on_error!r}: expected one of {', '.join(ON_ERROR)}")
        if not 0 <= max_bad_fraction <= 1:
            raise ConfigError(f"max_bad_fraction={max_bad_fraction}: expected a share in [0, 1]")
        self.on_error = on_error
        self.max_bad_fraction = max_bad_fraction
        self.pipeline = Pipeline(pipeline)
        files = path_list(ann_file)
        roots = one_a_file("data_root", data_root, files)
        annotations = AnnotationList.load(
            files, include=include, exclude=exclude, of_files=self.of_files, roots=roots
        )
        self.annotations = annotations.repeated(one_a_file("repeat", repeat, files))
        self.classes = find_classes(classes, files[0], num_classes)
        self.num_classes = num_classes if self.classes is None else len(self.classes)
        if self.num_classes is not None:
            check_labels(annotations, self.num_classes)
        if (self.labels != NO_LABEL).any():
            self._tell_classes(files[0])
        self.data_root = os.fspath(roots[0])
        self.sources = self._open_sources([os.fspath(root) for root in roots])
        self.edits = {} if edits is None else self._read_edits(edits)

    def _read_edits(self, path: Path) -> dict[str, VideoEdit]:
        """The edits, compared with the videos that there are, and with the pipeline."""
        edits = read_edits(path)
        if any(isinstance(step, TorchvisionTransform) for step in self.pipeline.transforms):
            raise ConfigError(f"edits '{path}': TorchvisionTransform takes no masks along: drop it")
        numbers = {self.name(n): n for n in range(len(self))}
        for name, edit in edits.items():
            if name not in numbers:
                raise DataError(
                    f"edits '{path}': no video {name!r} in '{self.annotations.files[0]}'"
                    f"{near(name, numbers)}"
                )
            index = numbers[name]
            frames, start = int(self.annotations.frames[index]), self.annotations.starts[index]
            last = max(int(start), 0) + frames - 1 + self.source_of(index).start_index
            if frames and edit.last_frame > last:
                raise DataError(
                    f"edits '{path}': video {name!r}: frame {edit.last_frame}: the last one is"
                    f" {last}"
                )
        return edits

    def _tell_classes(self, source: str) -> None:
        """Has the transforms that change labels, or must not, know the classes."""
        steps = self.pipeline.transforms
        directed = bool(mirrored_classes(self.classes or ()))
        for flip in [step for step in steps if isinstance(step, Flip)]:
            flip.use_classes(self.classes, self.num_classes, source=source)
            directed |= bool(flip.label_map)
        for operator in [step for step in steps if isinstance(step, TorchvisionTransform)]:
            operator.use_directions(directed=directed)

    @abstractmethod
    def open_source(self, data_root: str, example: str) -> FrameSource:
        """The source of the videos below ``data_root``, of which ``example`` names one.

        Raises:
            DataError: They are not there, or not as they should be.
        """

    def _open_sources(self, roots: list[str]) -> list[FrameSource]:
        """A source for each annotation file; a file whose videos are all left out needs none."""
        opened: dict[str, FrameSource] = {}
        for file_id, root in enumerate(roots):
            members = np.flatnonzero(self.annotations.file_ids == file_id)
            if len(members) and root not in opened:
                opened[root] = self.open_source(root, self.annotations.name(int(members[0])))
        return [opened.get(root, next(iter(opened.values()))) for root in roots]

    @property
    def metainfo(self) -> dict[str, Any]:
        """What mmengine hands to metrics and visualizers: the class names."""
        return {"classes": self.classes}

    @property
    def labels(self) -> np.ndarray:
        """int64, N: class ids, -1 where the annotation has none."""
        return self.annotations.labels

    def __len__(self) -> int:
        return len(self.annotations)

    def name(self, index: int) -> str:
        """What results call video ``index``."""
        return self.annotations.title(index)

    def total_frames(self, index: int) -> int:
        """Frames of video ``index``: as annotated, else as its source counts them."""
        annotated = int(self.annotations.frames[index])
        return annotated or self.source_of(index).count(self.annotations.name(index))

    def source_of(self, index: int) -> FrameSource:
        """Where the frames of video ``index`` come from."""
        return self.sources[self.annotations.file_ids[index]]

    def __getitem__(self, key: int | SampleKey) -> Results:
        key = key if isinstance(key, SampleKey) else SampleKey(int(key))
        if not 0 <= key.index < len(self):
            raise IndexError(f"video {key.index} of {len(self)}")
        if self.on_error == "raise":
            return self._load(key)
        return self._load_or_replace(key)

    def _load(self, key: SampleKey, replaces: tuple[BadVideo, ...] = ()) -> Results:
        return self.pipeline(
            {
                "index": key.index,
                "name": self.annotations.name(key.index),
                "title": self.name(key.index),
                "label": self.annotations.label(key.index),
                "more_labels": self.annotations.further_labels(key.index),
                "total_frames": self.total_frames(key.index),
                "first_frame": max(int(self.annotations.starts[key.index]), 0),
                "rng": key.rng(),
                "source": self.source_of(key.index),
                "replaces": replaces,
                "edit": self.edits.get(self.name(key.index)),
            }
        )

    def _load_or_replace(self, key: SampleKey) -> Results:
        """Load the sample, or another in its place; which one follows from the key alone."""
        failed: tuple[BadVideo, ...] = ()
        # Not the sample's own generator: that would repeat the augmentation's draws.
        others = np.random.default_rng([*key, MOST_TRIES])
        while True:
            try:
                return self._load(key, failed)
            except TransientError:  # no fault of the video's, as of predict
                raise
            except DataError as error:
                failed += (BadVideo(self.name(key.index), str(error)),)
            if len(failed) == MOST_TRIES:
                raise DataError(
                    f"{MOST_TRIES} videos tried in a row can't be read, the last:"
                    f" {failed[-1].reason}"
                )
            key = key._replace(index=int(others.integers(len(self))))


@DATASETS.register_module()
class RawframeDataset(ClipDataset):
    """Clips of videos whose frames are image files, a directory a video.

    Where ``data_root`` ends in ``.lmdb``, it is a pack of these directories.

    Args:
        image_tmpl: File name of a frame such as ``img_{:05d}.jpg``; None: found out.
        start_index: Number of a video's first frame; None: found out, 0 or 1.
        **kwargs: See :class:`ClipDataset`.
    """

    def __init__(
        self, *, image_tmpl: str | None = None, start_index: int | None = None, **kwargs: Any
    ) -> None:
        self.image_tmpl = image_tmpl
        self.start_index = start_index
        super().__init__(**kwargs)

    def open_source(self, data_root: str, example: str) -> FrameSource:
        if not os.path.isdir(data_root):
            refuse_former_packs(data_root)
        return find_frames(
            data_root,
            example,
            image_tmpl=self.image_tmpl,
            start_index=self.start_index,
            kind=LmdbFrames if data_root.endswith(SUFFIX) else FrameDirectory,
        )


@DATASETS.register_module()
class VideoDataset(ClipDataset):
    """Clips of video files (mp4, webm, avi and whatever else FFmpeg reads).

    An annotation line names the file with its suffix: ``folder/video.mp4 label``, or
    ``folder/video.mp4 frames label``. The pipeline is that of frames; see :class:`ClipDataset` for
    the arguments.
    """

    of_files: ClassVar[bool] = True

    def open_source(self, data_root: str, example: str) -> FrameSource:
        return VideoFiles(data_root=data_root)


def one_a_file(key: str, given: Any, files: Sequence[Path]) -> list[Any]:
    """``given`` for each annotation file, whether it was said once or for each.

    Args:
        key: What the config calls it.
        given: One value, or a list of them.
        files: The annotation files.

    Raises:
        ConfigError: There are more or fewer than files.
    """
    one = isinstance(given, str | os.PathLike | int)
    values = [given] * len(files) if one else list(given)
    if len(values) != len(files):
        raise ConfigError(
            f"{key}: {len(values)} for {len(files)} annotation files; give one, or one a file"
        )
    return values
