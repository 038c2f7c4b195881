"""One run over videos, explainers and measures.

Dimension letters: N videos, B clips, T frames, h×w cells, K classes.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial

import numpy as np
import torch
from torch import Tensor

from mmaction.errors import ConfigError, DataError
from mmaction.explain.explainers import Explainer, build_explainer
from mmaction.explain.measures.concatenation import CONCATENATION, concatenation, partners
from mmaction.explain.measures.confidence import drop_and_increase
from mmaction.explain.measures.ground_truth import GroundTruth
from mmaction.explain.measures.importance import joint_importance
from mmaction.explain.measures.intervention import intervention
from mmaction.explain.measures.localization import localization
from mmaction.explain.measures.names import CONFIDENCE, INTERVENTION
from mmaction.explain.measures.options import EvaluationOptions
from mmaction.explain.measures.perturbation import WAYS, Perturbation
from mmaction.explain.measures.sanity import SANITY, cascade, spearman, stages_from_top
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import CONCATENATION_CHANCE, MeasureTable
from mmaction.progress import Progress

RANDOM = "random"
# What is measured on one clip and its explanation.
_CLIP_BY_CLIP = (*WAYS, "confidence", "localization")


class Evaluation:
    """Measures explainers on chosen videos.

    Args:
        subject: The network and the videos.
        explainers: By the names that the table has; the control ``random`` is added where it is
            missing, on the first one's grid.
        groups: What to measure, from ``resolve_measures``. Where ``options.metrics`` names nothing,
            what the model or the data set doesn't allow is left out, with a note in the table.
        options: How to measure.

    Raises:
        UserError: Something that is asked for by name can't be measured.
    """

    def __init__(
        self,
        subject: Subject,
        explainers: dict[str, Explainer],
        *,
        groups: dict[str, tuple[str, ...]],
        options: EvaluationOptions,
    ) -> None:
        self.subject = subject
        self.explainers = dict(explainers)
        self.groups = dict(groups)
        self.options = options
        self.classes = np.zeros(0, dtype=np.int64)  # what the network names
        self.perturbation = Perturbation(
            steps=options.steps,
            fill=options.fill,
            temporal_fill=options.temporal_fill,
            black=self.subject.black,
            batch_size=options.batch_size,
        )
        about = dict(seed=options.seed, settings=asdict(options))
        self.table = MeasureTable(videos=[], values={}, about=about)
        self._drop_impossible()

    def run(self) -> MeasureTable:
        """Measures everything."""
        self._predict()
        self._add_random()
        if not self.groups.keys().isdisjoint(_CLIP_BY_CLIP):
            self._explanations()
        if "concatenation" in self.groups:
            self._concatenation()
        if "sanity" in self.groups:
            self._sanity()
        if INTERVENTION in self.groups:
            self._intervention()
        self._keep_wanted()
        return self.table

    def _explanations(self) -> None:
        with self._progress("explanations", len(self.subject) * len(self.explainers)) as progress:
            for positions in self.subject.batched_positions():
                self._measure_batch(positions, progress)

    def _drop_impossible(self) -> None:
        """Leaves out what is not asked for by name and can't be measured; with a note."""
        asked = bool(self.options.metrics)
        if "localization" in self.groups:
            try:
                self.subject.truth(0)
            except DataError as e:
                # A ground truth that is named but does not fit is a mistake, not a lack.
                if asked or self.subject.reader is not None:
                    raise
                self._leave_out("localization", str(e))
        if INTERVENTION in self.groups and not hasattr(self.subject.model, "attention_mechanism"):
            reason = f"{type(self.subject.model).__name__} has no attention mechanism"
            if asked:
                raise ConfigError(f"metric 'intervention': {reason}; leave it out of the metrics")
            self._leave_out(INTERVENTION, reason)

    def _leave_out(self, group: str, reason: str) -> None:
        del self.groups[group]
        self.table.notes.append(f"{group} left out: {reason}")

    def _predict(self) -> None:
        scores = torch.cat([self.subject.score(clips) for clips in self.subject.batches()]).cpu()
        self.classes = scores.argmax(dim=1).numpy()
        for position, (label, said) in enumerate(
            zip(self.subject.labels, self.classes, strict=True)
        ):
            self.table.videos.append(
                dict(
                    name=self.subject.name(position),
                    label=None if label < 0 else int(label),
                    prediction=int(said),
                    probability=float(scores[position, said]),
                )
            )

    def _add_random(self) -> None:
        """The control, on the grid of the first explainer: finer cells are another perturbation."""
        if not any(explainer.name == RANDOM for explainer in self.explainers.values()):
            first = next(iter(self.explainers.values()))
            grid = tuple(
                first.explain(self.subject.model, self.subject.clips([0])).spatial.shape[2:]
            )
            spec = dict(type=RANDOM, grid=grid, seed=self.options.seed)
            self.explainers[RANDOM] = build_explainer(spec)
        for name in self.explainers:
            self.table.values[name] = {}

    # Measures

    def _measure_batch(self, positions: range, progress: Progress) -> None:
        clips = self.subject.clips(positions)
        truths = {}
        if "localization" in self.groups:
            truths = {p: self.subject.truth(p) for p in positions}
        for name, explainer in self.explainers.items():
            spatial, temporal = self.subject.explain(
                explainer, clips, self.classes[positions.start : positions.stop]
            )
            if "confidence" in self.groups:
                self._confidence(name, positions.start, clips, spatial, temporal)
            for i, position in enumerate(positions):
                for way in WAYS:
                    if way in self.groups:
                        self._perturb(name, way, position, clips[i], spatial[i], temporal[i])
                if position in truths:
                    self._localize(name, position, spatial[i], temporal[i], truths[position])
                progress.advance()

    def _temporal(self, explainer: Explainer, classes: np.ndarray, clips: Tensor) -> np.ndarray:
        return self.subject.explain(explainer, clips, classes)[1]

    def _perturb(
        self,
        name: str,
        way: str,
        position: int,
        clip: Tensor,
        spatial: np.ndarray,
        temporal: np.ndarray,
    ) -> None:
        curves = self.perturbation.curves(
            self.subject.score,
            clip,
            spatial,
            temporal,
            target=int(self.classes[position]),
            way=way,
            rng=self._rng(position),
        )
        for measure, value in curves.areas().items():
            self._put(name, f"{way}_{measure}", position, value)
        kept = self.table.curves.setdefault(name, {}).setdefault(
            way, {"fractions": curves.fractions}
        )
        for curve, values in curves.values.items():
            empty = np.full((len(self.subject), len(values)), np.nan)
            kept.setdefault(curve, empty)[position] = values

    def _confidence(
        self, name: str, start: int, clips: Tensor, spatial: np.ndarray, temporal: np.ndarray
    ) -> None:
        targets = torch.from_numpy(self.classes[start : start + len(clips)])
        found = drop_and_increase(
            self.subject.score, clips, spatial, temporal, targets=targets, black=self.subject.black
        )
        for measure, values in zip(CONFIDENCE, found, strict=True):
            for position, value in enumerate(values, start):
                self._put(name, measure, position, value)

    def _localize(
        self,
        name: str,
        position: int,
        spatial: np.ndarray,
        temporal: np.ndarray,
        truth: GroundTruth,
    ) -> None:
        wrong = self.subject.labels[position] not in (self.classes[position], -1)
        found = localization(spatial, temporal, truth, tolerance_px=self.options.tolerance_px)
        for measure, value in found.items():
            value = np.nan if wrong and self.options.only_correct else value
            if measure.endswith("_chance"):
                self._put_chance(measure.removesuffix("_chance"), position, value)
            else:
                self._put(name, measure, position, value)

    def _concatenation(self) -> None:
        other = partners(self.classes, self._rng(len(self.subject)))
        if (other < 0).any():
            # Found out by running: what has been measured must not be lost over it.
            self._leave_out("concatenation", "the network names the same class for all videos")
            return
        total = len(self.subject) * len(self.explainers)
        with self._progress("concatenation", total) as progress:
            for position, partner in enumerate(other.tolist()):
                clip, second = self.subject.clips([position, partner])
                classes = np.repeat(self.classes[position], 2)
                for name, explainer in self.explainers.items():
                    weights = partial(self._temporal, explainer, classes)
                    found = concatenation(weights, clip, second)
                    for measure in CONCATENATION:
                        self._put(name, measure, position, found[measure])
                        self._put_chance(measure, position, CONCATENATION_CHANCE)
                    progress.advance()

    def _sanity(self) -> None:
        """Correlation of the maps with the trained network's, stage by stage of the cascade."""
        count = min(self.options.sanity_videos, len(self.subject))
        # Spread over all that were chosen, which are sorted.
        positions = np.unique(np.linspace(0, len(self.subject) - 1, count).astype(int)).tolist()
        clips, classes = self.subject.clips(positions), self.classes[positions]
        before = {
            name: joint_importance(*self.subject.explain(e, clips, classes))
            for name, e in self.explainers.items()
        }
        total = len(stages_from_top(self.subject.model)) * len(before)
        with self._progress("sanity", total) as progress:
            for stage, changed in cascade(self.subject.model, seed=self.options.seed):
                for name, explainer in self.explainers.items():
                    maps = self.subject.explain(explainer, clips, classes, changed)
                    after = joint_importance(*maps)
                    values = [spearman(a, b) for a, b in zip(before[name], after, strict=True)]
                    self.table.stages.setdefault(name, {})[stage] = np.array(values)
                    progress.advance()
        for name, stages in self.table.stages.items():
            by_stage = np.stack(list(stages.values()))
            for measure, values in zip(SANITY, (by_stage[-1], by_stage.mean(axis=0)), strict=True):
                for position, value in zip(positions, values, strict=True):
                    self._put(name, measure, position, value)

    def _intervention(self) -> None:
        # What was said stands in for what is not labelled.
        labels = np.where(self.subject.labels < 0, self.classes, self.subject.labels)
        found = intervention(
            self.subject.model, self.subject.batches, labels, rng=self._rng(len(self.subject) + 1)
        )
        self.table.intervention.update(found)

    # What was found

    def _put(self, explainer: str, measure: str, position: int, value: float) -> None:
        empty = np.full(len(self.subject), np.nan)
        self.table.values[explainer].setdefault(measure, empty)[position] = value

    def _put_chance(self, measure: str, position: int, value: float) -> None:
        empty = np.full(len(self.subject), np.nan)
        self.table.chance.setdefault(measure, empty)[position] = value

    def _keep_wanted(self) -> None:
        """Keeps the measures that were asked for, in the order of their names."""
        wanted = [measure for found in self.groups.values() for measure in found]
        for name, found in self.table.values.items():
            self.table.values[name] = {m: found[m] for m in wanted if m in found}
        for measure in [m for m in self.table.chance if m not in wanted]:
            del self.table.chance[measure]

    def _rng(self, position: int) -> np.random.Generator:
        return np.random.default_rng([self.options.seed, position])

    def _progress(self, title: str, total: int) -> Progress:
        return Progress(title, total, "maps", stream=sys.stderr)
