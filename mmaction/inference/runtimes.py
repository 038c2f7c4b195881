"""Exported graphs as recognizers: ONNX Runtime, OpenVINO and torch.export answer like a network."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmaction.checkpoint.description import META_KEY, Description, description_of
from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.inference.exporting import INPUT, OUTPUT_NAMES
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction

MOST_CLASSES = 1_000_000
PRECISIONS = ("fp32", "bf16")
SUFFIXES = (".onnx", ".xml", ".pt2")
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Runtime:
    """A graph, ready to run.

    Attributes:
        title: What runs it, for the log.
        run: From its input to its outputs by name.
        batch: How many clips it takes at once; None: any number.
        uint8_input: Whether it takes pixels, uint8 B×T×H×W×3, and no normalised clips.
        text: The recognizer's description; empty: it has none.
    """

    title: str
    run: Run
    batch: int | None
    uint8_input: bool
    text: str


class RuntimeRecognizer(BaseRecognizer):
    """A recognizer whose clips are answered by a graph, on the CPU, for inference alone.

    Args:
        runtime: The graph.
        model: The network's config: ``num_classes``, ``clip_len``, how views are averaged, and how
            clips are normalised.
    """

    def __init__(self, *, runtime: Runtime, model: dict[str, Any]) -> None:
        kept = ("num_classes", "clip_len", "average_views", "max_views", "data_preprocessor")
        options = {key: model[key] for key in kept if key in model}
        if runtime.uint8_input:  # the graph normalises
            options["data_preprocessor"] = dict(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        super().__init__(**options)
        if self.num_classes > MOST_CLASSES:  # a description can say anything
            raise CheckpointError(f"model.num_classes={self.num_classes}: at most {MOST_CLASSES}")
        self.runtime = runtime

    def predict_clips(self, clips: Tensor) -> Prediction:
        if self.runtime.uint8_input:
            clips = clips.permute(0, 2, 3, 4, 1).round().to(torch.uint8)
        values = clips.contiguous().numpy()
        size = self.runtime.batch or len(values)
        parts = [self.runtime.run(part) for part in _parts(values, size)]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if joined["scores"].shape[1] != self.num_classes:
            raise CheckpointError(
                f"the graph scores {joined['scores'].shape[1]} classes, its description says"
                f" {self.num_classes}"
            )
        return Prediction(**{k: torch.from_numpy(v[: len(values)]) for k, v in joined.items()})

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        raise ConfigError(f"{self.runtime.title} runs an exported graph: it can't be trained")


def _parts(values: np.ndarray, size: int) -> list[np.ndarray]:
    """Of ``size`` clips each; the last is filled up with repetitions."""
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    parts[-1] = np.resize(parts[-1], (size, *values.shape[1:]))
    return parts


def open_graph(path: Path, *, precision: str = "fp32") -> tuple[Runtime, Description]:
    """An exported file, and what it says of its recognizer.

    Args:
        path: ``.onnx``, ``.xml`` or ``.pt2``.
        precision: ``'bf16'``: OpenVINO computes in it, where the processor can.

    Raises:
        CheckpointError: It is missing, broken or wasn't exported by this package.
        ConfigError: The library that runs it isn't there, or can't take the precision.
    """
    if not path.is_file():
        raise CheckpointError(f"model {path}: no such file")
    opened = {".onnx": _open_onnx, ".xml": _open_openvino, ".pt2": _open_program}[path.suffix]
    if precision != "fp32" and path.suffix != ".xml":
        raise ConfigError(f"precision={precision!r}: OpenVINO's files (.xml) alone take it")
    try:
        runtime = opened(path, precision)
    except ConfigError:
        raise
    except Exception as e:  # each library has errors of its own
        raise CheckpointError(f"model {path}: can't be opened ({first_line(e)})") from e
    said = description_of({"meta": {META_KEY: runtime.text or None}}, path)
    if said is None:
        raise CheckpointError(f"model {path}: it was not exported by tools/export.py")
    return runtime, said


def _library(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise ConfigError(f"model {path} needs {name}: pip install {name}") from e


def _open_onnx(path: Path, precision: str) -> Runtime:
    library = _library("onnxruntime", path)
    options = library.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = library.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, {INPUT: values}), strict=True))

    return Runtime(
        title="ONNX Runtime",
        run=run,
        batch=given.shape[0] if isinstance(given.shape[0], int) else None,
        uint8_input="uint8" in given.type,
        text=session.get_modelmeta().custom_metadata_map.get(META_KEY, ""),
    )


def _open_openvino(path: Path, precision: str) -> Runtime:
    library = _library("openvino", path)
    model = library.Core().read_model(path)
    text = model.get_rt_info([META_KEY]).astype(str) if model.has_rt_info([META_KEY]) else ""
    return openvino_runtime(model, precision=precision, text=text)


def openvino_runtime(model: Any, *, precision: str = "fp32", text: str = "") -> Runtime:
    """OpenVINO on the CPU. Left alone it would take bf16 wherever the processor has it.

    Args:
        model: An ``openvino.Model``.
        precision: One of ``PRECISIONS``.
        text: The recognizer's description.

    Raises:
        ConfigError: An unknown precision.
    """
    library = importlib.import_module("openvino")
    if precision not in PRECISIONS:
        raise ConfigError(f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}")
    hint = {"fp32": "f32", "bf16": "bf16"}[precision]
    threads = torch.get_num_threads()
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads}
    compiled = library.Core().compile_model(model, "CPU", settings)
    first = model.inputs[0].get_partial_shape()[0]

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        found = compiled.create_infer_request().infer([values])
        return {output.any_name: np.array(value) for output, value in found.items()}

    return Runtime(
        title=f"OpenVINO in {precision}",
        run=run,
        batch=None if first.is_dynamic else first.get_length(),
        uint8_input=model.inputs[0].element_type == library.Type.u8,
        text=text,
    )


def largest_differences(
    found: dict[str, np.ndarray], expected: dict[str, Tensor]
) -> dict[str, float]:
    """Of each output, the largest of its differences to what is expected."""
    return {name: float(abs(found[name] - v.numpy()).max()) for name, v in expected.items()}


def scale_of(values: Tensor) -> float:
    """What a difference of an output is beside: its largest value, or 1 where that is less."""
    return max(1.0, float(values.abs().max()))


def _open_program(path: Path, precision: str) -> Runtime:
    extra = {META_KEY: "", OUTPUT_NAMES: ""}
    program = torch.export.load(path, extra_files=extra)
    module = program.module()
    shape = next(v.meta["val"] for v in program.graph.nodes if v.name == INPUT)

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        outputs = module(torch.from_numpy(values))
        names = extra[OUTPUT_NAMES].split()
        return {n: v.detach().numpy() for n, v in zip(names, outputs, strict=True)}

    return Runtime(
        title="torch.export",
        run=run,
        batch=shape.shape[0] if isinstance(shape.shape[0], int) else None,
        uint8_input=shape.dtype == torch.uint8,
        text=extra[META_KEY],
    )
