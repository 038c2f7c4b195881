"""The package as pip and setup.py see it, built in copies of the repository, without a network."""

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from importlib import metadata
from importlib.metadata import Distribution, distributions
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE_FILES = [
    *("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"),
    *("requirements.txt", "requirements-dev.txt", "constraints.txt"),
]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
KERNEL = Path(f"mmaction/ops/_affine{SUFFIX}")
OFFLINE = ("--no-deps", "--no-build-isolation")
NO_COMPILER = "/nowhere/cc"
SERVE = {"fastapi", "starlette", "uvicorn", "prometheus_client"}  # what the extra installs

needs_compiler = pytest.mark.skipif(
    shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None
    or not Path(sysconfig.get_path("include"), "Python.h").exists(),
    reason="no C compiler, or no headers of Python",
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of what the package is built from, with nothing built in it."""
    copy = tmp_path / "source"
    copy.mkdir()
    for name in PACKAGE_FILES:
        shutil.copy(ROOT / name, copy)
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c")
    for folder in ("mmaction", "tools", "config_files"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    return copy


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment of its own that sees the packages installed for this one."""
    venv.create(tmp_path / "venv", symlinks=True)
    interpreter = tmp_path / "venv/bin/python"
    place = {"base": tmp_path / "venv", "platbase": tmp_path / "venv"}
    own_packages = Path(sysconfig.get_path("purelib", vars={k: str(v) for k, v in place.items()}))
    (own_packages / "seen.pth").write_text(sysconfig.get_path("purelib"))
    return interpreter


def run(
    *command: object,
    cwd: Path,
    compiler: str | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Runs it, returns what it printed on both streams; fails the test where the command fails."""
    alone = {"PYTHONPATH": ""}  # the installed package, not a checkout's
    environment = os.environ | alone | ({"CC": compiler} if compiler else {}) | (environment or {})
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def imported_from(python: Path, cwd: Path) -> tuple[Path, bool]:
    """Where `mmaction.ops` is imported from, and whether it has its compiled kernel."""
    code = "import mmaction.ops as o; print(o.__file__); print(o.HAS_EXTENSION)"
    file, compiled = run(python, "-W", "ignore", "-c", code, cwd=cwd).splitlines()[-2:]
    return Path(file), compiled == "True"


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("-m", "pip", "install", "-e", ".", *OFFLINE), id="pip"),
        pytest.param(("setup.py", "develop", *OFFLINE), id="develop"),
    ],
)
def test_an_editable_installation_builds_the_kernel(source, python, tmp_path, command):
    printed = run(python, *command, cwd=source)
    assert (source / KERNEL).exists()
    assert "NOTE" not in printed
    assert imported_from(python, tmp_path) == (source / "mmaction/ops/__init__.py", True)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            ("-m", "pip", "install", "-v", "-e", ".", *OFFLINE), id="pip", marks=pytest.mark.slow
        ),
        pytest.param(("setup.py", "develop", *OFFLINE), id="develop"),
        pytest.param(
            ("setup.py", "build_ext", "--inplace"), id="build_ext", marks=pytest.mark.slow
        ),
    ],
)
def test_without_a_compiler_it_installs_and_says_so_once(source, python, tmp_path, command):
    printed = run(python, *command, cwd=source, compiler=NO_COMPILER)
    assert not (source / KERNEL).exists()
    assert printed.count("NOTE: mmaction.ops was not compiled") == 1
    if "build_ext" not in command:
        assert imported_from(python, tmp_path) == (source / "mmaction/ops/__init__.py", False)


def test_a_source_distribution_holds_what_it_is_built_from(source):
    run(sys.executable, "setup.py", "-q", "sdist", cwd=source)
    (archive,) = (source / "dist").iterdir()
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert names.issuperset([*PACKAGE_FILES[1:], "setup.py", "mmaction/ops/_affine.pyx"])
    assert not any(name.startswith("tests/") for name in names)


def closure(path: Path) -> list[Distribution]:
    """What the one distribution of a directory requires, and what that requires, as installed here.

    Extras aside, unless they are asked for; markers are those of this Python.
    """
    (first,) = distributions(path=[str(path)])
    found: dict[str, Distribution] = {}
    waiting = [(first, "")]
    while waiting:
        distribution, extra = waiting.pop()
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                name = canonicalize_name(requirement.name)
                new = [each for each in ("", *requirement.extras) if f"{name}[{each}]" not in found]
                for each in new:
                    found[f"{name}[{each}]"] = metadata.distribution(name)
                    waiting.append((found[f"{name}[{each}]"], each))
    return list(found.values())


IMPORT_ALL = """
import importlib, pkgutil, mmaction
for module in pkgutil.walk_packages(mmaction.__path__, "mmaction."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, "needs", error.name)
print(mmaction.__file__, mmaction.load)
"""
# Commands in the same process, which has imported all that takes long.
AND_RUN = """
import json, sys
from mmaction.commands import main
for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as end:
        assert not end.code, command
"""


def test_a_wheel_works_beside_what_it_requires_alone(source, tmp_path):
    """Without the source tree, and without any package that the wheel doesn't ask for."""
    python = tmp_path / "venv/bin/python"
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = tmp_path.glob("venv/lib/python*/site-packages")
    pip, quick = (sys.executable, "-m", "pip", "-q"), tmp_path / "cc"
    quick.write_text('#!/bin/sh\nexec cc "$@" -O0\n')  # compiles in 1 s what takes 5 with -O3
    quick.chmod(0o755)
    run(*pip, "wheel", *OFFLINE, "-w", "wheels", ".", cwd=source, compiler=str(quick))
    (wheel,) = (source / "wheels").glob("*.whl")
    run(*pip, "--python", python, "install", "--no-deps", wheel, cwd=tmp_path)
    shutil.rmtree(source)
    for distribution in closure(packages):
        for entry in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (packages / entry).exists():
                (packages / entry).symlink_to(distribution.locate_file(entry))

    settings = ["train_cfg.max_epochs=1", "train_dataloader.num_workers=0"]
    settings += ["val_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    settings += ["val_dataloader.persistent_workers=False"]
    config = "motion_shapes/st_abn_tiny_evidence"
    commands = (
        ["data", "make_motion_shapes", "shapes", "--videos", "12", "--val-videos", "12"],
        ["train", config, "--work-dir", "run", "--cfg-options", *settings],
    )
    environment = {"MOTION_SHAPES": str(tmp_path / "shapes")}
    code = [f"{IMPORT_ALL}print('all')\n{AND_RUN}", json.dumps(commands)]
    printed = run(python, "-W", "ignore", "-c", *code, cwd=tmp_path, environment=environment)
    *without, place = printed.partition("all\n")[0].splitlines()
    assert place.startswith(str(tmp_path / "venv"))
    assert {line.partition(" needs ")[2] for line in without} <= SERVE
    assert {line.rpartition(".")[0] for line in without} == {"mmaction.serving"}
    videos = sorted((tmp_path / "shapes/frames").glob("val_*"))[:2]
    sources = (*videos, "--num-workers", 0, "--out", "answers.csv")
    run(python.with_name("st-abn"), "predict", "run/epoch_1.pth", *sources, cwd=tmp_path)
    with (tmp_path / "answers.csv").open() as file:
        assert [row["error"] for row in csv.DictReader(file)] == ["", ""]


def read_requirements(name: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("python_version", ["3.10", "3.11", "3.12", "3.13"])
def test_the_constraints_pin_one_version_within_every_range(python_version):
    environment = {"python_version": python_version}
    pins: dict[str, str] = {}
    for pin in read_requirements("constraints.txt"):
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in pins
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            pins[pin.name] = specifier.version
    for wanted in read_requirements("requirements.txt") + read_requirements("requirements-dev.txt"):
        assert wanted.specifier.contains(pins[wanted.name]), wanted


def test_the_requirements_have_no_upper_bound_and_give_a_reason():
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert {s.operator for r in read_requirements(name) for s in r.specifier} == {">="}
        lines = (ROOT / name).read_text().splitlines()
        for reason, requirement in pairwise(lines):
            if requirement and not requirement.startswith("#"):
                assert reason.startswith("#"), requirement
