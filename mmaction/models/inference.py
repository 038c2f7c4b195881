"""A network for inference alone: batch norms become part of the convolutions before them.

In eval mode a batch norm is an affine map of each channel, y = s·x + t. Behind a convolution it can
be put into that convolution's weights and bias, and before a convolution without padding likewise
(Jacob et al., arXiv:1712.05877, section 3.2): a pass over memory less for each.
"""

from __future__ import annotations

import copy
from typing import TypeGuard, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmaction.models.backbones.blocks import ResidualBlock

# Whose own modules run each ``conv…`` right before the ``bn…`` of the same name, a sequence's
# before the norm behind it. Of others' modules names don't say in which order they run.
PACKAGE = "mmaction.models."
Model = TypeVar("Model", bound=nn.Module)


def fuse_for_inference(model: Model, *, dtype: torch.dtype | None = None) -> Model:
    """A copy of ``model`` in eval mode that gives the same scores and maps faster.

    The model and its weights are left as they are; the copy can neither be trained nor take the
    model's checkpoints. What is known to run a convolution right before its norm is fused, the
    project's own parts; others stay as they are, and so do norms other than batch norms.

    Args:
        model: Any, all of whose weights are here.
        dtype: Of the copy's convolution weights; ``torch.bfloat16`` halves what is read at every
            call under ``torch.autocast(device, torch.bfloat16)``, where it must then be used.
    """
    fused = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(fused.modules()):
        if not type(module).__module__.startswith(PACKAGE):
            continue
        if hasattr(module, "bn_stage"):
            _fuse_before(module, "bn_stage", "conv_response")
        _fuse_behind(module)
        if isinstance(module, ResidualBlock) and module.downsample is not None:
            _fuse_behind(module.downsample)
    if dtype is not None:
        for module in fused.modules():
            if isinstance(module, nn.Conv3d | nn.Conv2d):
                module.to(dtype)
    return fused


def _fuse_behind(module: nn.Module) -> None:
    """Puts each batch norm into the convolution of ``module`` that it follows."""
    for name, norm in list(module.named_children()):
        before = str(int(name) - 1) if name.isdigit() else name.replace("bn", "conv")
        conv = getattr(module, before, None)
        if isinstance(conv, nn.Conv3d) and _has_statistics(norm):
            setattr(module, before, fuse_conv_bn_eval(conv, norm))
            setattr(module, name, nn.Identity())


def _has_statistics(norm: nn.Module) -> TypeGuard[nn.modules.batchnorm._BatchNorm]:
    if not isinstance(norm, nn.modules.batchnorm._BatchNorm):
        return False
    return norm.running_mean is not None and norm.running_var is not None


def _fuse_before(module: nn.Module, norm_name: str, conv_name: str) -> None:
    """Puts a batch norm into the convolution, 1×1×1 and without bias, that reads its result."""
    norm, conv = getattr(module, norm_name), getattr(module, conv_name)
    if not _has_statistics(norm):
        return
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    shift = -mean * scale
    if norm.affine:
        scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
    weight = conv.weight
    conv.bias = nn.Parameter(weight.flatten(1) @ shift, requires_grad=False)
    weight = weight * scale[:, None, None, None]
    conv.weight = nn.Parameter(weight, requires_grad=False)
    setattr(module, norm_name, nn.Identity())
