"""Exported graphs as recognizers: ONNX Runtime, OpenVINO and torch.export answer like a network."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmaction.checkpoint.description import META_KEY, Description, Layout, description_of
from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.inference.exporting import INPUT, OUTPUTS
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction

MOST_CLASSES = 1_000_000
PRECISIONS = ("fp32", "bf16")
SUFFIXES = (".onnx", ".xml", ".pt2")
Run = Callable[[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Runtime:
    """A graph, ready to run.

    Attributes:
        title: What runs it, for the log.
        run: From its input to its outputs.
        layout: What these are.
    """

    title: str
    run: Run
    layout: Layout

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by name."""
        names, found = self.layout.outputs, self.run(values)
        if len(found) != len(names):
            raise CheckpointError(
                f"the graph gives {len(found)} outputs, its description says {len(names)}"
            )
        return dict(zip(names, found, strict=True))


class RuntimeRecognizer(BaseRecognizer):
    """A recognizer whose clips are answered by a graph, on the CPU, for inference alone.

    Args:
        runtime: The graph.
        model: The network's config: ``num_classes``, ``clip_len``, how views are averaged, and how
            clips are normalised.
    """

    def __init__(self, *, runtime: Runtime, model: dict[str, Any]) -> None:
        kept = ("num_classes", "clip_len", "average_views", "max_views", "loss_cls")
        options = {key: model[key] for key in (*kept, "data_preprocessor") if key in model}
        self._takes_pixels = runtime.layout.dtype == "uint8"
        if self._takes_pixels:  # the graph normalises
            options["data_preprocessor"] = dict(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        super().__init__(**options)
        if self.num_classes > MOST_CLASSES:  # a description can say anything
            raise CheckpointError(f"model.num_classes={self.num_classes}: at most {MOST_CLASSES}")
        self.runtime = runtime

    def predict_clips(self, clips: Tensor) -> Prediction:
        if self._takes_pixels:
            clips = clips.permute(0, 2, 3, 4, 1).round().to(torch.uint8)
        values = clips.contiguous().numpy()
        size = self.runtime.layout.shape[0]
        parts = [self.runtime(part) for part in _parts(values, size if size > 0 else len(values))]
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
        precision: Of a ``.xml``; ``'bf16'``: OpenVINO computes in it, where the processor can.

    Raises:
        CheckpointError: It is missing, broken or wasn't exported by this package.
        ConfigError: The library that runs it isn't there, or has no such precision.
    """
    if not path.is_file():
        raise CheckpointError(f"model {path}: no such file")
    opened = {".onnx": _open_onnx, ".xml": _open_openvino, ".pt2": _open_program}[path.suffix]
    try:
        title, run, text = opened(path, precision)
    except ConfigError:
        raise
    except Exception as e:  # each library has errors of its own
        raise CheckpointError(f"model {path}: can't be opened ({first_line(e)})") from e
    said = description_of({"meta": {META_KEY: text or None}}, path)
    if said is None or said.layout is None:
        raise CheckpointError(
            f"model {path}: it was not exported by this version's tools/export.py"
        )
    names = said.layout.outputs.keys()
    if len(said.layout.shape) != 5 or not {"scores"} <= names <= OUTPUTS.keys():
        raise CheckpointError(f"model {path}: its layout is none of this package's")
    return Runtime(title, run, said.layout), said


def _library(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise ConfigError(f"model {path} needs {name}: pip install {name}") from e


def _open_onnx(path: Path, precision: str) -> tuple[str, Run, str]:
    library = _library("onnxruntime", path)
    options = library.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = library.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(values: np.ndarray) -> Sequence[np.ndarray]:
        outputs: list[np.ndarray] = session.run(None, {INPUT: values})
        return outputs

    return "ONNX Runtime", run, session.get_modelmeta().custom_metadata_map.get(META_KEY, "")


def _open_openvino(path: Path, precision: str) -> tuple[str, Run, str]:
    library = _library("openvino", path)
    model = library.Core().read_model(path)
    text = model.get_rt_info([META_KEY]).astype(str) if model.has_rt_info([META_KEY]) else ""
    title, run = run_by_openvino(model, precision=precision)
    if model.has_rt_info(["nncf", "quantization"]):
        title += ", quantized to int8"
    return title, run, text


def run_by_openvino(model: Any, *, precision: str = "fp32") -> tuple[str, Run]:
    """OpenVINO on the CPU, what to call it and how to run it.

    Left alone it would take bf16 wherever the processor has it.

    Args:
        model: An ``openvino.Model``.
        precision: One of ``PRECISIONS``.

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

    def run(values: np.ndarray) -> Sequence[np.ndarray]:
        found = compiled.create_infer_request().infer([values])
        return [np.array(found[output]) for output in compiled.outputs]

    return f"OpenVINO in {precision}", run


def largest_differences(
    found: dict[str, np.ndarray], expected: dict[str, Tensor]
) -> dict[str, float]:
    """Of each output, the largest of its differences to what is expected."""
    return {name: float(abs(found[name] - v.numpy()).max()) for name, v in expected.items()}


def scale_of(values: Tensor) -> float:
    """What a difference of an output is beside: its largest value, or 1 where that is less."""
    return max(1.0, float(values.abs().max()))


def _open_program(path: Path, precision: str) -> tuple[str, Run, str]:
    extra = {META_KEY: ""}
    module = torch.export.load(path, extra_files=extra).module()

    def run(values: np.ndarray) -> Sequence[np.ndarray]:
        return [output.detach().numpy() for output in module(torch.from_numpy(values))]

    return "torch.export", run, extra[META_KEY]
