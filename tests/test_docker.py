"""The images' recipes, as far as they can be tried where no image can be built."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "docker").glob("Dockerfile*"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_recipes_are_clean(recipe: Path) -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, recipe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_what_is_copied_is_there(recipe: Path) -> None:
    copied = re.findall(r"^COPY (.+) \S+$", recipe.read_text(), re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_the_gpu_image_keeps_its_own_torch(tmp_path: Path) -> None:
    """By the recipe's own command."""
    recipe = (ROOT / "docker/Dockerfile.cuda").read_text()
    (command,) = re.findall(r"grep -vE '[^']+' requirements\.txt", recipe)
    kept = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    names = re.findall(r"^([\w-]+)", kept, re.MULTILINE)
    assert not {"torch", "torchvision"} & set(names)
    everything = re.findall(r"^([\w-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert set(everything) - set(names) == {"torch", "torchvision"}
