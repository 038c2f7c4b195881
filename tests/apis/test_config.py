from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from mmaction.apis.config import check_clip_len, complete_config, load_config
from mmaction.datasets.splits import dataset_configs
from mmaction.errors import ConfigError

MakeConfig = Callable[..., Path]


@pytest.fixture
def loaded(make_config: MakeConfig, tiny_data: Path) -> Callable[..., Config]:
    """``loaded(text, options)``: the tiny config with ``text`` at its end."""

    def load(text: str = "", options: dict[str, Any] | None = None) -> Config:
        return load_config(make_config(tiny_data, text), options)

    return load


def test_k_is_said_once_and_a_data_sets_own_stays(loaded: Callable[..., Config]) -> None:
    cfg = loaded("train_dataloader['dataset']['num_classes'] = 2", {"model.num_classes": 7})
    found = {split: dataset.num_classes for split, dataset in dataset_configs(cfg)}
    assert found == dict(train=2, val=7, test=7)
    assert cfg.default_scope == "mmaction"


def test_evaluation_interval_is_mmengines_val_interval(loaded: Callable[..., Config]) -> None:
    assert loaded().train_cfg.val_interval == 1
    assert loaded("evaluation = dict(interval=3)").train_cfg.val_interval == 3
    assert loaded(options={"evaluation.interval": 4}).train_cfg.val_interval == 4


@pytest.mark.parametrize("told", ["type='IterBasedTrainLoop'", "by_epoch=False"])
def test_with_a_loop_that_counts_steps_the_log_does_so_too(
    loaded: Callable[..., Config], told: str
) -> None:
    cfg = loaded(f"train_cfg = dict({told}, max_iters=9)\nevaluation = dict(interval=3)")
    assert cfg.train_cfg == dict(type="ResumableIterTrainLoop", max_iters=9, val_interval=3)
    assert cfg.log_processor == dict(by_epoch=False)
    assert cfg.default_hooks.logger == dict(
        type="LoggerHook", interval=1, log_metric_by_epoch=False
    )
    kept = "log_processor = dict(by_epoch=True)\ndefault_hooks['logger'] = None"
    cfg = loaded(f"train_cfg = dict({told}, max_iters=9)\n{kept}")
    assert cfg.log_processor == dict(by_epoch=True)
    assert cfg.default_hooks.logger is None


def test_a_loop_told_by_epoch_is_this_projects(loaded: Callable[..., Config]) -> None:
    cfg = loaded("train_cfg = dict(by_epoch=True, max_epochs=2)")
    assert cfg.train_cfg == dict(type="ResumableTrainLoop", max_epochs=2, val_interval=1)
    assert "log_processor" not in cfg


def test_resume_from_is_mmengines_resume_and_load_from(loaded: Callable[..., Config]) -> None:
    cfg = loaded("resume_from = 'x.pth'\nload_from = 'y.pth'")
    assert (cfg.resume, cfg.load_from) == (True, "x.pth")
    cfg = loaded("resume_from = 'auto'")
    assert (cfg.resume, cfg.load_from) == (True, None)
    assert "resume" not in loaded()


def test_two_data_sets_configs_of_one_name_have_two_work_dirs(
    loaded: Callable[..., Config],
) -> None:
    cfg = loaded("del work_dir")
    cfg.work_dir = None
    assert complete_config(cfg, name="config_files/sthv1/st_abn_32.py").work_dir == (
        "work_dirs/sthv1/st_abn_32"
    )


def test_variables_of_a_config_are_its_own_affair(loaded: Callable[..., Config]) -> None:
    assert loaded("my_variable = 3\ntrain_transforms = []").my_variable == 3


@pytest.mark.parametrize("section", ["train_dataloder", "optim_wraper", "default_hook", "modle"])
def test_a_misspelt_section_is_refused_even_beside_the_right_one(
    section: str, loaded: Callable[..., Config]
) -> None:
    with pytest.raises(ConfigError, match=f"unknown section '{section}'; did you mean"):
        loaded(f"{section} = dict(a=1)")


