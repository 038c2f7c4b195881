"""Cached features belong to the network that trains on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.hooks import Hook

from mmaction.datasets import FeatureDataset
from mmaction.engine.distributed import bare_model

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


class CachedFeaturesHook(Hook):
    """Before the first step, compares the backbone's weights with those that features are of.

    For trainings on a ``FeatureDataset``.

    Raises:
        DataError: They differ: see ``FeatureDataset.require_made_by``.
    """

    def before_train(self, runner: ActionRunner) -> None:
        dataset = runner.train_dataloader.dataset
        assert isinstance(dataset, FeatureDataset)
        dataset.require_made_by(bare_model(runner.model))
