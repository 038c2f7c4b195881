"""A file from a stranger runs nothing: what a checkpoint may have built without being trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.registry import Registry

from mmaction.checkpoint.description import Description
from mmaction.errors import CheckpointError
from mmaction.registry import MODELS, TRANSFORMS

# Keys by which a part reads files, or has others imported: mmengine imports a _scope_'s registry.
_REACHING = re.compile(
    r"pretrained.*|init_cfg|custom_imports|_scope_|weights|(.*_)?(file|path|url)"
)
# What a path, an address or a hub's id has in it.
_PLACES = ("/", "\\", ":", "~")
# Of transformers' attentions, those that it has itself; others may come from a hub.
_ATTENTIONS = (None, "eager", "sdpa")


def require_harmless(description: Description, path: str | Path) -> None:
    """Refuses what could run code, read a file or ask a network, before anything is built.

    Args:
        description: What the checkpoint says.
        path: What messages call it.

    Raises:
        CheckpointError: Names the first such setting.
    """
    found = next(_harmful(description), None)
    if found is not None:
        raise CheckpointError(
            f"checkpoint {path}: refused, {found}; if you trust who made it: trust=True, or --trust"
        )


def _harmful(description: Description) -> Iterator[str]:
    if description.custom_imports:
        yield f"it has custom_imports={list(description.custom_imports)}"
    yield from _in_config(description.model, "model", MODELS)
    for number, step in enumerate(description.pipeline):
        yield from _in_config(step, f"pipeline[{number}]", TRANSFORMS)


def _in_config(value: Any, key: str, registry: Registry) -> Iterator[str]:
    if isinstance(value, dict):
        kind = value.get("type")
        if kind is not None and not _is_own(kind, registry):
            yield f"{key}.type={kind!r} is no part of this package"
        for name, each in value.items():
            inner = f"{key}.{name}"
            if each not in (None, False) and _REACHING.fullmatch(str(name)):
                yield f"{inner}={each!r} may read files"
            if value.get("type") == "TransformersBackbone" and name == "model":
                yield from _in_transformers(each, inner)
            else:
                yield from _in_config(each, inner, registry)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _in_config(each, f"{key}[{number}]", registry)
    else:
        yield from _places(value, key)


def _in_transformers(value: Any, key: str) -> Iterator[str]:
    """Of a configuration, from which nothing is built; a name is a directory's or a hub's."""
    if isinstance(value, dict):
        for name, each in value.items():
            if str(name).endswith("attn_implementation") and each not in _ATTENTIONS:
                yield f"{key}.{name}={each!r} may ask a hub"
            if isinstance(each, dict):
                yield from _in_transformers(each, f"{key}.{name}")
            else:
                yield from _places(each, f"{key}.{name}")
    else:
        yield f"{key}={value!r} names a place"


def _places(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _places(each, key)
    elif isinstance(value, str) and any(mark in value for mark in _PLACES):
        yield f"{key}={value!r} names a place"


def _is_own(kind: Any, registry: Registry) -> bool:
    """Whether it is the plain name of a class of this package.

    ``registry.get`` is not asked: it imports a module of the name where it knows no class.
    """
    registry.import_from_location()
    found = registry.module_dict.get(kind) if isinstance(kind, str) else None
    return found is not None and found.__module__.startswith("mmaction.")
