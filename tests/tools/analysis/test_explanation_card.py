"""What a user sees: answers, a page that opens in a browser, JSON that the model card quotes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmaction.apis.publish import publish

Run = Callable[..., Any]
TOOL = "analysis/explanation_card"
QUICK = ("--videos", "5", "--steps", "1", "--sanity-videos", "1")


def test_the_card_and_what_quotes_it(
    tiny_config: Path, mixed_checkpoint: Path, run_tool: Run, tmp_path: Path
) -> None:
    ended = run_tool(TOOL, tiny_config, mixed_checkpoint, *QUICK)
    assert ended.code == 0
    record = json.loads((tmp_path / "mixed.card.json").read_text())
    for finding in record["findings"]:
        assert f"{finding['question']} {finding['answer']}. {finding['text']}" in ended.out
    assert [finding["answer"] for finding in record["findings"]].count("not measured") == 1
    assert {"attention", "center", "random"} <= set(record["intervals"])
    assert "Does it lie on who acts?" in (tmp_path / "mixed.card.html").read_text()

    out = tmp_path / "out/model.pth"
    text = publish(mixed_checkpoint, out, config=tiny_config).card.read_text()
    assert "**Is the attention used?** " in text
    assert "| joint\\_insertion" in text or "| joint_insertion" in text


def test_mistakes_in_one_line(run_tiny: Run, tmp_path: Path) -> None:
    ended = run_tiny(TOOL, "--out", tmp_path / "card.pdf")
    assert "expected a name that ends in .html" in ended.error
