"""Attention rollout: how much of each token reaches a transformer's features.

Dimension letters: B clips, N tokens, M sequences of them: B, or B·T where each frame is one.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer
from mmaction.models.backbones.libraries import LibraryBackbone
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="attention_rollout")
class AttentionRollout(Explainer):
    """Attention rollout (Abnar and Zuidema, ACL 2020, arXiv:2005.00928) of a transformer backbone.

    With A_l, N×N, the attention of layer l averaged over heads, and half of each token passed on
    beside it, as residuals do:
        R = Π_l (½A_l + ½I), the last layer first;   map_j = mean over patches i of R_ij.
    The mean stands where the paper reads the class token's row, since recognizers here read the
    patches' features. TimeSformer's layers attend over time and then within frames, each with a
    residual of its own: two factors a layer.

    Class-agnostic: the target is recorded and changes nothing. Values are not looked at, nor what
    follows the backbone. Networks that see frame by frame (timm's) don't mix frames, so that their
    map says where, and of when next to nothing. MViT, Swin and other networks that pool tokens or
    attend within windows have no such product and are refused.

    Spatial: in [0, 1], as fine as the tokens' grid; all cells and the class tokens, which are left
    out, sum to 1 a clip, or a frame where frames are seen one by one. Temporal: its frame means.
    """

    name: ClassVar[str] = "attention_rollout"

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        backbone = getattr(model, "backbone", None)
        if not isinstance(backbone, LibraryBackbone):
            raise ConfigError(
                f"explainer attention_rollout: the backbone of {type(model).__name__} is no"
                " transformer of timm or transformers; take another explainer, such as grad_cam"
            )
        attentions = backbone.attentions(clips)
        shares = rolled_out(attentions, prefix=backbone.prefix_tokens)
        return backbone.lay_out(shares[..., None], clips, layer=backbone.network)[:, 0]


def rolled_out(attentions: list[Tensor], *, prefix: int) -> Tensor:
    """The mean row of patches, float in [0, 1], M×N.

    Args:
        attentions: Of each layer, from the input on, float, M×N×N; rows sum to 1.
        prefix: How many tokens before the patches are the network's own.
    """
    sequences, tokens = attentions[0].shape[:2]
    row = attentions[0].new_zeros(sequences, 1, tokens)
    row[..., prefix:] = 1 / (tokens - prefix)
    for attention in reversed(attentions):
        row = (torch.bmm(row, attention) + row) / 2
    return row[:, 0]
