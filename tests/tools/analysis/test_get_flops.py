from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CONFIGS = Path(__file__).resolve().parents[3] / "config_files"


def test_a_table_by_part(run_tool: Callable) -> None:
    done = run_tool(
        "analysis/get_flops",
        CONFIGS / "sthv1/st_abn_32.py",
        "--shape",
        *(32, 224, 224),
    )
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "STABN, one clip of 32×224×224"
    names = [line[:28].rstrip() for line in lines[2:]]
    assert [n for n in names if not n.startswith(" ")] == [
        "backbone",
        "attention_branch",
        "attention_mechanism",
        "perception_branch",
        "all",
    ]
    assert "  stage" in names
    label, parameters, _, macs, _, share = lines[-1].split()
    assert (label, round(float(macs)), share) == ("all", 309, "100.0%")
    assert float(parameters) == pytest.approx(55, abs=1)  # known as "about 55 M"


def test_a_mistake_costs_one_line(run_tool: Callable, tiny_config: Path) -> None:
    done = run_tool("analysis/get_flops", tiny_config, "--shape", "4", "0", "32")
    assert done.error == "shape 4 0 32: expected whole numbers, 1 or more"
    done = run_tool("analysis/get_flops", tiny_config, "--cfg-options", "model.backbone.depth=7")
    assert "depth=7" in done.error
