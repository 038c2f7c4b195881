"""What scripts, notebooks and tests call."""

from mmaction.environment import import_mmengine_alone

import_mmengine_alone()  # before anything else does

from mmaction.apis.config import load_config  # noqa: E402
from mmaction.apis.test import TestOutcome, test  # noqa: E402
from mmaction.apis.train import train  # noqa: E402

__all__ = ["TestOutcome", "load_config", "test", "train"]
