from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.errors import ConfigError
from mmaction.explain import build_explainer
from mmaction.explain.explainers import RISE, Attention

EXPECTED = "expected name:option=value,option=value, each option once, of words and of literals"


def test_from_a_command_line() -> None:
    assert isinstance(build_explainer("attention"), Attention)
    assert isinstance(build_explainer("attention:"), Attention)
    cam = build_explainer("grad_cam:per_frame=True,layer=perception_branch.stage")
    assert (cam.per_frame, cam.layer) == (True, "perception_branch.stage")
    rise = build_explainer("rise: grid=(2,5,5), keep=.25,masks=8")
    assert (rise.grid, rise.keep, rise.masks) == ((2, 5, 5), 0.25, 8)
    assert build_explainer("grad_cam:layer='backbone.layer2'").layer == "backbone.layer2"


@given(
    grid=st.tuples(*[st.integers(1, 99)] * 3),
    keep=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_command_line_and_dict_say_the_same(grid, keep, seed) -> None:
    options = dict(grid=grid, keep=keep, seed=seed)
    text = build_explainer("rise:" + ",".join(f"{k}={v!r}" for k, v in options.items()))
    assert vars(text) == vars(RISE(**options))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("grad_cmm", "explainer 'grad_cmm' is not known here; did you mean 'grad_cam'"),
        ("", "explainer '' is not known here; there are: attention, "),
        ("grad_cam:per_fram=True", "grad_cam has no option 'per_fram'; did you mean 'per_frame'"),
        ("attention:layer=x", "explainer attention has no option 'layer'; it takes none"),
        ("grad_cam:per_frame", EXPECTED),
        ("rise:masks=3,masks=4", EXPECTED),
        ("rise:masks=3)(seed=1", EXPECTED),
        ("rise:masks=3)+_(", EXPECTED),
        ("rise:grid=(4,7", EXPECTED),
        ("rise:masks=", EXPECTED),
        ("rise:masks=open(1)", EXPECTED),
        ("rise:masks=many", "explainer rise: masks='many', expected a whole number"),
        ("rise:type=rise", "explainer rise has no option 'type'"),
        ("rise:mask=3", "explainer rise has no option 'mask'; did you mean 'masks'"),
    ],
)
def test_one_line_says_what_is_wrong(spec, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        build_explainer(spec)
    assert "\n" not in str(raised.value)
