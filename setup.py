"""Builds the package and its compiled kernels; without a C compiler it installs all the same."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

ROOT = Path(__file__).resolve().parent


def requirements(name: str) -> list[str]:
    """The requirements of a file, its comments left out."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line]


def version() -> str:
    scope: dict[str, str] = {}
    exec((ROOT / "mmaction/version.py").read_text(), scope)
    return scope["__version__"]


def long_description() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


def say_not_compiled(reason: str) -> None:
    print(
        "NOTE: mmaction.ops was not compiled, which takes a C compiler and the headers of Python "
        f"({reason}); without its kernel it computes the same in another way, slower.",
        file=sys.stderr,
        flush=True,
    )


class OptionalBuildExt(build_ext):
    """Goes on without kernels that can't be compiled, and says so in one line."""

    def build_extensions(self) -> None:
        self.failures: list[str] = []
        super().build_extensions()
        if self.failures:
            say_not_compiled(self.failures[0])

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError) as error:
            self.failures.append(str(error).splitlines()[0])


class Develop(Command):
    """`python setup.py develop` is `pip install -e .`, whatever setuptools makes of the command."""

    description = "install the package in editable mode"
    user_options: ClassVar = [
        ("no-deps", "N", "don't install dependencies"),
        ("no-build-isolation", None, "build with the packages installed here"),
    ]
    boolean_options: ClassVar = ["no-deps", "no-build-isolation"]

    def initialize_options(self) -> None:
        self.no_deps = False
        self.no_build_isolation = False

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        command = [sys.executable, "-m", "pip", "install", "--use-pep517", "--editable", str(ROOT)]
        command += ["--no-deps"] if self.no_deps else []
        command += ["--no-build-isolation"] if self.no_build_isolation else []
        if subprocess.call(command) != 0:
            raise SystemExit("error: pip could not install the package; its own message is above")
        # pip keeps to itself what a build that succeeds has printed.
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        if not (ROOT / f"mmaction/ops/_affine{suffix}").exists():
            say_not_compiled("pip's option -v shows why")


# A fused multiply-add rounds once where torch rounds twice: forbidding it keeps both equal.
AFFINE_KERNEL = Extension(
    "mmaction.ops._affine",
    ["mmaction/ops/_affine.pyx"],
    extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"],
    optional=True,
)


setup(
    name="st-abn",
    version=version(),
    description="ST-ABN: action recognition that shows where and when it looked",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    # A wheel has the commands and configs below st_abn/, as a checkout has them at its root.
    packages=[
        *find_packages(include=["mmaction", "mmaction.*"]),
        "st_abn.tools",
        "st_abn.config_files",
    ],
    package_dir={"st_abn.tools": "tools", "st_abn.config_files": "config_files"},
    package_data={
        "mmaction": ["py.typed"],
        "st_abn.tools": ["*.py", "*/*.py"],
        "st_abn.config_files": ["*/*.py", "*/*.json", "_base_/*/*.py"],
        "mmaction.ops": ["*.pyx", "*.pyi"],
        "mmaction.explain.page": ["*.html", "*.css", "*.js"],
        "mmaction.serving": ["page.html"],
    },
    entry_points={"console_scripts": ["st-abn = mmaction.commands:main"]},
    ext_modules=[AFFINE_KERNEL],
    cmdclass={"build_ext": OptionalBuildExt, "develop": Develop},
    install_requires=requirements("requirements.txt"),
    extras_require={
        "dev": requirements("requirements-dev.txt"),
        "lmdb": ["lmdb>=1.4"],  # frames packed into one file
        "timm": ["timm>=1.0.20"],  # image networks as backbones
        "transformers": ["transformers>=4.56"],  # video transformers as backbones
        "onnx": ["onnx>=1.17", "onnxscript>=0.4", "onnxruntime>=1.20"],  # tools/export.py
        "openvino": ["openvino>=2025.0"],  # tools/export.py --format openvino, tools/predict.py
        # tools/export.py --precision int8
        "int8": ["openvino>=2025.0", "nncf>=2.15"],
        "completion": ["argcomplete>=3.5"],  # of st-abn's commands and options, in shells
        "parquet": ["pyarrow>=16"],  # tools/predict.py --out F.parquet
        "ray": ["ray[data]>=2.40"],  # tools/predict.py --engine ray
        "docs": ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.26"],  # mkdocs build
        # tools/serve.py
        "serve": [
            "fastapi>=0.115",
            "uvicorn>=0.30",
            "python-multipart>=0.0.18",
            "prometheus-client>=0.20",
        ],
        "explain": ["captum>=0.7"],  # other explainers to compare the attention maps with
    },
    zip_safe=False,
)
