"""The registries of this project: children of mmengine's, under the scope ``mmaction``.

``locations`` lets a registry import what it holds when it is first asked, so that building from a
config needs no import by hand.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

SCOPE = "mmaction"


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=list(locations))


MODELS = _child(MMENGINE_MODELS, "mmaction.models")
MODEL_WRAPPERS = _child(MMENGINE_MODEL_WRAPPERS, "mmaction.engine")
DATASETS = _child(MMENGINE_DATASETS, "mmaction.datasets")
DATA_SAMPLERS = _child(MMENGINE_DATA_SAMPLERS, "mmaction.datasets")
TRANSFORMS = _child(MMENGINE_TRANSFORMS, "mmaction.datasets")
FUNCTIONS = _child(MMENGINE_FUNCTIONS, "mmaction.datasets")
METRICS = _child(MMENGINE_METRICS, "mmaction.evaluation")
HOOKS = _child(MMENGINE_HOOKS, "mmaction.engine")
