"""What a published model says of itself to people: a model card (arXiv:1810.03993), markdown."""

from __future__ import annotations

import ast
import html
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from mmaction.checkpoint.description import Description, Layout
from mmaction.errors import DataError
from mmaction.files import sha256_of
from mmaction.inference import VideoRecognizer
from mmaction.text_files import read_json

SHOWN_CLASSES = 40
CARD_SUFFIX = ".card.json"  # of tools/analysis/explanation_card.py, beside a checkpoint
_LIMITS = """\
- It answers one of its classes, whatever a video shows, and its probabilities are not calibrated.
- It was made for videos like those it was trained on; for others (people, places, cameras, frame
  rates) test it on labelled examples first.
- The maps say where and when the network looked, not why, and not that it is right. Temporal
  weights compare within one clip only.
- Decisions about people should not rest on it."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a model; empty where nothing was given.

    Attributes:
        accuracies: ``{'perception/top1': 0.93, …}``.
        explanations: ``{explainer: {measure: {'mean': …, 'low': …, 'high': …, 'videos': …}}}``.
        findings: ``question``, ``answer`` and ``text`` each, of an explanation card.
    """

    accuracies: Mapping[str, float] = field(default_factory=dict)
    explanations: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    findings: Sequence[Mapping[str, str]] = ()


def measured_from(
    metrics: str | os.PathLike[str] | None,
    explanations: str | os.PathLike[str] | None,
    *,
    checkpoint: Path,
) -> Measured:
    """Reads what other commands wrote.

    Args:
        metrics: ``.metrics.json``, beside the scores of a test.
        explanations: ``results.json`` of an evaluation of explanations, or the JSON of an
            explanation card; None: ``<checkpoint>.card.json`` beside it, where there is one.
        checkpoint: What they are to be of, as far as they say it.

    Raises:
        DataError: A file that can't be read, is no such file or is of another checkpoint.
    """
    found: dict[str, Any] = {}
    if metrics is not None:
        said = read_json(metrics)
        given = said.items() if isinstance(said, dict) else ()
        found["accuracies"] = {k: v for k, v in given if isinstance(v, int | float)}
        if not found["accuracies"]:
            raise DataError(f"{metrics}: expected names and numbers, as a test's .metrics.json")
    beside = checkpoint.with_suffix(CARD_SUFFIX)
    if explanations is None and beside.is_file():
        explanations = beside
    if explanations is not None:
        said = read_json(explanations)
        intervals = said.get("intervals") if isinstance(said, dict) else None
        if not _are_intervals(intervals):
            raise DataError(
                f"{explanations}: expected results.json of tools/analysis/evaluate_explanations.py"
            )
        digests = said.get("sha256")
        digest = digests.get("checkpoint") if isinstance(digests, dict) else None
        if digest not in (None, sha256_of(checkpoint)):
            raise DataError(f"{explanations}: was measured with another checkpoint, not this one")
        found["explanations"] = intervals
        found["findings"] = [each for each in said.get("findings") or () if _is_finding(each)]
    return Measured(**found)


def _is_finding(given: Any) -> bool:
    keys = ("question", "answer", "text")
    return isinstance(given, dict) and all(isinstance(given.get(key), str) for key in keys)


def _are_intervals(given: Any) -> bool:
    if not isinstance(given, dict) or not all(isinstance(v, dict) for v in given.values()):
        return False
    cells = [cell for measures in given.values() for cell in measures.values()]
    return all(isinstance(cell, dict) and {"mean", "low", "high"} <= cell.keys() for cell in cells)


def training_facts(content: Mapping[str, Any]) -> dict[str, str]:
    """What a training's checkpoint says of how it came about, without places of its machine.

    Args:
        content: From ``read_checkpoint``.
    """
    meta = content.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    settings = meta.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    facts: dict[str, str] = {}
    for split, title in (("train", "training"), ("val", "validation")):
        key = f"{split}_dataloader.dataset.ann_file"
        names = _names(settings.get(key))
        for number, name in enumerate(names, start=1):
            digest = str(settings.get(f"{key}, SHA-256 of file {number}", ""))
            names[number - 1] = name + (f" (SHA-256 {digest[:12]}…)" if digest else "")
        if names:
            facts[f"{title} list"] = ", ".join(names)
    if isinstance(meta.get("training_videos"), int):
        facts["training videos"] = f"{meta['training_videos']:,}"
    if isinstance(meta.get("epoch"), int) and isinstance(meta.get("iter"), int):
        facts["trained until"] = f"epoch {meta['epoch']}, step {meta['iter']:,}"
    if "ema_state_dict" in content:
        facts["weights"] = "an average over the training's steps (EMA)"
    return facts


