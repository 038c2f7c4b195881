"""torchvision's operators on clips: the same for every frame, and no turns where they would lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.datasets.clip_dataset import RawframeDataset
from mmaction.datasets.transforms.operators import TorchvisionTransform
from mmaction.datasets.transforms.pixels import PackClips
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


def packed(make_results: MakeResults, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip as it was and as it became, uint8, T×3×H×W."""
    results = make_results(frames=4)
    before = torch.from_numpy(np.ascontiguousarray(results["frames"])).permute(0, 3, 1, 2)
    after = PackClips()(TorchvisionTransform(**options)(results))["inputs"][0]
    return before, after.permute(0, 3, 1, 2)


def test_randaugment_does_the_same_to_each_frame(make_results: MakeResults) -> None:
    """Each frame is what torchvision makes of it alone, from the same draws."""
    before, after = packed(make_results, name="RandAugment", num_ops=3, magnitude=12)
    seed = int(make_results(frames=4)["rng"].integers(2**63))
    state = torch.random.get_rng_state()
    for frame, changed in zip(before, after, strict=True):
        torch.manual_seed(seed)
        alone = TorchvisionTransform(name="RandAugment", num_ops=3, magnitude=12).operator
        assert torch.equal(alone(frame), changed)
    assert not torch.equal(before, after)
    torch.random.set_rng_state(state)
    packed(make_results, name="RandAugment")
    assert torch.equal(torch.random.get_rng_state(), state), "others draw as if it weren't there"


def test_an_erased_box_has_its_value_in_all_frames(make_results: MakeResults) -> None:
    options = dict(name="RandomErasing", p=1.0, scale=(0.2, 0.2), value=[124, 116, 104])
    before, after = packed(make_results, **options)
    changed = (before != after).any(dim=1)
    rows, columns = (changed[0].any(dim=side).nonzero().flatten() for side in (1, 0))
    box = (..., slice(int(rows[0]), rows[-1] + 1), slice(int(columns[0]), columns[-1] + 1))
    assert (after[box] == torch.tensor([124, 116, 104])[:, None, None]).all()
    assert after[box][0, 0].numel() / before[0, 0].numel() == pytest.approx(0.2, abs=0.03)
    after[box] = before[box]
    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("classes", "steps", "turns"),
    [
        (["bend", "jump", "walk"], [], True),
        (["move_left", "move_right", "stay"], [], False),
        (["one", "other", "third"], [dict(type="Flip", label_map={0: 1})], False),
    ],
)
def test_what_turns_is_left_out_where_labels_depend_on_direction(
    video_root: Path, classes: list[str], steps: list[Any], turns: bool
) -> None:
    def built(**options: Any) -> RawframeDataset:
        step = dict(type="TorchvisionTransform", **options)
        first = [dict(type="SampleSegments", clip_len=2), dict(type="DecodeFrames")]
        return RawframeDataset(
            ann_file=video_root / "list.txt",
            data_root=video_root,
            classes=classes,
            pipeline=[*first, *steps, step, dict(type="PackClips")],
        )

    augment = built(name="RandAugment").pipeline.transforms[-2].operator
    assert ("Rotate" in augment._AUGMENTATION_SPACE) is turns
    if turns:
        built(name="RandomHorizontalFlip")
    else:
        with pytest.raises(ConfigError, match="labels depend on direction here"):
            built(name="RandomHorizontalFlip")
        built(name="RandomHorizontalFlip", directed=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(name="RandAugmnt"), "has no 'RandAugmnt'; did you mean 'RandAugment'"),
        (dict(name="RandAugment", ops=2), "name='RandAugment': .*unexpected keyword"),
        (dict(name="CenterCrop", size=8), r"makes .* of .*: sizes and types are changed by"),
    ],
)
def test_what_cannot_be_is_named(
    make_results: MakeResults, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        packed(make_results, **options)
