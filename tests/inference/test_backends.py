from __future__ import annotations

import numpy as np
import pytest

from mmaction.errors import ConfigError
from mmaction.inference import VideoRecognizer
from mmaction.inference.backends import TOLERANCE, with_backend


def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 36, 48, 3), np.uint8)


@pytest.mark.parametrize("backend", ["eager", "openvino"])
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_every_backend_gives_the_networks_answers(
    backend: str, precision: str, recognizer: VideoRecognizer
) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    changed, title = with_backend(recognizer, backend=backend, precision=precision)
    assert precision in title
    videos = [frames(), frames()[::-1].copy(), frames()[2:]]
    for found, right in zip(
        changed(videos, explain=True), recognizer(videos, explain=True), strict=True
    ):
        near = TOLERANCE if precision == "fp32" else 3e-2
        np.testing.assert_allclose(found.probabilities, right.probabilities, atol=near)
        np.testing.assert_allclose(found.spatial, right.spatial, atol=10 * near)
        if backend == "eager" and precision == "bf16":
            assert not np.array_equal(found.probabilities, right.probabilities)


def test_explainers_take_a_network_in_bf16(recognizer: VideoRecognizer) -> None:
    changed, _ = with_backend(recognizer, backend="eager", precision="bf16")
    found, right = (each(frames(), explain="grad_cam").spatial for each in (changed, recognizer))
    np.testing.assert_allclose(found, right, atol=0.1 * right.max())


def test_auto_takes_openvino_where_it_can(
    recognizer: VideoRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    _, title = with_backend(recognizer)
    assert title.startswith("OpenVINO in fp32, within ")
    assert float(title.split()[4]) <= TOLERANCE
    # Clips as large as their videos fit no graph of one size.
    own_size = [t for t in recognizer.pipeline.transforms if type(t).__name__ != "Resize"]
    monkeypatch.setattr(recognizer.pipeline, "transforms", own_size)
    _, title = with_backend(recognizer)
    assert title == "torch in fp32 on cpu (clips have their videos' sizes, a graph has one)"
    with pytest.raises(ConfigError, match="clips have their videos' sizes"):
        with_backend(recognizer, backend="openvino")
