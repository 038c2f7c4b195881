"""``st-abn COMMAND …``: the scripts of tools/ by one name, in a checkout or from a wheel."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from mmaction.cli import ArgumentParser
from mmaction.errors import UserError, near
from mmaction.exit_codes import EXIT_USER_ERROR
from mmaction.files import home

# What people type, and the script below tools/ that it runs.
COMMANDS = {
    "train": "train_recognizer.py",
    "test": "test_recognizer.py",
    "finetune": "finetune.py",
    "finetune_edits": "finetune_edits.py",
    "predict": "predict.py",
    "demo": "demo.py",
    "explain": "visualize.py",
    "export": "export.py",
    "publish": "publish_model.py",
    "serve": "serve.py",
}
GROUPS = ("data", "analysis", "convert")
USAGE = """\
usage: st-abn COMMAND …      (st-abn COMMAND --help says what it takes)

  st-abn train motion_shapes/st_abn_tiny --work-dir runs/first
  st-abn test motion_shapes/st_abn_tiny runs/first/epoch_12.pth
  st-abn explain CONFIG CHECKPOINT video.mp4 --out look
  st-abn export CHECKPOINT model.onnx
  st-abn data check_dataset CONFIG
"""


def main(argv: list[str] | None = None) -> int:
    """Runs a command as if its script had been typed.

    Args:
        argv: What follows ``st-abn``; None: of this process.

    Returns:
        The exit code.
    """
    given = sys.argv[1:] if argv is None else argv
    if "_ARGCOMPLETE" in os.environ:
        given = _complete()
    if not given or given[0] in ("-h", "--help"):
        print(USAGE + _listing())
        return 0
    try:
        script, rest = _script(given)
    except UserError as e:
        print(f"error: {e}", file=sys.stderr)
        return EXIT_USER_ERROR
    sys.argv = [str(script), *rest]
    runpy.run_path(str(script), run_name="__main__")
    return 0  # a script ends by itself


def _complete() -> list[str]:
    """A shell asks what may come next: names of commands, or what the script's parser says.

    Returns:
        The command's words; names are told here, which ends the process.
    """
    line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
    before = f"{line}|".split()[1:-1]  # whole words; the last one is yet to be completed
    names = 2 if before[:1] and before[0] in GROUPS else 1
    os.environ["_ARGCOMPLETE"] = str(1 + min(names, len(before)))  # what its parser calls argv[0]
    if len(before) < names:
        parser = ArgumentParser()
        groups = _names(home() / "tools" / before[0]) if before else [*COMMANDS, *GROUPS]
        parser.add_argument("command", choices=groups)
        parser.parse_args()
    return before[:names]


def _script(given: list[str]) -> tuple[Path, list[str]]:
    """The script and its arguments."""
    tools, name = home() / "tools", given[0]
    if name in GROUPS:
        names = _names(tools / name)
        if len(given) < 2 or given[1] not in names:
            asked = given[1] if len(given) > 1 else ""
            said = f"st-abn {name} {asked}".rstrip()
            raise UserError(f"{said}: no such command{near(asked, names)}")
        return tools / name / f"{given[1]}.py", given[2:]
    if name not in COMMANDS:
        raise UserError(f"st-abn {name}: no such command{near(name, (*COMMANDS, *GROUPS))}")
    return tools / COMMANDS[name], given[1:]


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


def _listing() -> str:
    tools = home() / "tools"
    lines = [f"\ncommands: {', '.join(COMMANDS)}"]
    lines += [f"{group}: {', '.join(_names(tools / group))}" for group in GROUPS]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
