"""Writing a recognizer as a graph that other runtimes take, once it answers as the network does."""

from __future__ import annotations

import importlib.util
import os
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
from mmaction.inference.runtimes import largest_differences, open_graph, scale_of

# Of outputs, beside the largest of their values: float32 rounds at 1e-7, and sums are long.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        layout: What the graph takes and gives.
        differences: Largest difference to the network, by output, on random clips.
    """

    path: Path
    layout: Layout
    differences: dict[str, float]


def export(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    config: Config | str | os.PathLike[str] | None = None,
    kind: str = "onnx",
    uint8_input: bool = False,
    dynamic: bool = False,
    trust: bool = False,
) -> Exported:
    """Writes a checkpoint's network as a graph; it is kept only if it answers as the network does.

    Args:
        checkpoint: As ``load`` takes it.
        out: The file; its suffix is that of the format.
        config: As ``load`` takes it.
        kind: ``'onnx'``, ``'openvino'`` or ``'torch-export'``.
        uint8_input: The graph takes pixels, uint8 B×T×H×W×3 RGB, and normalises them itself;
            otherwise float32 normalised clips B×3×T×H×W.
        dynamic: It takes any number of clips at once; otherwise one.
        trust: As of ``load``.

    Raises:
        ConfigError: A format or suffix that can't be, a library that isn't there, or a network that
            can't be exported.
        UserError: The graph's answers are others than the network's; nothing is kept.
    """
    out = Path(out)
    _check_format(kind, out)
    recognizer = load(checkpoint, config=config, device="cpu", trust=trust)
    require_writable(out.absolute().parent, name="output directory")
    layout = layout_of(recognizer, uint8_input=uint8_input, dynamic=dynamic)
    require_one_size(layout)
    graph = Graph(recognizer.network, uint8_input=uint8_input).eval()
    example = example_of(layout, batch=2 if dynamic else 1)
    program = traced(graph, example, dynamic=dynamic)
    description = replace(recognizer.description, layout=layout)
    # OpenVINO's weights lie beside its graph.
    with draft_of(out) as draft, draft_of(out.with_suffix(".bin")) as weights:
        write_graph(program, draft, kind=kind, description=description)
        runtime, _ = open_graph(draft)
        found = _checked(graph, runtime(example.numpy()), example)
        if weights.exists():
            os.replace(weights, out.with_suffix(".bin"))
        os.replace(draft, out)
    return Exported(out, layout, found)


def _check_format(kind: str, out: Path) -> None:
    if kind not in FORMATS:
        raise ConfigError(f"--format {kind}: expected one of {', '.join(FORMATS)}")
    suffix, libraries = FORMATS[kind]
    if out.suffix != suffix:
        raise ConfigError(f"'{out}': a file of format {kind} ends with {suffix}")
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise ConfigError(f"--format {kind} needs {library}: pip install {library}")


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
