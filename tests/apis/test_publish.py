from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import mmaction
from mmaction import apis
from mmaction.apis import load_config, train
from mmaction.apis.evaluate import evaluate_explanations
from mmaction.apis.publish import publish
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError, UserError
from mmaction.explain.measures import EvaluationOptions
from tests.conftest import CLASSES, Outcome

MakeConfig = Callable[..., Path]


def frames(count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 36, 48, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_published_answers_as_the_checkpoint_and_holds_no_more(
    suffix: str, tiny_checkpoint: Path, tiny_data: Path, tmp_path: Path
) -> None:
    found = publish(tiny_checkpoint, tmp_path / f"model{suffix}")
    digest = hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert found.sha256 == digest
    assert found.path.name == f"model-{digest[:8]}{suffix}"
    assert sorted(tmp_path.iterdir()) == sorted([found.path, found.card])
    expected = mmaction.load(tiny_checkpoint, device="cpu")(frames(), explain=True)
    answer = mmaction.load(found.path, device="cpu")(frames(), explain=True)
    assert answer.classes == tuple(CLASSES)
    for key in ("probabilities", "attention_probabilities", "spatial", "temporal"):
        np.testing.assert_array_equal(getattr(answer, key), getattr(expected, key))
    for place in (tmp_path, tiny_checkpoint.parent, tiny_data):
        assert str(place).encode() not in found.path.read_bytes()
        assert str(place) not in found.card.read_text()
    if suffix == ".pth":
        content = torch.load(found.path, weights_only=True)
        assert content.keys() == {"state_dict", "meta"}
        meta = content["meta"]
    else:
        with safe_open(found.path, framework="pt") as file:
            meta = file.metadata()
        assert meta.pop("format") == "pt"
    assert meta.keys() == {"recognizer", "assumes"}
    layout = json.loads(meta["recognizer"])["layout"]
    assert (layout["axes"], layout["shape"]) == ("BCTHW", [-1, 3, 4, 32, 32])
    assert publish(tiny_checkpoint, tmp_path / "again" / f"model{suffix}").sha256 == digest


def test_the_card_says_what_is_known(
    tiny_config: Path,
    tiny_checkpoint: Path,
    tiny_data: Path,
    tmp_path: Path,
    run_tool: Callable[..., Outcome],
) -> None:
    cfg = load_config(tiny_config)
    outcome = apis.test(cfg, tiny_checkpoint, out=tmp_path / "scores.pkl")
    options = EvaluationOptions(
        videos=3, steps=2, only_correct=False, metrics=("spatial_insertion",)
    )
    table = evaluate_explanations(
        cfg, tiny_checkpoint, ["attention"], options=options, out=tmp_path / "true"
    )
    given = ["--metrics", tmp_path / "scores.metrics.json"]
    given += ["--explanations", tmp_path / "true/results.json"]
    ran = run_tool("publish_model", tiny_checkpoint, tmp_path / "to/tiny.pth", *given)
    assert ran.code == 0, ran.err
    (card,) = (tmp_path / "to").glob("tiny-*.md")
    text = card.read_text()
    assert str(card) in ran.out
    (model,) = (tmp_path / "to").glob("tiny-*.pth")
    weights = read_checkpoint(model)["state_dict"]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(v.numel() for k, v in weights.items() if not k.endswith(statistics))
    digest = hashlib.sha256((tiny_data / "train.txt").read_bytes()).hexdigest()
    interval = table.interval("attention", table.measures[0]).text()
    for line in (
        "STABN on ResNet3D 10",
        f"| parameters | {count:,} |",
        "4 frames of 32×32 pixels, RGB, less 123.675 116.28 103.53 by 58.395 57.12 57.375",
        "bend, jack, wave",
        f"train.txt (SHA-256 {digest[:12]}…)",
        "| training videos | 4 |",
        f"| perception/top1 | {outcome.metrics['perception/top1']:.4g} |",
        interval,
        f'mmaction.load("{model.name}")',
    ):
        assert line in text, line


def test_averaged_weights_are_those_that_answer(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path
) -> None:
    train(
        load_config(make_config(tiny_data, "custom_hooks = [dict(type='EMAHook', momentum=0.3)]\n"))
    )
    checkpoint = tmp_path / "work/epoch_1.pth"
    content = read_checkpoint(checkpoint)
    found = publish(checkpoint, tmp_path / "ema.safetensors")
    kept = read_checkpoint(found.path)["state_dict"]
    name = "perception_branch.fc.weight"
    assert torch.equal(kept[name], content["state_dict"][name])
    assert not torch.equal(kept[name], content["ema_state_dict"][f"module.{name}"])
    assert "EMA" in found.card.read_text()


def test_transformers_are_described_without_their_directory(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    own = transformers.VideoMAEConfig(
        **sizes, image_size=32, num_frames=4, id2label={0: "dancing/jumping"}, label2id={}
    )
    own.save_pretrained(tmp_path / "videomae")
    backbone = dict(type="TransformersBackbone", model=str(tmp_path / "videomae"))
    text = f"model['backbone'] = {backbone!r}\n"
    train(load_config(make_config(tiny_data, text)))
    shutil.rmtree(tmp_path / "videomae")
    checkpoint = tmp_path / "work/epoch_1.pth"
    answer = mmaction.load(checkpoint, device="cpu")(frames())
    found = publish(checkpoint, tmp_path / "videomae.pth")
    assert not found.notes
    published = mmaction.load(found.path, device="cpu")
    assert published.description.model["backbone"]["model"]["hidden_size"] == 16
    np.testing.assert_array_equal(published(frames()).probabilities, answer.probabilities)


def test_what_asks_a_place_is_said(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path
) -> None:
    timm = pytest.importorskip("timm")
    (tmp_path / "hub").mkdir()
    kept = vars(timm.get_pretrained_cfg("resnet18"))
    settings = dict(architecture="resnet18", pretrained_cfg=kept)
    (tmp_path / "hub/config.json").write_text(json.dumps(settings, default=str))
    backbone = dict(type="TimmBackbone", model=f"local-dir:{tmp_path / 'hub'}", out_index=2)
    text = f"model['backbone'] = {backbone!r}\n"
    train(load_config(make_config(tiny_data, text)))
    checkpoint = tmp_path / "work/epoch_1.pth"
    with pytest.raises(CheckpointError, match="names a place; .*--trust"):
        publish(checkpoint, tmp_path / "model.pth")
    found = publish(checkpoint, tmp_path / "model.pth", trust=True)
    assert "who loads it needs trust=True" in found.notes[0]
    assert "who loads it needs trust=True" in found.card.read_text()


def test_others_checkpoints_take_a_config(
    tiny_checkpoint: Path, tiny_config: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.pth"
    torch.save({"state_dict": read_checkpoint(tiny_checkpoint)["state_dict"]}, bare)
    with pytest.raises(CheckpointError, match="doesn't describe its recognizer: give the config"):
        publish(bare, tmp_path / "out/model.pth")
    found = publish(bare, tmp_path / "out/model.pth", config=tiny_config)
    assert mmaction.load(found.path).classes == tuple(CLASSES)
    assert "does not say what it was trained on" in found.card.read_text()


def test_own_parts_are_said(
    make_config: MakeConfig, tiny_data: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    imports = "custom_imports = dict(imports=['json'])"
    config = make_config(tiny_data, imports)
    found = publish(tiny_checkpoint, tmp_path / "out/model.pth", config=config)
    assert found.notes[0].startswith("it has custom_imports=['json']: who loads it needs trust")


def test_bad_input_gets_one_line_and_leaves_nothing(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("[1]")
    other = {"intervals": {}, "sha256": {"checkpoint": "0" * 64}}
    (tmp_path / "other.json").write_text(json.dumps(other))
    out = tmp_path / "out" / "model.pth"
    for said, options in (
        ("ends in .pth or .safetensors", dict(out=tmp_path / "out/model.bin")),
        ("no such file", dict(checkpoint=tmp_path / "none.pth")),
        ("is an exported graph", dict(checkpoint=tmp_path / "model.onnx")),
        ("expected names and numbers", dict(metrics=tmp_path / "no.json")),
        ("expected results.json", dict(explanations=tmp_path / "no.json")),
        ("was measured with another checkpoint", dict(explanations=tmp_path / "other.json")),
    ):
        with pytest.raises(UserError, match=said) as raised:
            publish(**{**dict(checkpoint=tiny_checkpoint, out=out), **options})
        assert "\n" not in str(raised.value)
    assert not out.parent.exists()
