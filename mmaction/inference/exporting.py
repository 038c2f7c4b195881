"""A recognizer's network as a graph that other runtimes read: ONNX, OpenVINO, torch.export.

A graph takes clips and gives, by these names, what the network's ``Prediction`` holds:
``scores``, ``attention_scores``, ``spatial_attention``, ``temporal_attention``. It carries the
recognizer's description, so that ``mmaction.load`` takes it like a checkpoint.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmaction.checkpoint.description import META_KEY, Description, Layout
from mmaction.errors import ConfigError, first_line
from mmaction.inference.quantizing import quantized
from mmaction.inference.recognizer import VideoRecognizer
from mmaction.inference.sources import opened, packed
from mmaction.models.inference import fuse_for_inference
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction

INPUT = "clips"
# As ``Prediction`` has them: B clips, K classes, T frames, h×w cells.
OUTPUTS = {
    "scores": "BK",
    "attention_scores": "BK",
    "spatial_attention": "BThw",
    "temporal_attention": "BT",
}
assert tuple(OUTPUTS) == tuple(field.name for field in fields(Prediction))
# By format: the file's suffix, and the packages that writing and running it take.
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "onnx": (".onnx", ("onnx", "onnxscript", "onnxruntime")),
    "openvino": (".xml", ("openvino",)),
    "torch-export": (".pt2", ()),
}
_FRAME_SIZES = ((240, 320), (320, 240))
_ANY_SIZE = 224


class Graph(nn.Module):
    """A network as a function of one tensor to several, with nothing that only training needs.

    Args:
        network: A recognizer.
        uint8_input: It takes pixels, uint8 B×T×H×W×3, and normalises them itself; otherwise float32
            normalised clips B×3×T×H×W.
    """

    def __init__(self, network: BaseRecognizer, *, uint8_input: bool) -> None:
        super().__init__()
        self.network = fuse_for_inference(network)
        self.uint8_input = uint8_input
        normalise: Tensor = network.data_preprocessor.normalise
        self.register_buffer("matrix", normalise[:, :3].clone())
        self.register_buffer("shift", normalise[:, 3].clone())

    def forward(self, clips: Tensor) -> tuple[Tensor, ...]:
        if self.uint8_input:
            pixels: Tensor = clips.float() @ self.matrix.T + self.shift  # type: ignore[operator]
            clips = pixels.permute(0, 4, 1, 2, 3)
        prediction = self.network.predict_clips(clips)
        values = (getattr(prediction, name) for name in OUTPUTS)
        return tuple(value for value in values if value is not None)


def layout_of(
    recognizer: VideoRecognizer, *, uint8_input: bool = False, dynamic: bool = True
) -> Layout:
    """What a recognizer's network takes and gives.

    Args:
        recognizer: A network, and the pipeline that makes its clips.
        uint8_input: It takes pixels; otherwise normalised clips.
        dynamic: It takes any number of clips at once; otherwise one.
    """
    (views, *wide), (_, *high) = (_clips_shape(recognizer, *size) for size in _FRAME_SIZES)
    frames, height, width, colors = (a if a == b else -1 for a, b in zip(wide, high, strict=True))
    sizes = {"B": -1 if dynamic else 1, "C": colors, "T": frames, "H": height, "W": width}
    axes = "BTHWC" if uint8_input else "BCTHW"
    preprocessor = recognizer.network.data_preprocessor
    with torch.inference_mode():
        clip = torch.zeros(1, colors, *wide[:3], device=preprocessor.device)
        found = recognizer.network.predict_clips(clip)
    return Layout(
        input=INPUT,
        axes=axes,
        shape=tuple(sizes[axis] for axis in axes),
        dtype="uint8" if uint8_input else "float32",
        colors="RGB",
        mean=preprocessor.mean,
        std=preprocessor.std,
        views=views,
        outputs={name: of for name, of in OUTPUTS.items() if getattr(found, name) is not None},
    )


def _clips_shape(recognizer: VideoRecognizer, height: int, width: int) -> torch.Size:
    """V×T×H×W×3 of what the pipeline makes of a black video whose frames have this size."""
    frames = np.zeros((4 * recognizer.network.clip_len, height, width, 3), np.uint8)
    with opened(frames) as video:
        shape: torch.Size = packed(video, recognizer.pipeline)["inputs"].shape
    return shape


def require_one_size(layout: Layout) -> None:
    """Refuses what no graph can take.

    Raises:
        ConfigError: The pipeline gives clips of several sizes.
    """
    if -1 in layout.shape[1:]:
        raise ConfigError("clips have their videos' sizes, a graph has one")


def example_of(layout: Layout, *, batch: int) -> Tensor:
    """Random input of a network, the same each time.

    Args:
        layout: Of its input; where frames may have any size, they are large ones.
        batch: B.
    """
    generator = torch.Generator().manual_seed(0)
    shape = [batch, *(size if size > 0 else _ANY_SIZE for size in layout.shape[1:])]
    if layout.dtype == "uint8":
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return torch.randn(shape, generator=generator)


def traced(graph: Graph, example: Tensor, *, dynamic: bool) -> Any:
    """The graph as ``torch.export`` sees it.

    Args:
        graph: On the CPU, in eval mode.
        example: Its input; of two clips, if ``dynamic``.
        dynamic: Any number of clips; otherwise as many as the example has.

    Raises:
        ConfigError: The network can't be traced.
    """
    shapes = ({0: torch.export.Dim("batch", min=1)},) if dynamic else None
    try:
        with _quiet(), torch.no_grad():
            return torch.export.export(graph, (example,), dynamic_shapes=shapes)
    except Exception as e:  # torch.export's errors have no common class
        raise ConfigError(f"the network can't be exported: {first_line(e)}") from e


def write_graph(
    program: Any,
    out: str | os.PathLike[str],
    *,
    kind: str,
    description: Description,
    calibration: Sequence[Tensor] = (),
) -> None:
    """Writes a traced graph. It may end midway: write to a draft.

    Args:
        program: From ``traced``.
        out: The file; OpenVINO's weights go to a ``.bin`` beside it.
        kind: One of ``FORMATS``.
        description: The recognizer's, with the graph's layout.
        calibration: Input of real videos; with any, OpenVINO's graph becomes one of int8.
    """
    out, text = Path(out), description.as_text()
    assert description.layout is not None
    names = list(description.layout.outputs)
    if kind == "onnx":
        with _quiet():
            out.write_bytes(_as_onnx(program, names, text).SerializeToString())
    elif kind == "torch-export":
        with _quiet():
            torch.export.save(program, out, extra_files={META_KEY: text})
    else:
        import openvino

        model = as_openvino(program, names)
        if calibration:
            model = quantized(model, calibration)
        model.set_rt_info(text, [META_KEY])
        openvino.save_model(model, out, compress_to_fp16=False)


def _as_onnx(program: Any, names: list[str], text: str) -> Any:
    exported = torch.onnx.export(program, input_names=[INPUT], output_names=names, verbose=False)
    assert exported is not None
    model = exported.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = META_KEY, text
    return model


def as_openvino(program: Any, names: list[str]) -> Any:
    """A traced graph as an ``openvino.Model``.

    Args:
        program: From ``traced``.
        names: Of the outputs.
    """
    import openvino

    with _quiet():
        model = openvino.convert_model(program)
    # It forgets the sizes that are not dynamic.
    (shape,) = [tuple(v.meta["val"].shape) for v in program.graph.nodes if v.name == INPUT]
    model.reshape([size if isinstance(size, int) else -1 for size in shape])
    model.inputs[0].get_tensor().set_names({INPUT})
    for output, name in zip(model.outputs, names, strict=True):
        output.get_tensor().set_names({name})
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of what they do about things that nobody can change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
