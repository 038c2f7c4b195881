"""The shell part of the commands that bring their own environment. What they install is tested by
running them: ./tools/run_tests.sh is how these tests are started."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="no bash")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what an environment is made from, in a directory with a space in its name."""
    copy = tmp_path / "my clone"
    (copy / "tools").mkdir(parents=True)
    (copy / "mmaction/ops").mkdir(parents=True)
    names = ["setup.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt"]
    names += ["constraints.txt", "tools/_venv.sh", "tools/run_tests.sh"]
    names += ["mmaction/version.py", "mmaction/ops/_affine.pyx"]
    for name in names:
        shutil.copy(ROOT / name, copy / name)
    return copy


def bash(repository: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "ST_ABN_VENV")}
    return subprocess.run(
        [BASH, "-c", f"set -euo pipefail; source tools/_venv.sh; {script}"],
        cwd=repository,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def assert_one_line_error(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


def test_the_interpreter_named_by_PYTHON_is_taken(repository):
    done = bash(repository, "find_python", PYTHON=sys.executable)
    assert (done.returncode, done.stdout) == (0, sys.executable + "\n")


def test_a_PYTHON_that_is_none_is_an_error_of_one_line(repository):
    for interpreter in ("/nowhere/python3", BASH):
        done = bash(repository, "prepare_venv", PYTHON=interpreter)
        assert_one_line_error(done, f"PYTHON={interpreter}", "3.10")
        assert not (repository / ".venv").exists()


def test_the_first_python_that_is_new_enough_is_found(repository, tmp_path):
    executable(tmp_path / "bin/python3", "#!/bin/sh\nexit 1\n")  # what an older one answers
    executable(tmp_path / "bin/python3.12", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    done = bash(repository, f'PATH="{tmp_path}/bin"; find_python')
    assert done.stdout == "python3.12\n"


def test_no_python_at_all_is_an_error_of_one_line(repository, tmp_path):
    done = bash(repository, f'PATH="{tmp_path}"; find_python')
    assert_one_line_error(done, "no Python of version 3.10 or later", "PYTHON=")


def test_a_python_that_cannot_make_environments_says_what_to_install(repository, tmp_path):
    for name in ("ensurepip", "virtualenv", "pip"):
        (tmp_path / f"{name}.py").write_text("raise ImportError\n")
    done = bash(repository, "prepare_venv", PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert_one_line_error(done, "ensurepip", "apt-get install python3-venv")


def test_a_directory_that_is_no_environment_is_left_alone(repository):
    letter = repository / "thesis/chapter1.tex"
    letter.parent.mkdir()
    letter.write_text("Call me Ishmael.")
    done = bash(repository, "prepare_venv", PYTHON=sys.executable, ST_ABN_VENV="thesis")
    assert_one_line_error(done, f"{letter.parent} is there and is not a virtual environment")
    assert letter.read_text() == "Call me Ishmael."


def test_nothing_is_done_until_what_it_was_installed_from_changes(repository):
    venv.create(repository / ".venv", symlinks=True)  # without pip: it could not install
    stamp = 'installation_fingerprint >"$VENV_STAMP"'
    assert bash(repository, stamp).returncode == 0
    done = bash(repository, "prepare_venv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    first = bash(repository, "installation_fingerprint").stdout
    for name in (
        "constraints.txt",
        "mmaction/ops/_affine.pyx",
        "setup.py",
    ):
        with (repository / name).open("a") as file:
            file.write("# changed\n")
        changed = bash(repository, "installation_fingerprint").stdout
        assert changed != first
        first = changed


def test_an_environment_that_was_moved_with_its_repository_is_made_from_something_else(repository):
    venv.create(repository / ".venv", symlinks=True)
    before = bash(repository, "installation_fingerprint").stdout
    moved = repository.rename(repository.with_name("moved"))
    assert bash(moved, "installation_fingerprint").stdout != before


def test_a_failing_installation_shows_why_and_leaves_no_stamp(repository):
    done = bash(
        repository,
        'make_venv "$PYTHON"; echo old >"$VENV_STAMP"; prepare_venv',
        PYTHON=sys.executable,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS="",
    )
    assert done.returncode == 2
    assert "setuptools" in done.stderr  # the first thing pip could not get
    assert done.stderr.splitlines()[-1].startswith("error: the installation failed")
    assert not (repository / ".venv/installed-from").exists()


def test_the_commands_work_from_any_directory(repository, tmp_path):
    done = subprocess.run(
        [BASH, repository / "tools/run_tests.sh"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": "/nowhere/python3", "ST_ABN_VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert_one_line_error(done, "PYTHON=/nowhere/python3")