def _names(text: Any) -> list[str]:
    """Last parts of the paths in a setting's text, ``"['a/b.txt', 'c.txt']"``."""
    try:
        value = ast.literal_eval(str(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        return []
    return [PurePath(each).name for each in values if isinstance(each, str)]


def card_text(
    recognizer: VideoRecognizer,
    *,
    name: str,
    sha256: str,
    facts: Mapping[str, str],
    measured: Measured,
    notes: Sequence[str] = (),
) -> str:
    """The card, markdown.

    Args:
        recognizer: The model.
        name: Of its file.
        sha256: Of the file.
        facts: From ``training_facts``.
        measured: From ``measured_from``.
        notes: What else its users should know.
    """
    said = recognizer.description
    parameters = sum(p.numel() for p in recognizer.network.parameters())
    rows = {
        "network": _network(said),
        "parameters": f"{parameters:,}",
        "input": _input(said.layout),
        "written by": _plain(", ".join(f"{k} {v}" for k, v in said.versions.items())),
        "SHA-256": f"`{sha256}`",
    }
    parts = [
        f"# {_plain(Path(name).stem)}\n\nAction recognition in videos: a clip to one of"
        f" {len(recognizer.classes)} classes" + _attention(recognizer),
        f'```python\nimport mmaction\n\nmodel = mmaction.load("{_plain(name)}")\n'
        'print(model("video.mp4").top(5))\n```',
        _table(["", ""], [[key, value] for key, value in rows.items()]),
        f"## Classes\n\n{_classes(recognizer.classes)}",
        f"## Data\n\n{_data(facts)}",
        f"## Accuracy\n\n{_accuracies(measured.accuracies)}",
        f"## Explanations\n\n{_explanations(measured)}",
        "\n".join(["## Limits\n", *(f"- {_plain(note)}" for note in notes), _LIMITS]),
    ]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """A file's text as a line of markdown, whatever it holds."""
    line = " ".join(str(text).split())
    return html.escape(line, quote=False).replace("|", "\\|").replace("`", "'")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _network(said: Description) -> str:
    kind, backbone = str(said.model.get("type")), said.model.get("backbone")
    if not isinstance(backbone, Mapping):
        return _plain(kind)
    inner = backbone.get("model")
    size = inner.get("model_type") if isinstance(inner, Mapping) else inner
    size = size or backbone.get("depth") or backbone.get("name") or ""
    return _plain(f"{kind} on {backbone.get('type')} {size}")


def _attention(recognizer: VideoRecognizer) -> str:
    found = hasattr(recognizer.network, "attention_branch")
    return ", and where and when it looked." if found else "."


def _input(layout: Layout | None) -> str:
    assert layout is not None, "what is published has one"
    sizes = dict(zip(layout.axes, (str(s) if s > 0 else "any" for s in layout.shape), strict=True))
    text = f"{sizes['T']} frames of {sizes['H']}×{sizes['W']} pixels, {layout.colors}"
    text += f", {layout.views} views a video" if layout.views > 1 else ""
    mean, std = (" ".join(f"{value:g}" for value in each) for each in (layout.mean, layout.std))
    return f"{text}, less {mean} by {std} (on 0 to 255), {layout.dtype} {'×'.join(layout.axes)}"


def _classes(classes: Sequence[str]) -> str:
    text = ", ".join(map(_plain, classes[:SHOWN_CLASSES]))
    more = len(classes) - SHOWN_CLASSES
    return text + (f", and {more} more: `model.classes`" if more > 0 else "")


def _data(facts: Mapping[str, str]) -> str:
    if not facts:
        return "The checkpoint does not say what it was trained on."
    return _table(["", ""], [[_plain(key), _plain(value)] for key, value in facts.items()])


def _accuracies(found: Mapping[str, float]) -> str:
    if not found:
        return "Not given."
    return _table(["", ""], [[_plain(key), f"{value:.4g}"] for key, value in found.items()])


def _explanations(measured: Measured) -> str:
    found = measured.explanations
    if not found:
        return "Not measured."
    measures = list(dict.fromkeys(measure for each in found.values() for measure in each))
    rows = [
        [_plain(measure), *(_interval(each.get(measure)) for each in found.values())]
        for measure in measures
    ]
    words = [
        f"- **{_plain(each['question'])}** {_plain(each['answer'])}. {_plain(each['text'])}"
        for each in measured.findings
    ]
    told = "Mean and 95 % interval over videos; docs/explanations.md says what the measures are."
    parts = ["\n".join(words)] if words else []
    return "\n\n".join([*parts, told, _table(["", *map(_plain, found)], rows)])


def _interval(cell: Mapping[str, Any] | None) -> str:
    values = [(cell or {}).get(key) for key in ("mean", "low", "high")]
    numbers = [f"{v:.3f}" for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return "{} [{}, {}]".format(*numbers) if len(numbers) == len(values) else "-"
