"""Videos as image files, a file a frame: in directories, or packed into one file."""

from __future__ import annotations

from typing import Any

from mmaction.datasets.clip_dataset import ClipDataset
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.lmdb import SUFFIX, find_lmdb_frames, refuse_former_packs
from mmaction.registry import DATASETS


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
        refuse_former_packs(data_root)
        find = find_lmdb_frames if data_root.endswith(SUFFIX) else find_frames
        return find(data_root, example, image_tmpl=self.image_tmpl, start_index=self.start_index)
