"""What the commands in ``tools/`` share: arguments, several processes, errors in one line.

Nothing heavy is imported before a command has read its arguments, so that ``--help`` and a mistyped
option answer at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmaction.environment import keep_freed_memory
from mmaction.errors import ConfigError, UserError, first_line
from mmaction.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USER_ERROR

LAUNCHERS = ("none", "pytorch", "slurm", "mpi")
# How long other ranks leave rank 0 to report an error they share with it, where torchrun is not
# there to keep order.
RANK_GRACE_SECONDS = 2.0
_ERROR_MARK, _LOST_MARK = "reported", "lost"


# Options of older code bases, and what there is instead.
FORMER_OPTIONS = {
    "--fcn-testing": "put Resize(short_side=256) and ThreeCrop(size=256) into the test pipeline",
    "--flip": "put TenCrop in the place of the test pipeline's crop",
    "--tmpdir": "leave it out: processes exchange their scores in memory",
    "--gpu-collect": "leave it out: processes exchange their scores in memory",
    "--proc-per-gpu": "set test_dataloader.batch_size by --cfg-options",
    "--save-attention-map": "-s DIR writes the attention maps",
    "--average-clips": "set model.average_views by --cfg-options",
    "--deterministic": "leave it out: order and augmentation follow from --seed alone",
    "--autoscale-lr": "--auto-scale-lr",
    "--options": "--cfg-options",
}


class _Help(argparse.HelpFormatter):
    """Examples, paragraphs of lines that begin with ``python``, stay as they are, indented."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        def filled(paragraph: str) -> str:
            if paragraph.startswith("python "):
                return textwrap.indent(paragraph, "    ")
            return super(_Help, self)._fill_text(paragraph, width, indent)

        return "\n\n".join(map(filled, text.strip().split("\n\n")))


