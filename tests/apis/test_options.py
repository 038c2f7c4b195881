from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from mmaction.apis import load_config
from mmaction.apis.options import apply_test_options, apply_train_options
from mmaction.errors import CheckpointError, ConfigError, UserError


def train_args(**given: Any) -> argparse.Namespace:
    nothing = dict.fromkeys(("work_dir", "seed", "resume_from", "load_from", "validate"))
    flags = dict(amp=False, amp_dtype=None, auto_scale_lr=False, launcher="none", config="tiny.py")
    return argparse.Namespace(**{**nothing, **flags, **given})


@pytest.fixture
def cfg(tiny_config: Path) -> Config:
    return load_config(tiny_config)


def test_options_replace_what_the_config_says(cfg: Config, tmp_path: Path) -> None:
    cfg.randomness = dict(seed=1, deterministic=True)
    args = train_args(work_dir=str(tmp_path), seed=5, auto_scale_lr=True)
    cfg = apply_train_options(cfg, args)
    assert cfg.work_dir == str(tmp_path)
    assert cfg.randomness == dict(seed=5, deterministic=True)
    assert cfg.auto_scale_lr == dict(base_batch_size=64, enable=True)
    assert cfg.val_dataloader is not None


def test_no_option_changes_nothing(cfg: Config) -> None:
    before = cfg.to_dict()
    after = apply_train_options(cfg, train_args()).to_dict()
    assert after.pop("launcher") == "none"
    assert after == before


def test_resume_and_load(cfg: Config, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"")
    cfg = apply_train_options(cfg, train_args(resume_from=str(path)))
    assert (cfg.resume, cfg.load_from) == (True, str(path))
    cfg = apply_train_options(cfg, train_args(load_from=str(path)))
    assert (cfg.resume, cfg.load_from, cfg.resume_from) == (False, str(path), None)
    cfg = apply_train_options(cfg, train_args(resume_from="auto"))
    assert (cfg.resume, cfg.load_from) == (True, None)


def test_a_checkpoint_that_the_config_names_is_looked_for_too(cfg: Config) -> None:
    cfg.load_from = "no.pth"
    with pytest.raises(CheckpointError, match=r"load_from no\.pth: no such file"):
        apply_train_options(cfg, train_args())


@pytest.mark.parametrize(("validate", "kept"), [(None, True), (True, True), (False, False)])
def test_validation_where_there_is_a_set(validate: bool | None, kept: bool, cfg: Config) -> None:
    cfg = apply_train_options(cfg, train_args(validate=validate))
    assert (cfg.val_dataloader is not None) == kept
    assert (cfg.val_evaluator is not None) == kept


def test_training_takes_a_training_set(cfg: Config) -> None:
    cfg.train_dataloader = None
    with pytest.raises(ConfigError, match=r"tiny\.py: no train_dataloader to train on"):
        apply_train_options(cfg, train_args())


@pytest.fixture
def options() -> Callable[..., argparse.Namespace]:
    def make(**given: Any) -> argparse.Namespace:
        nothing = dict.fromkeys(("work_dir", "out", "log", "save_explanations"))
        return argparse.Namespace(**{**nothing, "launcher": "none", **given})

    return make


def test_explanations_go_where_they_are_sent(
    cfg: Config, options: Callable[..., argparse.Namespace], tmp_path: Path
) -> None:
    assert apply_test_options(cfg, options()) is None
    assert apply_test_options(cfg, options(save_explanations="")) == (
        str(tmp_path / "work" / "explanations")
    )
    where = str(tmp_path / "seen")
    assert apply_test_options(cfg, options(save_explanations=where)) == where


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (dict(out="scores.json"), "--out scores.json: expected a name that ends in .pkl"),
        (dict(out="FILE/scores.pkl"), "--out='FILE' can't be written to"),
        (dict(log="FILE/x/log.txt"), "--log='FILE/x' can't be written to"),
        (dict(save_explanations="FILE/x"), "-s='FILE/x' can't be written to"),
    ],
)
def test_what_cant_be_written_is_told_first(
    given: dict[str, str],
    expected: str,
    cfg: Config,
    options: Callable[..., argparse.Namespace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("")
    with pytest.raises(UserError) as caught:
        apply_test_options(cfg, options(**given))
    assert expected in str(caught.value)
