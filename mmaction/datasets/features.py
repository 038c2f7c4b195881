"""A frozen backbone's features, computed once and read in the place of clips.

One file: a JSON header, int32 N×V with each view's label, then float16 N×V×C×T×h×w.
Dimension letters: N videos, V views, C×T×h×w of the backbone's features.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mmaction.datasets.batches import SampleKey
from mmaction.datasets.class_names import find_classes
from mmaction.datasets.splits import annotation_files
from mmaction.errors import ConfigError, DataError
from mmaction.files import atomic_path
from mmaction.registry import DATASETS
from mmaction.structures import ClipSample

_MAGIC = b"ST-ABN features 2\n"
_PAGE = 4096
MISSING = -2  # in the place of a label: the view has yet to be computed
# Of a data set's config, what clips are made of and in which order.
_OF_CLIPS = ("ann_file", "include", "exclude", "repeat", "pipeline", "image_tmpl", "start_index")


class FeatureFile:
    """Features of N videos in V views, memory-mapped.

    Args:
        path: Of a file that ``create`` has made.
        writable: Whether views can be put into it.

    Attributes:
        header: ``shape`` (N, V, C, T, h, w), ``names``, ``labels``, ``made_from``.
        features: float16, N×V×C×T×h×w.
        labels: int32, N×V: the class ids of views, which a flip may change; -1 where there is none,
            ``MISSING`` where there is no view yet.

    Raises:
        DataError: It is no such file, or cut short.
    """

    def __init__(self, path: str | os.PathLike[str], *, writable: bool = False) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    raise DataError(f"'{path}' is no file of features, or one of a former version")
                length = int(file.readline())
                self.header: dict[str, Any] = json.loads(file.read(length))
        except (OSError, ValueError) as e:
            if isinstance(e, DataError):
                raise
            raise DataError(f"features '{path}' can't be read: {e}") from e
        shape = tuple(self.header["shape"])
        labels, data = _layout(length, shape)
        if self.path.stat().st_size != data + 2 * int(np.prod(shape)):
            raise DataError(f"features '{path}' are cut short: compute them again")
        mode: Any = "r+" if writable else "r"
        self.labels = np.memmap(path, np.int32, mode, offset=labels, shape=shape[:2])
        self.features = np.memmap(path, np.float16, mode, offset=data, shape=shape)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        shape: Sequence[int],
        names: Sequence[str],
        labels: Sequence[int],
        made_from: Mapping[str, str],
    ) -> FeatureFile:
        """A new file without a view; its room on the disk is taken as views come.

        Args:
            path: Where it goes.
            shape: (N, V, C, T, h, w).
            names: Of the N videos.
            labels: Theirs, as listed; -1 where there is none.
            made_from: Hashes of all that the features depend on, by what it is.
        """
        header = dict(shape=list(shape), names=list(names), labels=list(map(int, labels)))
        text = json.dumps(header | dict(made_from=dict(made_from))).encode()
        views, data = _layout(len(text), shape)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(_MAGIC + b"%d\n" % len(text) + text)
            file.seek(views)
            file.write(np.full(shape[:2], MISSING, np.int32).tobytes())
            file.truncate(data + 2 * int(np.prod(shape)))
        return cls(path, writable=True)

    def put(
        self, keys: Sequence[SampleKey], features: Tensor, labels: Sequence[int | None]
    ) -> None:
        """Writes views, and only then their labels, which say that they are there.

        Args:
            keys: Of B samples, their epoch the view.
            features: B×C×T×h×w.
            labels: Class ids, B; None where there is none.
        """
        values = features.to("cpu", torch.float16).numpy()
        for key, value in zip(keys, values, strict=True):
            self.features[key.index, key.epoch] = value
        self.features.flush()
        for key, label in zip(keys, labels, strict=True):
            self.labels[key.index, key.epoch] = -1 if label is None else label
        self.labels.flush()

    def missing(self) -> list[tuple[int, int]]:
        """Video and view of those that are not there yet."""
        return [(int(n), int(v)) for n, v in zip(*np.nonzero(self.labels == MISSING), strict=True)]


def _layout(header_bytes: int, shape: Sequence[int]) -> tuple[int, int]:
    """Where the labels and the features begin."""
    labels = _pages(len(_MAGIC) + 24 + header_bytes)
    return labels, labels + _pages(4 * int(np.prod(shape[:2])))


def _pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def clips_hash(dataset: Mapping[str, Any]) -> str:
    """What a data set's clips depend on: lists, their content, and the pipeline.

    Args:
        dataset: Its config.
    """
    said = {key: dataset[key] for key in _OF_CLIPS if dataset.get(key) is not None}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    for path in annotation_files(dataset):
        try:
            digest.update(Path(path).read_bytes())
        except OSError as e:
            raise DataError(f"annotation file '{path}' can't be read: {e.strerror}") from e
    return digest.hexdigest()


def network_hash(model: Any) -> str:
    """What features depend on: the backbone's kind and weights, and the clips' normalisation.

    Args:
        model: A recognizer.
    """
    digest = hashlib.sha256(repr(model.backbone).encode())
    state = {**model.backbone.state_dict(), "normalise": model.data_preprocessor.normalise}
    for name, value in state.items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@DATASETS.register_module()
class FeatureDataset(Dataset[dict[str, Any]]):
    """Features in the place of a data set's clips, to train what stands on a frozen backbone.

    Its config is that of the clips with another ``type``; ``features`` names the file that
    tools/data/cache_features.py has made of them. Epoch e takes view e mod V of each video.

    ``dataset[key]`` gives ``features`` float16 C×T×h×w and ``sample``.

    Args:
        features: The file.
        num_classes: K; None: as many as ``classes`` names.
        classes: As of ``ClipDataset``.
        **clips: The rest of the clips' config, compared with what the features were made of.

    Raises:
        DataError: The file is incomplete, or made of other clips.
        ConfigError: ``features`` is missing, or there are edits.
    """

    on_error = "raise"

    def __init__(
        self,
        *,
        features: str | os.PathLike[str] | None = None,
        num_classes: int | None = None,
        classes: str | Sequence[str] | None = None,
        **clips: Any,
    ) -> None:
        if features is None:
            raise ConfigError(
                "FeatureDataset needs dataset.features, the file that tools/data/cache_features.py"
                " makes"
            )
        if clips.get("edits") is not None:
            raise ConfigError(
                "dataset.edits: features carry no masks along; tools/finetune_edits.py takes their"
                " clips"
            )
        self.file = FeatureFile(features)
        left = len(self.file.missing())
        if left:
            raise DataError(
                f"features '{features}' lack {left} of {self.file.labels.size} views:"
                " run tools/data/cache_features.py again, it goes on"
            )
        if self.file.header["made_from"]["clips"] != clips_hash(clips):
            raise DataError(
                f"features '{features}' were made of other lists or another pipeline: compute them"
                " again with tools/data/cache_features.py"
            )
        self.classes = find_classes(classes, annotation_files(clips)[0], num_classes)

    @property
    def metainfo(self) -> dict[str, Any]:
        """As of ``ClipDataset``."""
        return {"classes": self.classes}

    @property
    def labels(self) -> np.ndarray:
        """int64, N: class ids as listed, -1 where there is none."""
        return np.array(self.file.header["labels"], np.int64)

    def __len__(self) -> int:
        return len(self.file.labels)

    def require_made_by(self, model: Any) -> None:
        """Compares the network that the features were made by.

        Args:
            model: A recognizer, its weights loaded.

        Raises:
            DataError: It is another one.
        """
        if self.file.header["made_from"]["network"] != network_hash(model):
            raise DataError(
                f"features '{self.file.path}' were made by another backbone or other weights:"
                " compute them again with tools/data/cache_features.py"
            )

    def __getitem__(self, key: int | SampleKey) -> dict[str, Any]:
        key = key if isinstance(key, SampleKey) else SampleKey(int(key))
        if not 0 <= key.index < len(self):
            raise IndexError(f"video {key.index} of {len(self)}")
        view = key.epoch % self.file.labels.shape[1]
        label = int(self.file.labels[key.index, view])
        sample = ClipSample(
            index=key.index,
            name=self.file.header["names"][key.index],
            label=None if label < 0 else label,
            frame_indices=np.empty((1, 0), np.int64),
        )
        features = torch.from_numpy(np.array(self.file.features[key.index, view]))
        return {"features": features, "sample": sample}
