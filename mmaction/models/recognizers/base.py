"""What every recognizer shares: the three modes, and the averaging of views."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmengine.model import BaseModel, BaseModule
from torch import Tensor

from mmaction.errors import ConfigError, DataError
from mmaction.models.blending import Blending
from mmaction.registry import MODELS
from mmaction.structures import ClipSample, Prediction, VideoResult

AVERAGES = ("prob", "score")


class BaseRecognizer(BaseModel, ABC):
    """Base of the recognizers; a subclass says how clips become a ``Prediction`` and what it costs.

    Args:
        num_classes: K.
        clip_len: T; clips of another length are refused.
        average_views: ``'prob'`` averages the probabilities of a video's views, ``'score'``
            their logits.
        loss_cls: Config of the loss of each branch's scores: ``CrossEntropy`` or
            ``BinaryCrossEntropy``, by which scores are probabilities of a softmax or a sigmoid.
        blending: In training, configs of ``MixUp`` and ``CutMix``: see ``Blending``.
        max_views: How many views (clips × crops, of one video or several) go through the network at
            once when videos are scored, whatever the batch size: the bound on the device's memory.
            The results are the same. None: all of the batch.
        data_preprocessor: Config of the ``ClipPreprocessor``.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        clip_len: int,
        average_views: str = "prob",
        loss_cls: dict[str, Any] | None = None,
        blending: Sequence[dict[str, Any]] | None = None,
        max_views: int | None = None,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        # Built here: mmengine would look for it in its own registry, not in this project's.
        preprocessor = dict(type="ClipPreprocessor") | (data_preprocessor or {})
        super().__init__(MODELS.build(preprocessor), init_cfg)
        for name, value in (("num_classes", num_classes), ("clip_len", clip_len)):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"model.{name}={value!r}: expected a whole number, 1 or more")
        if max_views is not None and (not isinstance(max_views, int) or max_views < 1):
            raise ConfigError(
                f"model.max_views={max_views!r}: expected a whole number, 1 or more, or None"
            )
        if average_views not in AVERAGES:
            raise ConfigError(f"model.average_views={average_views!r}: expected one of {AVERAGES}")
        self.num_classes = num_classes
        self.clip_len = clip_len
        self.average_views = average_views
        self.max_views = max_views
        self.loss_cls = MODELS.build(dict(type="CrossEntropy") | (loss_cls or {}))
        weights = getattr(self.loss_cls, "class_weights", None)
        if weights is not None and len(weights) != num_classes:
            raise ConfigError(
                f"model.loss_cls.class_weights has {len(weights)} numbers for {num_classes} classes"
            )
        self.blending = Blending(blending, num_classes=num_classes) if blending else None

    @abstractmethod
    def predict_clips(self, clips: Tensor) -> Prediction:
        """Normalised float clips B×3×T×H×W to a ``Prediction``."""

    @abstractmethod
    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        """Scalars on the device: what is named ``loss…`` is summed and minimised, the rest logged.

        Args:
            labels: int64, B, or shares of classes, float, B×K, of several or blended labels.
        """

    def training_clips(
        self, clips: Tensor, labels: Tensor, samples: Sequence[ClipSample]
    ) -> tuple[Tensor, Tensor]:
        """Clips and labels as they are trained on, blended perhaps; labels as of ``losses``."""
        return self.blending(clips, labels) if self.blending else (clips, labels)

    def attention_losses(
        self, prediction: Prediction, pictures: Tensor, samples: Sequence[ClipSample]
    ) -> dict[str, Tensor]:
        """As ``losses``, of where and when the network looks; none here.

        Args:
            prediction: Of the pictures.
            pictures: Clips, or the features that are trained on in their place.
            samples: Whose clips they are, with edits; none of features.
        """
        return {}

    def predict_features(self, features: Tensor) -> Prediction:
        """A backbone's features B×C×T'×h×w to a ``Prediction``; for training on cached ones.

        Raises:
            ConfigError: This recognizer can't.
        """
        raise ConfigError(f"{type(self).__name__} can't be trained on cached features")

    def forward(
        self,
        clips: Tensor | None = None,
        labels: Tensor | None = None,
        samples: Sequence[ClipSample] | None = None,
        mode: str = "tensor",
        features: Tensor | None = None,
    ) -> Prediction | dict[str, Tensor] | list[VideoResult]:
        """Runs the network.

        Args:
            clips: Normalised float clips, (N·V)×3×T×H×W, the views of a video one after another.
            labels: int64, N, or N×L filled up with -1, of several; ``'loss'`` needs them.
            samples: N videos; ``'predict'`` needs them.
            mode: ``'tensor'`` gives the ``Prediction`` of the clips, ``'loss'`` a dict of scalars,
                ``'predict'`` one ``VideoResult`` a video, its views averaged.
            features: In the place of clips, with ``'loss'``: see ``predict_features``.

        Raises:
            ValueError: The clips' shape does not fit, or the mode is none of the three.
        """
        if features is not None:
            assert mode == "loss", "only training takes cached features"
            if self.blending:
                raise ConfigError("model.blending blends clips: leave it out on cached features")
            prediction = self.predict_features(features)
            losses = self.losses(prediction, self._repeated(labels, features))
            return losses | self.attention_losses(prediction, features, ())
        assert clips is not None
        self._check_clips(clips)
        if mode == "tensor":
            return self.predict_clips(clips)
        if mode == "loss":
            samples = samples or ()
            clips, labels = self.training_clips(clips, self._repeated(labels, clips), samples)
            prediction = self.predict_clips(clips)
            losses = self.losses(prediction, labels)
            return losses | self.attention_losses(prediction, clips, samples)
        if mode == "predict":
            assert samples is not None, "mode='predict' needs the samples"
            return self._score(clips.split(self.max_views or len(clips)), samples)
        raise ValueError(f"mode={mode!r}: expected 'tensor', 'loss' or 'predict'")

    def init_weights(self) -> None:
        """As mmengine's, but modules of other libraries keep the weights they were made with.

        mmengine calls whatever is named ``init_weights``, by which others draw new weights. Here it
        is called on mmengine's modules, and on a backbone whose own class defines it.
        """
        kept = set()
        for module in self.modules():
            kind = type(module)
            own = module is getattr(self, "backbone", None) and "init_weights" in vars(kind)
            if hasattr(module, "init_weights") and not own and not isinstance(module, BaseModule):
                module.is_init = True  # mmengine passes it over then
                kept.add(f"{kind.__module__}.{kind.__qualname__}")
        for name in sorted(kept):
            print_log(f"{name} keeps the weights it was made with", logger="current")
        super().init_weights()

    def _dump_init_info(self) -> None:
        """Nothing: mmengine's takes two lines of the log for each parameter."""

    def val_step(self, data: dict[str, Any]) -> list[VideoResult]:
        """As ``test_step``."""
        return self.test_step(data)

    def test_step(self, data: dict[str, Any]) -> list[VideoResult]:
        """Scores a batch as it was collated; with ``max_views``, no more is on the device at once.

        Args:
            data: From ``collate_clips``.
        """
        return self._score(self._prepared(data), data["samples"])

    def _prepared(self, data: dict[str, Any]) -> Iterator[Tensor]:
        """Normalised clips, at most ``max_views`` at once, each view as if it were a video.

        The host waits for nothing here: what the loader has pinned is copied as it lies, and what
        is small is repeated on the device.
        """
        views = data["inputs"].flatten(0, 1).unsqueeze(1)
        color = data["color"].to(self.data_preprocessor.device, non_blocking=True)
        color = color.repeat_interleave(data["inputs"].shape[1], dim=0)
        most = self.max_views or len(views)
        for some, its_color in zip(views.split(most), color.split(most), strict=True):
            batch = dict(inputs=some, color=its_color, samples=[])
            clips = self.data_preprocessor(batch, training=False)["clips"]
            self._check_clips(clips)
            yield clips

    def _score(self, chunks: Iterable[Tensor], samples: Sequence[ClipSample]) -> list[VideoResult]:
        """The answers to parts of a batch, views averaged by video."""
        parts = [self.predict_clips(clips) for clips in chunks]
        by_video = {}
        for name in (field.name for field in dataclasses.fields(Prediction)):
            values = [getattr(part, name) for part in parts]
            if values[0] is not None:
                views = torch.cat(values).float().unflatten(0, (len(samples), -1))
                by_video[name] = self._average_scores(views) if "scores" in name else views
        return [
            VideoResult(sample, **{name: values[i] for name, values in by_video.items()})
            for i, sample in enumerate(samples)
        ]

    def _check_clips(self, clips: Tensor) -> None:
        if clips.ndim != 5 or clips.shape[1] != 3:
            raise ValueError(f"clips are {tuple(clips.shape)}: expected B×3×T×H×W")
        if clips.shape[2] != self.clip_len:
            raise ConfigError(
                f"clips have {clips.shape[2]} frames, model.clip_len is {self.clip_len}: "
                "sample clips of that length, or set model.clip_len"
            )

    def _repeated(self, labels: Tensor | None, clips: Tensor) -> Tensor:
        """A video's label, or several as 1 among K, for each of its clips."""
        if labels is None:
            raise DataError("training needs labels: some annotation lines have none")
        if len(clips) % len(labels):
            raise ValueError(f"{len(clips)} clips do not fit {len(labels)} labels")
        if labels.ndim == 2 and not labels.is_floating_point():
            if not self.multi_label:
                raise ConfigError(
                    "the list has videos of several labels: train them with"
                    " model.loss_cls=dict(type='BinaryCrossEntropy')"
                )
            # -1 becomes a class of its own, which is cut off.
            labels = F.one_hot(labels + 1, self.num_classes + 1).amax(dim=1)[:, 1:].float()
        return labels.repeat_interleave(len(clips) // len(labels), dim=0)

    def probabilities(self, scores: Tensor) -> Tensor:
        """Of logits …×K, as the network was trained: a softmax, or a sigmoid for each class."""
        return scores.sigmoid() if self.multi_label else scores.softmax(dim=-1)

    @property
    def multi_label(self) -> bool:
        """Whether each class is a question of its own."""
        return getattr(self.loss_cls, "multi_label", False)

    def _average_scores(self, views: Tensor) -> Tensor:
        if self.average_views == "prob":
            views = self.probabilities(views)
        return views.mean(dim=1)
