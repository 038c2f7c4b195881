"""What computes a network's answers: torch, or on a CPU OpenVINO where it gives the same."""

from __future__ import annotations

import copy
import importlib.util

import torch

from mmaction.errors import ConfigError, UserError, first_line
from mmaction.inference.exporting import (
    Graph,
    as_openvino,
    example_of,
    layout_of,
    require_one_size,
    traced,
)
from mmaction.inference.recognizer import VideoRecognizer
from mmaction.inference.runtimes import (
    PRECISIONS,
    Runtime,
    RuntimeRecognizer,
    largest_differences,
    run_by_openvino,
    scale_of,
)
from mmaction.models.inference import fuse_for_inference

BACKENDS = ("auto", "eager", "openvino")
TOLERANCE = 1e-4  # of all outputs in fp32, beside the largest of their values where it is above 1


def with_backend(
    recognizer: VideoRecognizer, *, backend: str = "auto", precision: str = "fp32"
) -> tuple[VideoRecognizer, str]:
    """A recognizer that answers likewise, faster, and what it runs on, in a few words.

    Args:
        recognizer: From ``mmaction.load``.
        backend: ``'eager'``: torch; ``'openvino'``: the network, converted in memory, on the CPU;
            ``'auto'``: OpenVINO on a CPU where it is installed and can take the network.
        precision: ``'fp32'``, where OpenVINO's answers to random clips are held to torch's, or
            ``'bf16'``.

    Raises:
        ConfigError: A backend or precision that can't be.
        UserError: OpenVINO is asked for, and its answers differ.
    """
    for name, value, known in (
        ("backend", backend, BACKENDS),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise ConfigError(f"--{name} {value}: expected one of {', '.join(known)}")
    if isinstance(recognizer.network, RuntimeRecognizer):
        if backend != "auto":
            raise ConfigError(f"--backend {backend}: an exported graph is run by its own runtime")
        return recognizer, recognizer.network.runtime.title
    device = next(recognizer.network.parameters()).device
    installed = importlib.util.find_spec("openvino") is not None
    if backend == "openvino":
        if device.type != "cpu":
            raise ConfigError(f"--backend openvino runs on CPUs, not on {device}: --device cpu")
        if not installed:
            raise ConfigError("--backend openvino needs openvino: pip install openvino")
        return _by_openvino(recognizer, precision)
    why = ""
    if backend == "auto" and device.type == "cpu" and installed:
        try:
            return _by_openvino(recognizer, precision)
        except UserError as e:
            why = f" ({e})"
    dtype = torch.bfloat16 if precision == "bf16" else None
    changed = copy.copy(recognizer)
    changed.network, changed.dtype = fuse_for_inference(recognizer.network, dtype=dtype), dtype
    return changed, f"torch in {precision} on {device}{why}"


def _by_openvino(recognizer: VideoRecognizer, precision: str) -> tuple[VideoRecognizer, str]:
    layout = layout_of(recognizer)
    require_one_size(layout)
    graph = Graph(recognizer.network, uint8_input=False).eval()
    example, names = example_of(layout, batch=2), list(layout.outputs)
    program = traced(graph, example, dynamic=True)
    try:
        model = as_openvino(program, names)
        runtime = Runtime(*run_by_openvino(model, precision=precision), layout)
    except Exception as e:  # the library has errors of its own
        raise ConfigError(f"OpenVINO can't take the network: {first_line(e)}") from e
    with torch.no_grad():
        expected = dict(zip(names, graph(example), strict=True))
    if precision != "fp32":
        expected = {"scores": expected["scores"]}
    differences = largest_differences(runtime(example.numpy()), expected)
    difference = max(differences[name] / scale_of(v) for name, v in expected.items())
    if precision == "fp32" and not difference <= TOLERANCE:
        raise UserError(f"OpenVINO's answers differ from torch's by {difference:.1e}")
    changed = copy.copy(recognizer)
    changed.network = RuntimeRecognizer(runtime=runtime, model=recognizer.description.model).eval()
    held = "" if precision == "fp32" else "scores "
    return changed, f"{runtime.title}, {held}within {difference:.1e} of torch"
