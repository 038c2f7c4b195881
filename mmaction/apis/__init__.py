"""What scripts, notebooks and tests call."""

from mmaction.apis.config import load_config
from mmaction.apis.test import TestOutcome, test
from mmaction.apis.train import train

__all__ = ["TestOutcome", "load_config", "test", "train"]
