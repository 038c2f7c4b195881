"""Video transformers of the transformers library, their tokens laid out over time and picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmaction.errors import CheckpointError, ConfigError, first_line
from mmaction.models.backbones.libraries import LibraryBackbone, import_library
from mmaction.models.backbones.token_attention import (
    over_time,
    recorded_attentions,
    within_frames,
)
from mmaction.registry import MODELS

# model_type: the classes of its own tokens before the patches, and whether time runs fastest.
_LAYOUTS = {
    "videomae": (0, False),
    "vivit": (1, False),
    "timesformer": (1, True),
    "vjepa2": (0, False),
}

# Of a config: where it is from, and the classes of a head that isn't used.
_NOT_THE_NETWORKS = frozenset(
    ("transformers_version", "architectures", "auto_map", "id2label", "label2id", "_name_or_path")
)


@MODELS.register_module()
class TransformersBackbone(LibraryBackbone):
    """VideoMAE, TimeSformer, ViViT or V-JEPA 2: clips B×3×T×H×W to B×C×T'×h×w.

    The tokens of the last layer, class tokens left out: T' = T / the tubelet's frames, h = H / the
    patch's pixels, 8×14×14 for VideoMAE-B on 16×224². V-JEPA 2 runs without its predictor.

    Args:
        model: A hub's id, a directory with a ``config.json``, or a dict with ``model_type`` and
            what its config says, for a network without weights.
        **kwargs: ``frozen``, ``norm_eval``, ``pretrained``; see ``LibraryBackbone``.

    Raises:
        ConfigError: transformers isn't there, or the model is none of the four.
    """

    tokens = True
    layer_names = (r"(?:encoder\.)?embeddings", r"(?:encoder\.)?layers?\.(\d+)")

    def __init__(self, *, model: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        library = import_library("transformers", of="TransformersBackbone")
        self.model = model
        config = _read_config(library, model)
        if config.model_type not in _LAYOUTS:
            raise ConfigError(
                f"TransformersBackbone model={model!r} is a {config.model_type}: expected one of"
                f" {', '.join(_LAYOUTS)}"
            )
        self.model_type: str = config.model_type
        self.prefix_tokens = _LAYOUTS[config.model_type][0]
        self._config = config
        self.network = _without_head(library.AutoModel.from_config(config))
        self.out_channels = config.hidden_size
        self.temporal_stride, self.spatial_stride = _patch(config)
        self.freeze()

    def forward(self, clips: Tensor) -> Tensor:
        frames = clips.shape[2]
        if frames % self.temporal_stride:
            raise ConfigError(
                f"{self.model_type} takes {self.temporal_stride} frames a token, which"
                f" model.clip_len={frames} is no multiple of"
            )
        options = dict(skip_predictor=True) if self.model_type == "vjepa2" else {}
        tokens = self.network(clips.transpose(1, 2), **options).last_hidden_state
        return self.lay_out(tokens, clips, layer=self.network)

    def lay_out(self, output: Tensor, clips: Tensor, *, layer: nn.Module) -> Tensor:
        if output.ndim == 5:  # the embedding's convolution
            return output
        frames, height, width = clips.shape[2:]
        steps = frames // self.temporal_stride
        rows, columns = height // self.spatial_stride, width // self.spatial_stride
        tokens = output[:, self.prefix_tokens :].transpose(1, 2)
        if _LAYOUTS[self.model_type][1]:
            return tokens.unflatten(2, (rows, columns, steps)).movedim(-1, 2)
        return tokens.unflatten(2, (steps, rows, columns))

    def attentions(self, clips: Tensor) -> list[Tensor]:
        with recorded_attentions(self.network) as kept:
            self(clips)
        if getattr(self._config, "attention_type", None) != "divided_space_time":
            return [attention for _, attention in kept]
        return [
            (over_time if "temporal_attention" in name else within_frames)(attention, len(clips))
            for name, attention in kept
        ]

    def self_contained(self) -> dict[str, Any]:
        """``model`` as a dict, whatever it was given as."""
        kept = self._config.to_diff_dict().items()
        return {"model": {key: value for key, value in kept if key not in _NOT_THE_NETWORKS}}

    def no_weight_decay(self) -> set[str]:
        """The class token and what says where and when a token is."""
        ends = (".cls_token", "position_embeddings", "time_embeddings")
        return {name for name, _ in self.named_parameters() if name.endswith(ends)}

    def library_weights(self) -> dict[str, Tensor]:
        library = import_library("transformers", of="TransformersBackbone")
        if not isinstance(self.model, str):
            raise CheckpointError("pretrained=True needs model as a hub's id or a directory")
        try:
            loaded = library.AutoModel.from_pretrained(self.model, use_safetensors=True)
        except (OSError, ValueError, RuntimeError) as e:
            raise CheckpointError(
                f"weights of {self.model} can't be had ({first_line(e)}): give model a directory"
                " with config.json and model.safetensors, or pretrained=False"
            ) from e
        return dict(_without_head(loaded).state_dict())


def _read_config(library: Any, model: str | dict[str, Any]) -> Any:
    try:
        if isinstance(model, str):
            try:  # a hub is asked only for what is not yet on this machine
                return library.AutoConfig.from_pretrained(model, local_files_only=True)
            except OSError:
                return library.AutoConfig.from_pretrained(model)
        options = dict(model)
        return library.AutoConfig.for_model(options.pop("model_type"), **options)
    except (OSError, ValueError, KeyError) as e:
        raise ConfigError(f"TransformersBackbone model={model!r}: {first_line(e)}") from e


def _patch(config: Any) -> tuple[int, int]:
    """Frames and pixels of a token."""
    size = getattr(config, "tubelet_size", 1)
    if isinstance(size, int):
        return size, config.patch_size
    return size[0], size[1]


def _without_head(network: nn.Module) -> nn.Module:
    """Without what computes nothing that is used: V-JEPA 2's predictor, ViViT's pooler."""
    for name in ("predictor", "pooler"):
        if getattr(network, name, None) is not None:
            setattr(network, name, None)
    return network
