"""Bringing a checkpoint of other code in: read, rename, check against a config, write."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from mmaction.checkpoint.assumptions import (
    META_KEY,
    as_text,
    assumptions_of,
    kept_assumptions,
    require_assumptions,
)
from mmaction.checkpoint.compatibility import require_same_architecture
from mmaction.checkpoint.layouts import PLAIN
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.safetensors_files import SUFFIX, is_safetensors, write_safetensors
from mmaction.convert.conversion import AUTO, Conversion, convert
from mmaction.convert.trusted_file import read_trusted
from mmaction.errors import UserError
from mmaction.files import atomic_path, require_writable
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import MODELS

SUFFIXES = (".pth", SUFFIX)


def convert_checkpoint(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    layout: str = AUTO,
    trust: bool = False,
    cfg: Config | None = None,
) -> Conversion:
    """Writes the weights of ``source`` to ``out`` in this project's names, whole or not at all.

    Args:
        source: The checkpoint.
        out: A ``.pth`` or a ``.safetensors``.
        layout: Whose names it has; see ``convert``.
        trust: Unpickle it with all that it asks for: its code runs. See ``read_trusted``.
        cfg: From ``load_config``: nothing is written unless the weights fit its network.

    Raises:
        CheckpointError: The file can't be used, or does not fit the config's network.
        ConfigError: The config's network is built otherwise than the checkpoint's.
        UserError: ``out`` is of another kind, is ``source``, or can't be written.
    """
    source, out = Path(source), Path(out)
    if out.suffix not in SUFFIXES:
        raise UserError(f"{out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if out.is_dir() or (out.exists() and source.exists() and out.samefile(source)):
        raise UserError(f"{out}: expected the name of a new file")
    content = dict(state_dict=read_trusted(source)) if trust else read_checkpoint(source)
    found = convert(content["state_dict"], layout=layout, source=str(source))
    if found.layout is PLAIN:
        found = replace(found, assumes=kept_assumptions(content))
    if cfg is not None:
        found = replace(found, assumes=_require_fit(found, cfg, source))
    require_writable(out.parent, name="output directory")
    meta = {"source": source.name, "layout": found.layout.name, META_KEY: as_text(found.assumes)}
    if is_safetensors(out):
        write_safetensors(out, found.state, meta=meta)
    else:
        with atomic_path(out) as temporary:
            torch.save({"state_dict": found.state, "meta": meta}, temporary)
    return found


def _require_fit(found: Conversion, cfg: Config, source: Path) -> dict[str, Any]:
    """What the config's network computes that no weight tells."""
    with readable_build_errors():
        model: nn.Module = MODELS.build(cfg.model)
    require_same_architecture(model, found.state, source)
    # What is only assumed, the config may say otherwise.
    known = found.assumes if found.layout is PLAIN else found.layout.assumes
    require_assumptions(model, known or {}, source)
    return assumptions_of(model)