class ArgumentParser(argparse.ArgumentParser):
    """Takes ``--work-dir`` and ``--work_dir`` alike; says what older options are called now.

    A shell that asks what may come next is told, where argcomplete is installed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **kwargs})

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        if "_ARGCOMPLETE" in os.environ:
            import argcomplete

            argcomplete.autocomplete(self)  # and ends the process
        return super().parse_args(*args, **kwargs)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        given = sys.argv[1:] if args is None else args
        dashed = [_dashed(argument) for argument in given]
        for argument in dashed:
            name = argument.partition("=")[0]
            if name in FORMER_OPTIONS and name not in self._option_string_actions:
                self.error(f"{name} is not known here: {FORMER_OPTIONS[name]}")
        return super().parse_known_args(dashed, namespace)


def _dashed(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value


class SettingsAction(argparse.Action):
    """``KEY=VALUE …`` to a dict, read as mmengine's ``DictAction`` does."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        from mmengine.config import DictAction

        DictAction(self.option_strings, self.dest, nargs=self.nargs)(*args, **kwargs)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that builds a run from a config."""
    parser.add_argument("config", help="config file, such as config_files/sthv1/st_abn_32.py")
    parser.add_argument(
        "--work-dir", help="where logs and checkpoints go; in place of the config's"
    )
    parser.add_argument("--gpus", type=int, default=1, help="processes, one a GPU (default 1)")
    parser.add_argument(
        "--launcher", choices=LAUNCHERS, default="none", help="who starts processes"
    )
    add_config_options(parser)
    # torch's launchers of old passed this; the environment says it today.
    parser.add_argument("--local-rank", type=int, help=argparse.SUPPRESS)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options``, as ``load_config`` takes them."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=SettingsAction,
        default={},
        metavar="KEY=VALUE",
        help="settings in place of the config's, such as model.clip_len=16",
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """What is loaded by ``mmaction.load``: ``model``, ``--config`` and ``--trust``."""
    parser.add_argument("model", help="a checkpoint, a published or an exported model")
    parser.add_argument("--config", help="for a checkpoint that doesn't describe its recognizer")
    parser.add_argument(
        "--trust", action="store_true", help="run code that the model names: see docs/security.md"
    )


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """What answers, and how: ``--device``, ``--backend``, ``--precision`` and ``--explainer``."""
    parser.add_argument("--device", help="such as cpu or cuda:1 (default: a GPU, if there is one)")
    parser.add_argument(
        "--backend",
        choices=("auto", "eager", "openvino"),
        default="auto",
        help="auto: OpenVINO on a CPU, where it is installed and answers as torch does",
    )
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--explainer", default="attention", help="default: the network's attention")


def add_measure_options(parser: argparse.ArgumentParser, *, videos: int) -> None:
    """What explanations are measured on: config and checkpoint, which videos, their truth.

    Args:
        parser: Of the command.
        videos: How many by default.
    """
    parser.add_argument("config", help="such as config_files/motion_shapes/st_abn_tiny_evidence.py")
    parser.add_argument("checkpoint", help="weights of the config's network")
    parser.add_argument(
        "--videos", type=int, default=videos, help="of the test set (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all chance (default 0)")
    parser.add_argument(
        "--ground-truth",
        metavar="PATH",
        help="directory of <video>.npz, file of boxes in UCF101-24's format, or csv of who acts: "
        "clip, actor (left, right, both), first, last "
        "(default: ground_truth/ beside the test set's data_root)",
    )
    parser.add_argument("--batch-size", type=int, default=32, help="clips at a time (default 32)")
    add_config_options(parser)


def run_command(main: Callable[[], int | None]) -> int:
    """Runs a command's ``main``; a user's error becomes one line on stderr.

    A process of several ends here: on the interpreter's way out, threads of torch's process groups
    may abort it, and its exit code would be lost.

    Returns:
        The exit code: 0, or one of ``mmaction.exit_codes``.
    """
    keep_freed_memory()
    try:
        code = _exit_code(main)
    except SystemExit as e:  # stopped by a signal
        if "RANK" not in os.environ or not isinstance(e.code, int):
            raise
        code = e.code
    if "RANK" in os.environ:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _exit_code(main: Callable[[], int | None]) -> int:
    try:
        return main() or 0
    except UserError as e:
        if _speaks_for_all(_ERROR_MARK):
            print(f"error: {_one_line(e)}", file=sys.stderr, flush=True)
        return EXIT_USER_ERROR
    except RuntimeError as e:
        mark = _mark(_ERROR_MARK)
        if mark is not None and mark.exists():
            return EXIT_USER_ERROR  # what follows from another process's error is no news
        if not _is_lost_exchange(e):
            raise
        if _speaks_for_all(_LOST_MARK):
            said = f"another process has ended, or is too late: {first_line(e)}"
            print(f"error: {said}", file=sys.stderr, flush=True)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _is_lost_exchange(error: RuntimeError) -> bool:
    """Whether an exchange between processes failed: gloo's say so in words, others by their type.

    By the type's name, as a command need not have imported torch.
    """
    by_type = any(kind.__name__ == "DistError" for kind in type(error).__mro__)
    return by_type or "gloo/transport" in str(error)


def _one_line(error: UserError) -> str:
    """The message itself: a data loader's worker puts its traceback before it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "Original Traceback" in str(error):
        return re.sub(r"^[\w.]+: ", "", lines[-1])  # without its type
    return " ".join(line.strip() for line in lines)


def _speaks_for_all(name: str) -> bool:
    """Whether this process is the first of its run to report: who makes the mark ``name`` is."""
    mark = _mark(name)
    if mark is None:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(RANK_GRACE_SECONDS)
        return True
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _mark(name: str) -> Path | None:
    """Beside the files that torchrun gives processes for their errors; None without torchrun."""
    error_file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    return Path(error_file).parents[1] / name if error_file else None


def check_processes(gpus: int) -> None:
    """Refuses more processes than this machine has GPUs, or, without any, than it has cores."""
    import torch

    if gpus < 1:
        raise ConfigError(f"--gpus {gpus}: expected 1 or more")
    available, kind = torch.cuda.device_count(), "GPU(s)"
    if not available:
        available, kind = os.cpu_count() or 1, "CPU core(s) and no GPU"
    if gpus > available:
        raise ConfigError(f"--gpus {gpus}: this machine has {available} {kind}")


def start_processes(gpus: int) -> int:
    """Starts this very command again in ``gpus`` processes, and waits.

    Returns:
        The exit code of the first process that failed, or 0.
    """
    from mmaction.launcher import torchrun

    check_processes(gpus)
    here = ["--standalone", f"--nproc-per-node={gpus}"]
    return torchrun([*here, *sys.argv, "--launcher", "pytorch"])
