from __future__ import annotations

import pytest
from mmengine.config import Config

from mmaction.build_errors import readable_build_errors, require_known_functions
from mmaction.errors import ConfigError, DataError
from mmaction.registry import MODELS, TRANSFORMS

BACKBONE = dict(type="ResNet3D", depth=10, base_channels=4)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            dict(type="Recogniser3D"),
            "config: type='Recogniser3D' is no model known here; did you mean 'Recognizer3D'",
        ),
        (
            # The config's own name, though a base class of it refuses the argument.
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=BACKBONE, num_clas=3),
            "config: Recognizer3D has no argument 'num_clas'; did you mean 'num_classes'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=dict(BACKBONE, dept=1)),
            "config: ResNet3D has no argument 'dept'; did you mean 'depth'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4),
            "config: Recognizer3D needs the argument 'backbone'",
        ),
        (
            dict(type="Recognizer3D", num_classes=3, clip_len=4, backbone=dict(depth=10)),
            "config: a 'type' is missing in {'depth': 10}",
        ),
    ],
)
def test_wrong_models(config: dict, expected: str) -> None:
    with pytest.raises(ConfigError) as caught, readable_build_errors():
        MODELS.build(config)
    assert str(caught.value).startswith(expected)


def test_wrong_transforms() -> None:
    with pytest.raises(ConfigError, match="Flip has no .*'prob'"), readable_build_errors():
        TRANSFORMS.build(dict(type="Flip", probe=1))


@pytest.mark.parametrize(
    "error", [TypeError("unsupported operand"), KeyError("x"), KeyError(), ValueError("odd")]
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, readable_build_errors():
        raise error
    assert caught.value is error


def test_a_users_error_passes_as_it_is() -> None:
    error = DataError("f() got an unexpected keyword argument 'x'")
    with pytest.raises(DataError) as caught, readable_build_errors():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            dict(optim_wrapper=dict(optimizer=dict(type="AdamV"))),
            r"optim_wrapper\.optimizer\.type='AdamV' is no optimizer known here; did you mean",
        ),
        (
            dict(val_dataloader=dict(collate_fn=dict(type="colate_clips"))),
            r"val_dataloader\.collate_fn\.type='colate_clips' is no function .*'collate_clips'",
        ),
        (
            dict(train_dataloader=dict(worker_init_fn=dict(type="init"))),
            r"train_dataloader\.worker_init_fn\.type='init' is no function known here",
        ),
    ],
)
def test_names_that_mmengine_takes_for_none(config: dict, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        require_known_functions(Config(config))


def test_names_that_are_known() -> None:
    require_known_functions(
        Config(
            dict(
                optim_wrapper=dict(optimizer=dict(type="AdamW", lr=1)),
                train_dataloader=dict(collate_fn=dict(type="collate_clips")),
                test_dataloader=None,
            )
        )
    )
