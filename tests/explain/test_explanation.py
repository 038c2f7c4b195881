from __future__ import annotations

import pytest
import torch

from mmaction.errors import UserError
from mmaction.explain import Explanation


def fields(**changes: object) -> dict:
    maps = dict(spatial=torch.rand(2, 3, 4, 5), temporal=torch.rand(2, 3))
    return maps | dict(method="grad_cam", target=torch.tensor([0, 7])) | changes


@pytest.mark.parametrize(
    "wrong",
    [
        dict(spatial=torch.rand(2, 3, 4)),
        dict(spatial=torch.rand(2, 3, 0, 5)),
        dict(spatial=torch.rand(3, 3, 4, 5)),
        dict(temporal=torch.rand(2, 4)),
        dict(temporal=torch.rand(2)),
        dict(target=torch.tensor(1)),
        dict(target=torch.tensor([1])),
        dict(target=torch.tensor([0.0, 1.0])),
        dict(spatial=torch.ones(2, 3, 4, 5, dtype=torch.int64)),
        dict(temporal=torch.ones(2, 3, dtype=torch.bool)),
    ],
)
def test_refuses_what_does_not_belong_together(wrong: dict) -> None:
    with pytest.raises(ValueError, match="grad_cam"):
        Explanation(**fields(**wrong))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["spatial", "temporal"])
def test_refuses_what_is_not_finite(field: str, value: float) -> None:
    values = fields()
    values[field].view(-1)[1] = value
    with pytest.raises(UserError, match=f"grad_cam: the {field} map"):
        Explanation(**values)
