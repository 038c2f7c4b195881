"""The package as pip and setup.py see it, built in copies of the repository, without a network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PACKAGE_FILES = [
    *("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"),
    *("requirements.txt", "requirements-dev.txt", "constraints.txt"),
]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
KERNEL = Path(f"mmaction/ops/_affine{SUFFIX}")
OFFLINE = ("--no-deps", "--no-build-isolation")
NO_COMPILER = "/nowhere/cc"

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
    environment = os.environ | ({"CC": compiler} if compiler else {}) | (environment or {})
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


def test_a_wheel_has_commands_configs_and_page(source, python, tmp_path):
    """Without the source tree every module imports, and a config goes by its name."""
    run(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-q", "-w", "wheels", ".", cwd=source)
    (wheel,) = (source / "wheels").glob("*.whl")
    run(python, "-m", "pip", "install", *OFFLINE, "-q", "--force-reinstall", wheel, cwd=tmp_path)
    shutil.rmtree(source)
    imports = (
        "import importlib, pkgutil, mmaction\n"
        "for m in pkgutil.walk_packages(mmaction.__path__, 'mmaction.'):\n"
        "    importlib.import_module(m.name)\n"
        "print(mmaction.__file__, mmaction.load)"
    )
    assert str(tmp_path / "venv") in run(python, "-W", "ignore", "-c", imports, cwd=tmp_path)
    command = python.with_name("st-abn")
    run(
        command,
        "data",
        "make_motion_shapes",
        "shapes",
        "--videos",
        "24",
        "--val-videos",
        "12",
        cwd=tmp_path,
    )
    settings = ["train_cfg.max_epochs=1", "train_dataloader.num_workers=0"]
    settings += ["val_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    settings += ["val_dataloader.persistent_workers=False"]
    train = ["train", "motion_shapes/st_abn_tiny_evidence", "--work-dir", "run"]
    environment = {"MOTION_SHAPES": str(tmp_path / "shapes")}
    run(command, *train, "--cfg-options", *settings, cwd=tmp_path, environment=environment)
    assert (tmp_path / "run/epoch_1.pth").is_file()


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
