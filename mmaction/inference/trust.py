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

# Keys by which a part reads files, or has others imported.
_REACHING = re.compile(r"pretrained.*|init_cfg|custom_imports|weights|(.*_)?(file|path|url)")
# What a path, an address or a hub's id has in it.
_PLACES = ("/", "\\", ":", "~")
_OWN = re.compile(r"mmaction\.|torch\.nn\.")


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
            # A dict there is a configuration of transformers', which builds nothing from it.
            if value.get("type") == "TransformersBackbone" and name == "model":
                yield from _places(each, inner)
            else:
                yield from _in_config(each, inner, registry)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _in_config(each, f"{key}[{number}]", registry)
    else:
        yield from _places(value, key)


def _places(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _places(each, key)
    elif isinstance(value, str) and any(mark in value for mark in _PLACES):
        yield f"{key}={value!r} names a place"


def _is_own(kind: Any, registry: Registry) -> bool:
    """Whether it is the plain name of a class of this package, or of a layer of torch's."""
    if not isinstance(kind, str) or not kind.isidentifier():
        return False
    found = registry.get(kind)
    return found is not None and bool(_OWN.match(f"{found.__module__}."))
