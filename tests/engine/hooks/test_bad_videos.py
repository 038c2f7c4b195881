from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.apis import load_config, train
from mmaction.engine.hooks.bad_videos import LIST_FILE
from mmaction.errors import DataError
from tests.engine.conftest import Trained

MakeConfig = Callable[..., Path]
RESAMPLE = "train_dataloader['dataset'].update(on_error='resample', max_bad_fraction={share})"


@pytest.mark.parametrize("workers", [0, 2])
def test_each_bad_video_is_logged_once_and_training_goes_on(
    make_config: MakeConfig, own_data: Path, tmp_path: Path, workers: int
) -> None:
    (own_data / "frames/train/video 0/img_00003.jpg").write_bytes(b"")
    config = make_config(own_data, RESAMPLE.format(share=0.5), name=f"w{workers}.py")
    options = {"train_cfg.max_epochs": 3, "train_dataloader.num_workers": workers}
    runner = train(load_config(config, options))
    assert runner.epoch == 3
    [line] = (tmp_path / "work" / LIST_FILE).read_text().splitlines()
    name, reason = line.split("\t")
    assert name == "train/video 0"
    assert reason.endswith("video 0/img_00003.jpg' is empty (zero bytes)")
    log = Path(runner.logger.log_file).read_text()
    assert log.count("another video is taken in its place") == 1
    assert logging.getLevelName(logging.WARNING) in log


def test_too_many_bad_videos_end_it_with_a_list(
    make_config: MakeConfig, own_data: Path, tmp_path: Path
) -> None:
    (own_data / "frames/train/video 0/img_00003.jpg").write_bytes(b"")
    config = make_config(own_data, RESAMPLE.format(share=0.4))
    with pytest.raises(
        DataError,
        match=r"^1 of 2 videos can't be read \(50.0%\), more than max_bad_fraction=0.4 allows: "
        rf".*video 0/img_00003.jpg' is empty .*{LIST_FILE}\)$",
    ):
        train(load_config(config))
    assert "train/video 0" in (tmp_path / "work" / LIST_FILE).read_text()
    assert not list((tmp_path / "work").glob("*.pth"))


def test_a_sound_training_leaves_no_list(trained: Trained) -> None:
    assert not (trained()[1] / LIST_FILE).exists()
