"""Real trainings; the sheets are read again from where the back ends put them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmaction.apis import load_config
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine import AttentionSheetHook
from mmaction.engine.hooks.attention_sheet import choose_videos, sheet_tag
from mmaction.errors import ConfigError
from mmaction.explain import explain_views, render_sheet
from mmaction.registry import DATASETS, MODELS
from tests.engine.conftest import Trained, needs_two

MakeConfig = Callable[..., Path]
HOOK = "custom_hooks = [dict(type='AttentionSheetHook'{})]\n"
PLAIN = """
backbone = dict(type='ResNet3D', depth=10, base_channels=4)
model = dict(type='Recognizer3D', num_classes=3, clip_len=4, backbone=backbone)
"""
VIEWS = """
dataset = dict(val_dataloader["dataset"], pipeline=[
    dict(type="SampleFrames", clip_len=4, frame_interval=1, num_clips=2, placement="even"),
    dict(type="DecodeFrames"), dict(type={!r}, size=32), dict(type="PackClips"),
])
val_dataloader = dict(val_dataloader, dataset=dataset)
"""


def images(folder: Path) -> dict[str, np.ndarray]:
    """The RGB pictures that the back end on the disk wrote, by name."""
    return {
        path.stem: cv2.imread(str(path))[..., ::-1]
        for path in folder.glob("**/vis_data/vis_image/*")
    }


def expected_sheet(cfg: Config, checkpoint: Path, index: int, *, view: int = 0) -> np.ndarray:
    """The sheet of one validation video by a checkpoint's network, made without a run."""
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(read_checkpoint(checkpoint)["state_dict"])
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    item = dataset[index]
    batch = dict(inputs=item["inputs"][None], color=item["color"][None], samples=[item["sample"]])
    with torch.no_grad():
        [result] = model.val_step(batch)
    return render_sheet(explain_views(result, item["inputs"], classes=dataset.classes)[view])


def assert_alike(sheet: np.ndarray, expected: np.ndarray) -> None:
    """Alone or in a batch a clip's maps differ by rounding, and so by few and small colours."""
    assert sheet.shape == expected.shape
    assert np.abs(sheet.astype(int) - expected).mean() < 0.1


def test_sheets_show_the_network_of_their_epoch(trained: Trained) -> None:
    """By class the list is 0 3 6 | 1 4 | 2 5, the middles of its thirds are 3, 1 and 2."""
    runner, work_dir = trained(HOOK.format(", number=3"), **{"train_cfg.max_epochs": 2})
    found = images(work_dir)
    assert found.keys() == {
        f"attention_{index}_val_video_{index}_{epoch}" for index in (1, 2, 3) for epoch in (1, 2)
    }
    for epoch in (1, 2):
        expected = expected_sheet(runner.cfg, work_dir / f"epoch_{epoch}.pth", 2)
        assert_alike(found[f"attention_2_val_video_2_{epoch}"], expected)
    first, second = (found[f"attention_2_val_video_2_{epoch}"] for epoch in (1, 2))
    assert first.shape != second.shape or (first != second).any(), "the network has learned"


def test_only_what_is_due_and_asked_for_by_name(trained: Trained) -> None:
    """Validated at 2, 4 and 5, the end; three epochs are over since the start at 4."""
    options = {"train_cfg.max_epochs": 5, "evaluation.interval": 2}
    _, work_dir = trained(HOOK.format(", interval=3, names='val/video 5'"), **options)
    assert images(work_dir).keys() == {f"attention_5_val_video_5_{epoch}" for epoch in (4, 5)}


@needs_two
def test_two_processes_show_the_same_videos_once(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path, train_each: Callable[..., None]
) -> None:
    """Videos 1 and 3 are the second process's, 2 is the first one's."""
    config = make_config(tiny_data, HOOK.format(", number=3"))
    train_each(2, config)
    found = images(tmp_path)
    assert found.keys() == {f"attention_{index}_val_video_{index}_1" for index in (1, 2, 3)}
    for index in (1, 2):
        expected = expected_sheet(load_config(config), tmp_path / "work/epoch_1.pth", index)
        assert_alike(found[f"attention_{index}_val_video_{index}_1"], expected)


def test_tensorboard_gets_them(trained: Trained) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    backends = "dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')"
    visualizer = f"visualizer = dict(type='Visualizer', vis_backends=[{backends}])\n"
    _, work_dir = trained(HOOK.format(", number=1") + visualizer)
    [(name, sheet)] = images(work_dir).items()
    [events] = work_dir.glob("*/vis_data/events*")
    accumulator = EventAccumulator(str(events), size_guidance={"images": 0})
    accumulator.Reload()
    [tag] = accumulator.Tags()["images"]
    assert f"{tag}_1" == name
    [event] = accumulator.Images(tag)
    assert event.step == 1
    encoded = np.frombuffer(event.encoded_image_string, dtype=np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1], sheet)


@pytest.mark.parametrize(
    ("config_text", "message"),
    [
        (
            PLAIN + HOOK.format(""),
            "model.type='Recognizer3D' makes no attention maps; expected",
        ),
        (HOOK.format(", names=['val/video 9']"), "no validation video is called 'val/video 9'"),
        (HOOK.format(", number=0"), "number=0: expected a whole number, 1 or more"),
        (HOOK.format(", interval='2'"), "interval='2': expected a whole number, 1 or more"),
        (HOOK.format(", every=2"), "AttentionSheetHook has no argument 'every'"),
    ],
)
def test_what_cant_work_is_said_before_the_training(
    config_text: str, message: str, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        trained(config_text)
    assert not list(tmp_path.glob("run/*.pth"))
    assert not images(tmp_path)


def test_a_training_without_validation_goes_on(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    config = make_config(tiny_data, HOOK.format(""))
    ended = run_tool("train_recognizer", config, "--no-validate")
    assert ended.code == 0
    assert ended.out.count("AttentionSheetHook: no validation, so no sheets of attention") == 1
    assert not images(tmp_path)


def test_choice_and_tags(tiny_config: Path) -> None:
    hook = AttentionSheetHook()
    assert (hook.interval, hook.number, hook.names) == (1, 4, None)
    dataset = DATASETS.build(load_config(tiny_config).val_dataloader.dataset)
    assert choose_videos(dataset, number=1) == {1}, "the middle of 0 3 6 1 4 2 5"
    assert choose_videos(dataset, number=7) == choose_videos(dataset, number=99) == set(range(7))
    assert choose_videos(dataset, number=1, names=["val/video 6", "val/video 0"]) == {0, 6}
    assert sheet_tag(3, "a/b c") == "attention_3_a_b_c"
    assert len(sheet_tag(3, "𝄞" * 300 + "/x").encode()) < 255 - len("_10000.png")


@pytest.mark.parametrize(
    ("crop", "crops", "middle"), [("ThreeCrop", 3, 2), ("TenCrop", 10, 4), ("CenterCrop", 1, 0)]
)
def test_of_several_views_the_middle_is_shown(
    crop: str, crops: int, middle: int, trained: Trained
) -> None:
    """Of two clips the second one; of a frame the crop that is ``CenterCrop``'s."""
    runner, work_dir = trained(VIEWS.format(crop) + HOOK.format(", number=1"))
    [sheet] = images(work_dir).values()
    expected = expected_sheet(runner.cfg, work_dir / "epoch_1.pth", 1, view=crops + middle)
    assert_alike(sheet, expected)
