"""Writing a config of older code in this project's form."""

from __future__ import annotations

import ast
import os
from pathlib import Path

from mmengine.config import Config

from mmaction.apis.config import load_config
from mmaction.convert.migration import migrate
from mmaction.convert.python_text import as_python
from mmaction.errors import ConfigError, UserError, first_line
from mmaction.files import atomic_path, require_writable

HEADER = "# {name} in today's form, by tools/convert/migrate_config.py: docs/from_mmaction.md.\n"


def migrate_config(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> str:
    """Writes ``old`` in this project's form to ``new``, whole or not at all.

    Args:
        old: A config of MMAction 0.x, mmaction2 0.x, TPN or ST-ABN's first code. It is run.
        new: The file to write; it names no other config.

    Returns:
        What was written.

    Raises:
        ConfigError: ``old`` can't be read, or says what is not understood here.
        UserError: ``new`` is no ``.py``, is there already, or can't be written.
    """
    old, new = Path(old), Path(new)
    if new.suffix != ".py" or new.exists():
        raise UserError(f"{new}: expected the name of a new file that ends in .py")
    if not old.is_file():
        raise ConfigError(f"config {old}: no such file")
    try:
        former = Config.fromfile(old, import_custom_modules=False)
    except Exception as e:  # a config is code: it can fail in any way
        raise ConfigError(f"config {old}: {type(e).__name__}: {first_line(e)}") from e
    sections = migrate(former.to_dict(), variables=_used_names(old), name=str(old))
    text = HEADER.format(name=old.name) + as_python(sections)
    require_writable(new.parent, name="output directory")
    with atomic_path(new) as temporary:
        temporary.write_text(text)
        try:
            load_config(temporary)
        except ConfigError as e:
            raise ConfigError(f"{old}: {str(e).replace(str(temporary), str(new))}") from e
    return text


def _used_names(config: Path) -> set[str]:
    """Names that a config and those it builds on use themselves, as ``img_norm_cfg``."""
    tree = ast.parse(config.read_text())
    names = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
            bases = ast.literal_eval(node.value)
            for base in [bases] if isinstance(bases, str) else bases:
                names |= _used_names(config.parent / base)
    return names
