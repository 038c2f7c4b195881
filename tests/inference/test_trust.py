from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mmaction
from mmaction.checkpoint.description import description_of
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError
from mmaction.inference import require_harmless

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def changed(tiny_checkpoint: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """A copy of the checkpoint whose description says something else."""

    def write(change: Change) -> Path:
        content = torch.load(tiny_checkpoint, weights_only=True)
        said = json.loads(content["meta"]["recognizer"])
        change(said)
        content["meta"]["recognizer"] = json.dumps(said)
        path = tmp_path / "changed.pth"
        torch.save(content, path)
        return path

    return write


def timm(model: str, **options: Any) -> Change:
    backbone = dict(type="TimmBackbone", model=model, **options)
    return lambda d: d["model"].update(backbone=backbone)


def transformers(model: Any) -> Change:
    return lambda d: d["model"].update(backbone=dict(type="TransformersBackbone", model=model))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(custom_imports=["evil"]), "custom_imports"),
        (lambda d: d["model"].update(type="os.system"), r"model\.type='os\.system'"),
        (lambda d: d["model"]["backbone"].update(type="Linear.evil"), r"backbone\.type"),
        (lambda d: d["model"]["backbone"].update(pretrained="x.pth"), r"backbone\.pretrained"),
        (lambda d: d["model"].update(init_cfg=dict(type="Pretrained")), r"model\.init_cfg"),
        (transformers("some/where"), r"model\.backbone\.model='some/where' names a place"),
        (transformers("gpt2"), r"model\.backbone\.model='gpt2' names a place"),
        (
            transformers(dict(model_type="videomae", attn_implementation="flash_attention_2")),
            r"attn_implementation='flash_attention_2' may ask a hub",
        ),
        (lambda d: d["model"].update(_scope_="evil"), r"model\._scope_='evil'"),
        (timm("hf-hub:some/where"), "names a place"),
        (timm("resnet18", model_options=dict(checkpoint_path="x")), "checkpoint_path"),
        (lambda d: d["pipeline"].insert(0, dict(type="subprocess.run")), r"pipeline\[0\]\.type"),
        (lambda d: d["pipeline"].insert(0, dict(type="EMAHook")), r"pipeline\[0\]\.type"),
        (lambda d: d["pipeline"][0].update(file="~/secret"), r"pipeline\[0\]\.file"),
    ],
)
def test_a_strangers_file_runs_nothing(
    changed: Callable[[Change], Path], change: Change, said: str
) -> None:
    path = changed(change)
    with pytest.raises(CheckpointError, match=f"refused, .*{said}.*trust=True") as raised:
        mmaction.load(path)
    assert "\n" not in str(raised.value)


def test_the_name_of_a_trainings_first_weights_is_left_out(
    changed: Callable[[Change], Path],
) -> None:
    backbone = dict(type="TorchvisionBackbone", model="r3d_18")
    path = changed(lambda d: d["model"].update(backbone={**backbone, "weights": "KINETICS400_V1"}))
    said = description_of(read_checkpoint(path), path)
    require_harmless(said, path)
    assert said.model["backbone"] == backbone


def test_trusted_imports_are_made(
    changed: Callable[[Change], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_parts.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = changed(lambda d: d.update(custom_imports=["own_parts"]))
    with pytest.raises(CheckpointError):
        mmaction.load(path)
    assert not (tmp_path / "imported").exists()
    mmaction.load(path, trust=True)
    assert (tmp_path / "imported").exists()


def test_a_type_is_not_imported_to_see_what_it_is(
    changed: Callable[[Change], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named_alone.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CheckpointError, match=r"type='named_alone' is no part of this package"):
        mmaction.load(changed(lambda d: d["model"].update(type="named_alone")))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}}', "[" * 100_000], ids=[*"abcd"])
def test_a_damaged_description_is_named(text: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(tiny_checkpoint, weights_only=True)
    content["meta"]["recognizer"] = text
    torch.save(content, tmp_path / "damaged.pth")
    with pytest.raises(CheckpointError, match=r"damaged\.pth: its meta\.recognizer is damaged"):
        mmaction.load(tmp_path / "damaged.pth")
