from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config
from mmaction.commands import COMMANDS, main
from mmaction.errors import ConfigError
from mmaction.files import home


def test_commands_are_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    typed: list[list[str]] = []
    monkeypatch.setattr(runpy, "run_path", lambda *_, **__: typed.append(list(sys.argv)))
    assert main(["train", "a.py", "--gpus", "2"]) == 0
    assert main(["data", "check_dataset", "a.py"]) == 0
    tools = home() / "tools"
    assert typed == [
        [str(tools / "train_recognizer.py"), "a.py", "--gpus", "2"],
        [str(tools / "data/check_dataset.py"), "a.py"],
    ]


def test_wrong_commands_get_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for given, said in (
        (["trian"], "did you mean 'train'"),
        (["data"], "no such command"),
        (["data", "chek_dataset"], "did you mean 'check_dataset'"),
    ):
        assert main(given) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("st-abn tr", ["train "]),
        ("st-abn data chec", ["check_dataset "]),
        ("st-abn train --res", ["--resume-from "]),
        ("st-abn export m.pth m.xml --format op", ["openvino "]),
        ("st-abn data cache_features --vi", ["--views "]),
    ],
)
def test_a_shell_is_told_what_may_come_next(
    line: str, offered: list[str], run_process: Callable[..., Any], tmp_path: Path
) -> None:
    """As argcomplete's shell code asks."""
    asked = dict(_ARGCOMPLETE="1", COMP_LINE=line, COMP_POINT=str(len(line)))
    asked |= dict(_ARGCOMPLETE_IFS="\n", _ARGCOMPLETE_STDOUT_FILENAME=str(tmp_path / "told"))
    assert run_process(sys.executable, "-m", "mmaction.commands", **asked).code == 0
    assert (tmp_path / "told").read_text().split("\n") == offered


def test_help_lists_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    scripts = list((home() / "tools").rglob("[!_]*.py"))
    for script in scripts:
        names = [name for name, file in COMMANDS.items() if file == script.name] or [script.stem]
        assert any(name in out for name in names), script


def test_a_command_ends_with_its_scripts_code(
    run_process: Callable[..., Any], tmp_path: Path
) -> None:
    folder = ["data", "build_annotations", "folder", "--videos-root", "nowhere", "--out", "lists"]
    done = run_process(sys.executable, "-m", "mmaction.commands", *folder, cwd=tmp_path)
    assert "'nowhere' is not a directory" in done.error


def test_configs_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("motion_shapes/st_abn_tiny").model.num_classes == 12
    with pytest.raises(ConfigError, match="did you mean 'motion_shapes/st_abn_tiny'"):
        load_config("motion_shapes/st_abn_tin")
