"""Is the attention used at all? A_s or A_t is taken away from ST-ABN while it runs.

A map that the network ignores explains nothing, however well it lies on the actor. So the maps that
reach the attention mechanism are replaced (:data:`KINDS`) and the accuracy is read again:

- ``uniform``: the mean of the clip's map everywhere; its strength stays, its pattern goes.
- ``shuffled``: A_s over the cells of each frame, A_t over the frames of the clip.
- ``another``: the map of another clip, of another class where there is one.

Dimension letters: N clips, T frames, h×w cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.concatenation import partners
from mmaction.explain.measures.group import MeasureGroup, NotMeasurable
from mmaction.registry import MEASURES

MAPS = ("spatial", "temporal", "both")
KINDS = ("uniform", "shuffled", "another")
INTACT = "intact"


@MEASURES.register_module(name="intervention")
class Intervention(MeasureGroup):
    """Accuracy and the label's probability without A_s, A_t or both; of no explainer."""

    name = "intervention"
    measures = ("intervention",)

    def check(self) -> None:
        attention_mechanism(self.subject.model)

    def run(self, explainers: Mapping[str, Explainer]) -> None:
        subject = self.subject
        # What was said stands in for what is not labelled.
        labels = np.where(subject.labels < 0, subject.classes, subject.labels)
        found = intervention(subject.model, subject.batches, labels, rng=self.rng(len(subject) + 1))
        self.table.intervention.update(found)


def attention_mechanism(model: nn.Module) -> nn.Module:
    """The module that a model's attention maps go to.

    Raises:
        NotMeasurable: There is none.
    """
    mechanism = getattr(model, "attention_mechanism", None)
    if not isinstance(mechanism, nn.Module):
        raise NotMeasurable(
            f"metric 'intervention' needs an attention mechanism such as STABN's, which "
            f"{type(model).__name__} has not; leave it out of the metrics"
        )
    return mechanism


def intervention(
    model: nn.Module,
    batches: Callable[[], Iterable[Tensor]],
    labels: np.ndarray,
    *,
    rng: np.random.Generator,
) -> dict[str, dict[str, np.ndarray]]:
    """Whether each clip is recognised, with its attention and without, and how sure that is.

    Args:
        model: A recognizer in eval mode, with an ``attention_mechanism`` of (features,
            A_s N×1×T×h×w, A_t N×1×T×1×1), such as ``STABN``.
        batches: Gives the same clips, float B×3×T×H×W, in the same order, each time it is called.
        labels: int64, N.
        rng: Of shuffles and of the choice of other clips.

    Returns:
        ``{'intact': …, 'spatial_uniform': …, …}``, each with ``correct``, float64 0 or 1, N, and
        ``probability`` of the label, float64, N, which moves before the answer does.

    Raises:
        NotMeasurable: The model has no attention to take away.
    """
    mechanism = attention_mechanism(model)
    seen: list[tuple[Tensor, Tensor]] = []
    with recorded(mechanism, seen):
        answers = {INTACT: _answers(model, batches(), labels)}
    spatial, temporal = (torch.cat(maps) for maps in zip(*seen, strict=True))
    chosen = partners(labels, rng)
    beside = np.roll(np.arange(len(labels)), 1)
    other = torch.from_numpy(np.where(chosen < 0, beside, chosen))
    for kind in KINDS:
        where, when = (replaced(maps, kind, other, rng) for maps in (spatial, temporal))
        for name in MAPS:
            own = (
                spatial if name == "temporal" else where,
                temporal if name == "spatial" else when,
            )
            with substituted(mechanism, *own):
                answers[f"{name}_{kind}"] = _answers(model, batches(), labels)
    return answers


def replaced(maps: Tensor, kind: str, other: Tensor, rng: np.random.Generator) -> Tensor:
    """Maps of another kind, of the same shape.

    Args:
        maps: float, N×1×T×h×w, or N×1×T×1×1.
        kind: One of :data:`KINDS`.
        other: int64, N: whose map ``another`` takes.
        rng: Of ``shuffled``.
    """
    if kind == "uniform":
        return maps.mean(dim=(1, 2, 3, 4), keepdim=True).expand_as(maps)
    if kind == "another":
        return maps[other]
    in_space = maps.shape[3] * maps.shape[4] > 1
    flat = maps.flatten(3) if in_space else maps.flatten(2)
    places = np.broadcast_to(np.arange(flat.shape[-1]), flat.shape)
    order = torch.from_numpy(rng.permuted(places, axis=-1))
    return flat.gather(-1, order).view_as(maps)


def recorded(mechanism: nn.Module, seen: list[tuple[Tensor, Tensor]]) -> RemovableHandle:
    """Within it, the maps that come to the mechanism go to ``seen``, on the CPU, a pair a batch."""

    def keep(_: nn.Module, args: tuple[Any, ...]) -> None:
        seen.append((args[1].detach().cpu(), args[2].detach().cpu()))

    return mechanism.register_forward_pre_hook(keep)


def substituted(mechanism: nn.Module, spatial: Tensor, temporal: Tensor) -> RemovableHandle:
    """Within it, the mechanism gets these maps, clip after clip as they come, in place of its own.

    Args:
        mechanism: Takes (features, spatial, temporal).
        spatial: float, N×1×T×h×w.
        temporal: float, N×1×T×1×1.
    """
    done = 0

    def replace(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal done
        features, *own = args
        part = slice(done, done + len(features))
        done += len(features)
        given = (maps[part].to(old) for maps, old in zip((spatial, temporal), own, strict=True))
        return (features, *given)

    return mechanism.register_forward_pre_hook(replace)


def _answers(model: Any, batches: Iterable[Tensor], labels: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        scores = torch.cat([model(clips).scores.double().cpu() for clips in batches])
        answer = model.probabilities(scores)
    chosen = answer.gather(1, torch.from_numpy(labels)[:, None])[:, 0]
    correct = answer.argmax(dim=1).numpy() == labels
    return {"correct": correct.astype(np.float64), "probability": chosen.numpy()}
