from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmaction
from mmaction.errors import ConfigError
from mmaction.inference.backends import TOLERANCE, with_backend


def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 36, 48, 3), np.uint8)


@pytest.mark.parametrize("backend", ["eager", "openvino"])
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_every_backend_gives_the_networks_answers(
    backend: str, precision: str, tiny_checkpoint: Path
) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    model = mmaction.load(tiny_checkpoint, device="cpu")
    changed, title = with_backend(model, backend=backend, precision=precision)
    assert precision in title
    videos = [frames(), frames()[::-1].copy(), frames()[2:]]
    for found, right in zip(
        changed(videos, explain=True), model(videos, explain=True), strict=True
    ):
        near = TOLERANCE if precision == "fp32" else 3e-2
        np.testing.assert_allclose(found.probabilities, right.probabilities, atol=near)
        np.testing.assert_allclose(found.spatial, right.spatial, atol=10 * near)
        if backend == "eager" and precision == "bf16":
            assert not np.array_equal(found.probabilities, right.probabilities)


def test_explainers_take_a_network_in_bf16(tiny_checkpoint: Path) -> None:
    model = mmaction.load(tiny_checkpoint, device="cpu")
    changed, _ = with_backend(model, backend="eager", precision="bf16")
    found, right = (each(frames(), explain="grad_cam").spatial for each in (changed, model))
    np.testing.assert_allclose(found, right, atol=0.1 * right.max())


def test_auto_takes_openvino_where_it_can(tiny_checkpoint: Path) -> None:
    pytest.importorskip("openvino")
    model = mmaction.load(tiny_checkpoint, device="cpu")
    _, title = with_backend(model)
    assert title.startswith("OpenVINO in fp32, within ")
    assert float(title.split()[4]) <= TOLERANCE
    # Clips as large as their videos fit no graph of one size.
    model.pipeline.transforms = [
        t for t in model.pipeline.transforms if type(t).__name__ != "Resize"
    ]
    _, title = with_backend(model)
    assert title == "torch in fp32 on cpu (clips have their videos' sizes, a graph has one)"
    with pytest.raises(ConfigError, match="clips have their videos' sizes"):
        with_backend(model, backend="openvino")
