from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from mmaction.apis import load_config
from mmaction.commands import COMMANDS, main
from mmaction.errors import ConfigError
from mmaction.files import home

ROOT = Path(__file__).resolve().parents[1]


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


def test_a_shell_can_complete_the_names() -> None:
    script = f'compgen -W "$({sys.executable} -m mmaction.commands --list)" tr'
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["train"]


def test_help_lists_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    scripts = list((home() / "tools").rglob("[!_]*.py"))
    for script in scripts:
        names = [name for name, file in COMMANDS.items() if file == script.name] or [script.stem]
        assert any(name in out for name in names), script


def test_a_command_ends_with_its_scripts_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mmaction.commands", "train", "nowhere.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "config nowhere.py: no such file" in done.stderr


def test_configs_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("motion_shapes/st_abn_tiny").model.num_classes == 12
    with pytest.raises(ConfigError, match="did you mean 'motion_shapes/st_abn_tiny'"):
        load_config("motion_shapes/st_abn_tin")
