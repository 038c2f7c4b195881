from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import mmaction
from mmaction.apis import load_config
from mmaction.apis.export import export
from mmaction.errors import CheckpointError, ConfigError, UserError
from mmaction.inference import VideoRecognizer
from tests.conftest import Outcome
from tests.frame_fixtures import write_film

REPO = Path(__file__).resolve().parents[2]
NEEDED = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
    "torch-export": (),
}
SUFFIX = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}


def need(kind: str) -> None:
    for library in NEEDED[kind]:
        pytest.importorskip(library)


@pytest.mark.parametrize(
    ("kind", "uint8_input"),
    [
        ("onnx", False),
        pytest.param("openvino", False, marks=pytest.mark.slow),
        ("openvino", True),
        ("torch-export", True),
    ],
)
def test_exported_answers_are_the_checkpoints(
    kind: str, uint8_input: bool, tiny_checkpoint: Path, recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    need(kind)
    out = tmp_path / f"model{SUFFIX[kind]}"
    # Pixels with a fixed batch, normalised clips with any.
    found = export(
        tiny_checkpoint, out, kind=kind, uint8_input=uint8_input, dynamic=not uint8_input
    )
    assert found.layout.dtype == ("uint8" if uint8_input else "float32")
    assert found.layout.shape[0] == (1 if uint8_input else -1)
    assert set(found.differences) == {
        "scores",
        "attention_scores",
        "spatial_attention",
        "temporal_attention",
    }
    videos = [write_film(tmp_path / f"{n}.mp4", 10 + n, step=9 + n) for n in range(3)]
    expected = recognizer(videos, explain=True)
    answers = mmaction.load(out, trust=kind == "torch-export")(videos, explain=True)
    for answer, right in zip(answers, expected, strict=True):
        assert answer.classes == right.classes
        for key in ("probabilities", "attention_probabilities", "spatial", "temporal"):
            np.testing.assert_allclose(getattr(answer, key), getattr(right, key), atol=1e-4)
    assert {path.suffix for path in tmp_path.iterdir()} <= {SUFFIX[kind], ".bin", ".mp4"}


@pytest.mark.parametrize("uint8_input", [True, False])
def test_onnx_graph_by_what_its_file_says(
    uint8_input: bool, tiny_checkpoint: Path, recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    """What a reader without this package does: all it knows is in the file's metadata."""
    need("onnx")
    import onnxruntime

    export(tiny_checkpoint, tmp_path / "m.onnx", uint8_input=uint8_input)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    said = json.loads(session.get_modelmeta().custom_metadata_map["recognizer"])
    layout = said["layout"]
    (given,) = session.get_inputs()
    assert given.name == layout["input"]
    assert given.type == {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[layout["dtype"]]
    assert given.shape == layout["shape"]
    assert [output.name for output in session.get_outputs()] == list(layout["outputs"])
    size = dict(zip(layout["axes"], layout["shape"], strict=True))
    pixels = np.random.default_rng(0).integers(0, 256, [size[axis] for axis in "BTHWC"], np.uint8)
    assert layout["colors"] == "RGB"
    clips = ((pixels - layout["mean"]) / layout["std"]).astype(np.float32)
    clips = clips.transpose(["BTHWC".index(axis) for axis in "BCTHW"])
    fed = pixels if layout["dtype"] == "uint8" else clips
    assert layout["axes"] == ("BTHWC" if uint8_input else "BCTHW")
    names = list(layout["outputs"])
    found = dict(zip(names, session.run(names, {layout["input"]: fed}), strict=True))
    size["K"] = len(said["classes"])
    size["h"], size["w"] = found["spatial_attention"].shape[2:]
    for name, value in found.items():
        assert value.shape == tuple(size[axis] for axis in layout["outputs"][name])
    with torch.no_grad():
        right = recognizer.network(torch.from_numpy(clips))
    np.testing.assert_allclose(found["scores"], right.scores, atol=1e-5)
    np.testing.assert_allclose(found["spatial_attention"], right.spatial_attention, atol=1e-4)


def test_bad_input_gets_one_line_and_leaves_nothing(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a file of format onnx ends with \.onnx"):
        export(tiny_checkpoint, tmp_path / "m.xml")
    (tmp_path / "m.onnx").write_bytes(b"no graph")
    need("onnx")
    with pytest.raises(CheckpointError, match=r"m\.onnx: can't be opened"):
        mmaction.load(tmp_path / "m.onnx")
    (tmp_path / "m.pt2").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"m\.pt2: refused, .*trust=True"):
        mmaction.load(tmp_path / "m.pt2")
    with pytest.raises(CheckpointError, match="no such file"):
        mmaction.load(tmp_path / "none.onnx")


def test_clips_as_large_as_their_videos_fit_no_graph(
    tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    config = load_config(tiny_config)
    steps = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset.pipeline = [s for s in steps if s["type"] != "Resize"]
    with pytest.raises(ConfigError, match="clips have their videos' sizes, a graph has one"):
        export(tiny_checkpoint, tmp_path / "m.pt2", config=config, kind="torch-export")
    assert not (tmp_path / "m.pt2").exists()


def test_command_tells_what_it_wrote(
    tiny_checkpoint: Path, tmp_path: Path, run_tool: Callable[..., Outcome]
) -> None:
    command = ("export", tiny_checkpoint, tmp_path / "m.pt2")
    done = run_tool(*command, "--format", "torch-export", "--dynamic")
    assert done.code == 0, done.err
    first, *rest = done.out.splitlines()
    assert "clips float32 B×3×4×" in first
    assert len(rest) == 4
    assert run_tool(*command, "--format", "onnx").error


def test_int8_is_kept_with_its_differences_said(
    tiny_checkpoint: Path,
    recognizer: VideoRecognizer,
    tiny_data: Path,
    tmp_path: Path,
    run_tool: Callable[..., Outcome],
) -> None:
    need("openvino")
    pytest.importorskip("nncf")
    videos = ("--calibration", tiny_data / "frames")
    options = ("--format", "openvino", "--uint8-input", "--precision", "int8", *videos)
    ran = run_tool("export", tiny_checkpoint, tmp_path / "int8.xml", *options)
    assert ran.code == 0, ran.err
    models = [mmaction.load(tmp_path / "int8.xml"), recognizer]
    assert "int8" in models[0].network.runtime.title
    weights = sum(each.numel() for each in models[1].network.parameters())
    assert (tmp_path / "int8.bin").stat().st_size < 1.3 * weights  # bytes; of fp32 it is 4 each
    paths = sorted(path for path in (tiny_data / "frames").glob("*/*") if path.is_dir())
    answers = [model(paths, explain=True) for model in models]
    off = {"spatial": 0.0, "temporal": 0.0}
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.05)
        for key in off:
            difference = abs(getattr(one, key) - getattr(other, key)).max()
            off[key] = max(off[key], float(difference))
    same = np.mean([a.label == b.label for a, b in zip(*answers, strict=True)])
    assert f"{100 * same:.0f} % of calibration clips" in ran.out
    for key, difference in off.items():
        assert 0 < difference < 0.3
        assert f"{key}_attention: within {difference:.1e} of the network" in ran.out


def test_int8_that_cannot_be_gets_one_line(tiny_checkpoint: Path, tmp_path: Path) -> None:
    need("openvino")
    pytest.importorskip("nncf")
    (tmp_path / "no.mp4").write_bytes(b"no video")
    for out, kind, options, said in (
        ("m.xml", "openvino", {}, "needs --calibration"),
        ("m.onnx", "onnx", {"calibration": [tmp_path]}, "needs --format openvino, not onnx"),
        ("m.xml", "openvino", {"calibration": [tmp_path]}, r"no\.mp4.*damaged"),
        ("m.xml", "openvino", {"calibration": [tmp_path / "none"]}, "none' does not exist"),
        ("m.xml", "openvino", {"precision": "int4"}, "expected one of fp32, int8"),
        ("m.xml", "openvino", {"precision": "fp32", "calibration": ["a"]}, "is for --precision"),
    ):
        with pytest.raises(UserError, match=said):
            export(tiny_checkpoint, tmp_path / out, kind=kind, **{"precision": "int8", **options})
    assert [path.name for path in tmp_path.iterdir()] == ["no.mp4"]
