"""The registries of this project: children of mmengine's, under the scope ``mmaction``.

``locations`` lets a registry import what it holds when it is first asked, so that building from a
config needs no import by hand. Those that name none are there because mmengine looks for a child of
this scope in each of its trees, and warns where it finds none, or one without a location.
"""

from mmengine import registry as mmengine
from mmengine.registry import Registry

SCOPE = "mmaction"


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(
        parent.name, parent=parent, scope=SCOPE, locations=list(locations or [__name__])
    )


MODELS = _child(mmengine.MODELS, "mmaction.models")
DATASETS = _child(mmengine.DATASETS, "mmaction.datasets")
DATA_SAMPLERS = _child(mmengine.DATA_SAMPLERS, "mmaction.datasets")
TRANSFORMS = _child(mmengine.TRANSFORMS, "mmaction.datasets")
FUNCTIONS = _child(mmengine.FUNCTIONS, "mmaction.datasets")
METRICS = _child(mmengine.METRICS, "mmaction.evaluation")
HOOKS = _child(mmengine.HOOKS, "mmaction.engine")

# mmengine has no tree for these.
EXPLAINERS = Registry("explainer", scope=SCOPE, locations=["mmaction.explain.explainers"])
MEASURES = Registry("measure", scope=SCOPE, locations=["mmaction.explain.measures"])

EVALUATOR = _child(mmengine.EVALUATOR)
LOG_PROCESSORS = _child(mmengine.LOG_PROCESSORS)
LOOPS = _child(mmengine.LOOPS)
MODEL_WRAPPERS = _child(mmengine.MODEL_WRAPPERS, "mmaction.engine")
OPTIMIZERS = _child(mmengine.OPTIMIZERS)
OPTIM_WRAPPERS = _child(mmengine.OPTIM_WRAPPERS, "mmaction.engine")
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmengine.OPTIM_WRAPPER_CONSTRUCTORS, "mmaction.engine")
PARAM_SCHEDULERS = _child(mmengine.PARAM_SCHEDULERS)
VISBACKENDS = _child(mmengine.VISBACKENDS)
VISUALIZERS = _child(mmengine.VISUALIZERS)
WEIGHT_INITIALIZERS = _child(mmengine.WEIGHT_INITIALIZERS)