def test_sections_of_older_code_bases_are_told_their_places(
    loaded: Callable[..., Config],
) -> None:
    text = "total_epochs = 150\ndata = dict(videos_per_gpu=8)\nlr_config = dict(policy='step')"
    with pytest.raises(ConfigError) as error:
        loaded(text)
    said = str(error.value)
    assert "'total_epochs' is now train_cfg.max_epochs" in said
    assert "'data' is now train_dataloader, val_dataloader and test_dataloader: batch_size" in said
    assert "'lr_config' is now param_scheduler" in said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("modle.type", "no section 'modle' to set; did you mean 'model'"),
        ("max_epochs", "used up this variable of its own; set train_cfg.max_epochs instead"),
        ("my_variable.x", "used up this variable of its own; set the keys that it is for instead"),
    ],
)
def test_an_option_that_nothing_reads_is_refused(
    key: str, said: str, loaded: Callable[..., Config]
) -> None:
    """A variable of the file has had its effect by the time options come."""
    with pytest.raises(ConfigError, match=f"--cfg-options {key}: .*{said}"):
        loaded("max_epochs = 3\nmy_variable = dict(x=1)", {key: 4})


def test_what_follows_need_not_be_said_again(loaded: Callable[..., Config]) -> None:
    """K from the names beside the lists, the test set from the validation's."""
    text = "del model['num_classes'], test_dataloader, test_evaluator\n"
    cfg = loaded(text)
    assert cfg.model.num_classes == 3
    assert cfg.test_dataloader.dataset == cfg.val_dataloader.dataset
    assert cfg.test_dataloader is not cfg.val_dataloader
    with pytest.raises(ConfigError, match=r"model\.num_classes is missing, and no classes\.txt"):
        loaded(
            "del model['num_classes']\nfor l in (train_dataloader, val_dataloader):\n"
            "    l['dataset']['ann_file'] = 'elsewhere.txt'\n"
        )


def test_sampling_takes_the_models_clip_len(loaded: Callable[..., Config]) -> None:
    """Where it says none of its own; another one matters to the commands that use the split."""
    text = "for loader in (train_dataloader, val_dataloader):\n"
    text += "    loader['dataset']['pipeline'][0].pop('clip_len')\n"
    text += "import copy\ntest_dataloader = copy.deepcopy(val_dataloader)\n"
    text += "test_dataloader['dataset']['pipeline'][0]['clip_len'] = 5\n"
    cfg = loaded(text, {"model.clip_len": 8})
    assert cfg.train_dataloader.dataset.pipeline[0].clip_len == 8
    assert cfg.val_dataloader.dataset.pipeline[0].clip_len == 8
    check_clip_len(cfg, ("train", "val"))
    with pytest.raises(ConfigError, match=r"test_dataloader: SampleSegments samples clip_len=5"):
        check_clip_len(cfg, ("test",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("del train_dataloader['dataset']", r"train_dataloader\.dataset is missing"),
        ("evaluation = dict(interval='often')", r"evaluation={'interval': 'often'}: expected"),
        ("evaluation = dict(intervall=2)", r"evaluation={.*'intervall': 2}: expected dict"),
        ("evaluation = dict(interval=0)", r"evaluation={'interval': 0}: expected dict"),
        ("evaluation = 3", r"evaluation=3: expected dict\(interval=N\)"),
        ("raise ValueError('two\\nlines')", r"ValueError: two$"),
    ],
)
def test_what_does_not_fit_is_named(
    text: str, expected: str, loaded: Callable[..., Config]
) -> None:
    with pytest.raises(ConfigError, match=expected):
        loaded(text)


def test_files_that_are_no_config(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"x")
    for name, expected in (("no.py", "no such file"), ("weights.pth", "Only py/yml/yaml/json")):
        with pytest.raises(ConfigError, match=f"config .*{name}: .*{expected}"):
            load_config(tmp_path / name)
