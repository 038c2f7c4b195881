"""Cached features belong to the network that trains on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmaction.datasets import FeatureDataset

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


class CachedFeaturesHook(Hook):
    """Before the first step, compares the backbone's weights with those that features are of.

    Raises:
        DataError: They differ: see ``FeatureDataset.require_made_by``.
    """

    def before_train(self, runner: ActionRunner) -> None:
        dataset = runner.train_dataloader.dataset
        if isinstance(dataset, FeatureDataset):
            model = runner.model
            dataset.require_made_by(model.module if is_model_wrapper(model) else model)
