"""The parts in the order of what matters, and what each of them needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
# The project as a whole; the network alone needs torch, numpy and mmengine without OpenCV.
WHOLE = ("cv2", "av", "PIL", "safetensors", "matplotlib")


def not_installed(names: Iterable[str]) -> list[str]:
    """Those of the modules that are not."""
    return [name for name in names if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Settings:
    """What a part is told.

    Attributes:
        device: ``'cuda'`` or ``'cpu'``; on the latter everything is small.
        seconds: Until the part's process is ended.
    """

    device: str
    seconds: float

    @property
    def small(self) -> bool:
        """Whether sizes are those that try the code rather than the machine."""
        return self.device == "cpu"


@dataclass(frozen=True)
class Part:
    """A part of the benchmark: a module of ``benchmarks.gpu`` with a function of rows.

    Attributes:
        module: Its module.
        about: What it measures, in a few words.
        least: Seconds it needs; it isn't begun with less.
        most: Seconds after which its process is ended.
        function: Of ``Settings``; yields rows.
        needs: Modules that must be installed.
    """

    module: str
    about: str
    least: float
    most: float
    function: str = "measure"
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Which of the modules it needs are not installed."""
        return not_installed(self.needs)

    def rows(self, settings: Settings) -> Iterator[Row]:
        """Measures, in this process."""
        module = importlib.import_module(f"gpu.{self.module}")
        yield from getattr(module, self.function)(settings)


PARTS = {
    "machine": Part("machine", "the device and its bounds", 5, 60),
    "tests": Part("marked_tests", "tests marked gpu", 10, 240, needs=("pytest",)),
    "quickstart": Part("quickstart", "the quickstart's training and test", 20, 240, needs=WHOLE),
    "network_32x224": Part(
        "network", "ST-ABN R50, 8 clips of 32×224²", 20, 180, function="measure_32x224"
    ),
    "network_16x112": Part(
        "network", "ST-ABN R50, 32 clips of 16×112²", 20, 120, function="measure_16x112"
    ),
    "compiled": Part("compiled", "torch.compile: graph breaks, last batch, warm-up", 20, 240),
    "loop": Part("loop", "the training loop beside bare steps", 20, 90, needs=WHOLE),
    "vit": Part(
        "vit", "ST-ABN on ViT-B, frozen and fine-tuned", 20, 120, needs=("timm", "torchvision")
    ),
    "data_path": Part("data_path", "clips/s from files to the device", 20, 200, needs=WHOLE),
    "step_profile": Part("step_profile", "kernels of one training step and gaps", 10, 90),
}
