"""Writing a recognizer as a graph that other runtimes take, once it answers as the network does."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmaction.apis.recognizer import load
from mmaction.checkpoint.description import Layout
from mmaction.errors import ConfigError, UserError
from mmaction.files import draft_of, require_writable
from mmaction.inference.exporting import (
    FORMATS,
    Graph,
    example_of,
    layout_of,
    require_one_size,
    traced,
    write_graph,
)
from mmaction.inference.quantizing import calibration_clips
from mmaction.inference.runtimes import Runtime, largest_differences, open_graph, scale_of

# Of outputs, beside the largest of their values: float32 rounds at 1e-7, and sums are long.
TOLERANCE = 1e-3
PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        layout: What the graph takes and gives.
        differences: Largest difference to the network, by output; on random clips, or on those of
            the calibration.
        agreement: In int8, the share of the calibration's clips that get the network's class.
    """

    path: Path
    layout: Layout
    differences: dict[str, float]
    agreement: float | None = None


def export(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    config: Config | str | os.PathLike[str] | None = None,
    kind: str = "onnx",
    uint8_input: bool = False,
    dynamic: bool = False,
    precision: str = "fp32",
    calibration: Sequence[str | os.PathLike[str]] = (),
    trust: bool = False,
) -> Exported:
    """Writes a checkpoint's network as a graph; it is kept only if it answers as the network does.

    One in int8 is kept, too: how far its answers to the calibration's clips are off is returned.

    Args:
        checkpoint: As ``load`` takes it.
        out: The file; its suffix is that of the format.
        config: As ``load`` takes it.
        kind: ``'onnx'``, ``'openvino'`` or ``'torch-export'``.
        uint8_input: The graph takes pixels, uint8 B×T×H×W×3 RGB, and normalises them itself;
            otherwise float32 normalised clips B×3×T×H×W.
        dynamic: It takes any number of clips at once; otherwise one.
        precision: ``'int8'``: OpenVINO's graph is quantized, by NNCF.
        calibration: For int8: videos like those it will see, files, directories or lists; one clip
            each of at most 100 of them is used.
        trust: As of ``load``.

    Raises:
        ConfigError: A format or suffix that can't be, a library that isn't there, or a network that
            can't be exported.
        UserError: The graph's answers are others than the network's; nothing is kept.
    """
    out = Path(out)
    _check_format(kind, out)
    _check_precision(precision, kind, calibration)
    recognizer = load(checkpoint, config=config, device="cpu", trust=trust)
    require_writable(out.absolute().parent, name="output directory")
    layout = layout_of(recognizer, uint8_input=uint8_input, dynamic=dynamic)
    require_one_size(layout)
    graph = Graph(recognizer.network, uint8_input=uint8_input).eval()
    example = example_of(layout, batch=2 if dynamic else 1)
    real = calibration_clips(recognizer, calibration, layout) if calibration else []
    program = traced(graph, example, dynamic=dynamic)
    description = replace(recognizer.description, layout=layout)
    # OpenVINO's weights lie beside its graph.
    with draft_of(out) as draft, draft_of(out.with_suffix(".bin")) as weights:
        write_graph(program, draft, kind=kind, description=description, calibration=real)
        runtime, _ = open_graph(draft)
        if real:
            found, agreement = _compared(graph, runtime, real)
        else:
            found, agreement = _checked(graph, runtime(example.numpy()), example), None
        if weights.exists():
            os.replace(weights, out.with_suffix(".bin"))
        os.replace(draft, out)
    return Exported(out, layout, found, agreement)


def _check_format(kind: str, out: Path) -> None:
    if kind not in FORMATS:
        raise ConfigError(f"--format {kind}: expected one of {', '.join(FORMATS)}")
    suffix, libraries = FORMATS[kind]
    if out.suffix != suffix:
        raise ConfigError(f"'{out}': a file of format {kind} ends with {suffix}")
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise ConfigError(f"--format {kind} needs {library}: pip install {library}")


def _check_precision(precision: str, kind: str, calibration: Sequence[object]) -> None:
    if precision not in PRECISIONS:
        raise ConfigError(f"--precision {precision}: expected one of {', '.join(PRECISIONS)}")
    if precision == "fp32":
        if calibration:
            raise ConfigError("--calibration is for --precision int8")
        return
    if kind != "openvino":
        raise ConfigError(f"--precision int8 needs --format openvino, not {kind}")
    if not calibration:
        raise ConfigError("--precision int8 needs --calibration: videos like those it will see")
    if importlib.util.find_spec("nncf") is None:
        raise ConfigError("--precision int8 needs nncf: pip install nncf")


def _compared(
    graph: Graph, runtime: Runtime, clips: Sequence[torch.Tensor]
) -> tuple[dict[str, float], float]:
    """The largest differences of each output, and the share of clips of the same class."""
    largest, same = dict.fromkeys(runtime.layout.outputs, 0.0), 0
    for clip in clips:
        found = runtime(clip.numpy())
        with torch.no_grad():
            expected = dict(zip(found, graph(clip), strict=True))
        same += int(found["scores"].argmax() == expected["scores"].argmax())
        for name, difference in largest_differences(found, expected).items():
            largest[name] = max(largest[name], difference)
    return largest, same / len(clips)


def _checked(graph: Graph, found: dict[str, np.ndarray], example: torch.Tensor) -> dict[str, float]:
    """The largest of each output.

    Raises:
        UserError: One is too large.
    """
    with torch.no_grad():
        expected = dict(zip(found, graph(example), strict=True))
    differences = largest_differences(found, expected)
    for name, difference in differences.items():
        most = TOLERANCE * scale_of(expected[name])
        if not difference <= most:
            raise UserError(
                f"the exported graph's {name} differ from the network's by {difference:.2g}, more"
                f" than {most:.2g}: nothing is kept"
            )
    return differences
