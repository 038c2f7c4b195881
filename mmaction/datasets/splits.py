"""The splits of a data set, and what a config says of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

SPLITS = ("train", "val", "test")


def dataset_configs(cfg: Config) -> Iterator[tuple[str, Any]]:
    """The data set configs that ``cfg`` has, by split."""
    for split in SPLITS:
        loader = cfg.get(f"{split}_dataloader")
        if loader:
            yield split, loader.get("dataset")
