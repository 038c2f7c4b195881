"""A checkpoint as one file for other people: weights, what they are of, and a model card."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from mmaction.apis.model_card import card_text, measured_from, training_facts
from mmaction.apis.recognizer import ConfigLike, load
from mmaction.checkpoint.assumptions import META_KEY as ASSUMES
from mmaction.checkpoint.assumptions import as_text, assumptions_of
from mmaction.checkpoint.description import META_KEY, Layout
from mmaction.checkpoint.reading import read_checkpoint, require_undamaged
from mmaction.checkpoint.safetensors_files import SUFFIX, is_safetensors, write_safetensors
from mmaction.errors import CheckpointError, UserError
from mmaction.files import atomic_path, draft_of, require_writable, sha256_of
from mmaction.inference import VideoRecognizer, require_harmless
from mmaction.inference.exporting import example_of, layout_of
from mmaction.inference.runtimes import SUFFIXES as GRAPHS

SUFFIXES = (".pth", SUFFIX)
DIGITS = 8  # of the hash in a name, as torch.hub compares them
CARD = ".md"


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        path: The model, its hash in its name.
        card: The model card beside it.
        sha256: Of the model.
        notes: What its users should know.
    """

    path: Path
    card: Path
    sha256: str
    notes: tuple[str, ...]


def publish(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    config: ConfigLike | None = None,
    metrics: str | os.PathLike[str] | None = None,
    explanations: str | os.PathLike[str] | None = None,
    trust: bool = False,
) -> Published:
    """Writes a checkpoint's weights and description, and nothing else of its training.

    The hash goes into the name, ``OUT-xxxxxxxx.pth``: there ``torch.hub`` looks for it when it
    downloads, and a file can't hold its own.

    Args:
        checkpoint: As ``load`` takes it; of its weights the ones that tests use: averaged ones,
            where the training averaged them.
        out: ``NAME.pth`` or ``NAME.safetensors``.
        config: For a checkpoint that doesn't describe its recognizer.
        metrics: ``.metrics.json`` of a test, for the card.
        explanations: ``results.json`` of ``tools/analysis/evaluate_explanations.py``, likewise;
            None: what ``tools/analysis/explanation_card.py`` put beside the checkpoint, if it did.
        trust: As of ``load``.

    Raises:
        UserError: For a file that can't be used, or a published model that would answer otherwise.
    """
    source, out = Path(checkpoint), Path(out)
    _check_names(source, out)
    require_undamaged(source)
    recognizer = load(source, config=config, device="cpu", trust=trust)
    measured = measured_from(metrics, explanations, checkpoint=source)
    require_writable(out.absolute().parent, name="output directory")
    content = read_checkpoint(source)
    layout = layout_of(recognizer)
    with draft_of(out) as draft:
        _write(recognizer, layout, draft)
        own = trust or config is not None  # a config is what the user says
        published = load(draft, device="cpu", trust=own)
        _require_same_answers(recognizer, published, example_of(layout, batch=1))
        digest = sha256_of(draft)
        path = out.with_name(f"{out.stem}-{digest[:DIGITS]}{out.suffix}")
        notes = tuple(_notes(recognizer, path))
        text = card_text(
            published,
            name=path.name,
            sha256=digest,
            facts=training_facts(content),
            measured=measured,
            notes=notes,
        )
        card = path.with_suffix(CARD)
        with atomic_path(card) as temporary:
            temporary.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    return Published(path, card, digest, notes)


def _check_names(source: Path, out: Path) -> None:
    if source.suffix in GRAPHS:
        raise CheckpointError(
            f"{source} is an exported graph, which is one file already: publish its checkpoint"
        )
    if out.suffix not in SUFFIXES:
        raise UserError(f"{out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if out.is_dir():
        raise UserError(f"{out}: is a directory, expected a file name")


def _write(recognizer: VideoRecognizer, layout: Layout, path: Path) -> None:
    network = recognizer.network
    meta = {
        META_KEY: dataclasses.replace(recognizer.description, layout=layout).as_text(),
        ASSUMES: as_text(assumptions_of(network)),
    }
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    if is_safetensors(path):
        write_safetensors(path, state, meta=meta)
        return
    with path.open("wb") as file:  # an open file: by a path, torch puts its name into the archive
        torch.save({"state_dict": state, "meta": meta}, file)


def _require_same_answers(
    source: VideoRecognizer, published: VideoRecognizer, clips: torch.Tensor
) -> None:
    """Compares all outputs to clips; what is read back is what others will get."""
    with torch.no_grad():
        right, found = (each.network.predict_clips(clips) for each in (source, published))
    for field in dataclasses.fields(right):
        expected, answer = getattr(right, field.name), getattr(found, field.name)
        if expected is not None and not torch.allclose(answer, expected, rtol=1e-5, atol=1e-6):
            raise UserError(f"the published model's {field.name} differ: nothing is kept")


def _notes(recognizer: VideoRecognizer, path: Path) -> Iterator[str]:
    try:
        require_harmless(recognizer.description, path)
    except CheckpointError as e:
        what = str(e).partition("refused, ")[2].partition(";")[0]
        yield f"{what}: who loads it needs trust=True, and what is named there"
