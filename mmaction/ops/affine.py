"""From uint8 pixels to the network's float input: one affine map of RGB for each clip.

Cast, colour map and change of layout happen in one pass over the pixels (Cython, CPU). Without
the compiled kernel, and on any other device, plain torch does it with equal results.

Dimension letters: N clips, T frames, H×W pixels.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

try:
    from mmaction.ops import _affine
except ImportError:
    HAS_EXTENSION = False
else:
    HAS_EXTENSION = True

# Fewer pixels than this are not worth starting a thread for: about half a millisecond of work.
PIXELS_PER_THREAD = 1 << 18


def affine_clips(clips: Tensor, matrix: Tensor) -> Tensor:
    """Map every pixel's colour and put the channels where convolutions want them.

    ``out[n,c] = ((R·m[n,c,0] + G·m[n,c,1]) + B·m[n,c,2]) + m[n,c,3]``, each step rounded to
    float32. Normalisation alone is ``m[n,c,c] = 1/std[c]``, ``m[n,c,3] = -mean[c]/std[c]``, zero
    elsewhere. No gradient flows through it.

    Args:
        clips: uint8, N×T×H×W×3, RGB. Any strides; a copy is made where they are not contiguous.
        matrix: float32, N×3×4, on the clips' device: a linear map and an offset for each clip.

    Returns:
        float32, N×3×T×H×W, on the clips' device; its memory is ``torch.channels_last_3d``.

    Raises:
        ValueError: a shape, dtype or device other than these.
    """
    _check(clips, matrix)
    if clips.is_cpu and HAS_EXTENSION:
        return _affine_clips_compiled(clips, matrix)
    if clips.is_cpu:
        warnings.warn(
            "mmaction.ops was installed without its compiled kernel: clips are prepared by plain "
            "torch, with the same numbers but slower. To build it, install a C compiler and run "
            "`pip install -e .` again.",
            stacklevel=2,
        )
    return affine_clips_torch(clips, matrix)


@torch.no_grad()
def affine_clips_torch(clips: Tensor, matrix: Tensor) -> Tensor:
    """`affine_clips` in plain torch, for any device: the same arguments, result and errors.

    On the CPU the result equals the compiled kernel's bit for bit: the same float32 operations in
    the same order.
    """
    _check(clips, matrix)
    out = torch.empty(clips.shape, dtype=torch.float32, device=clips.device)
    red, green, blue = clips.unbind(-1)
    coefficients = matrix[..., None, None, None]
    for channel, plane in enumerate(out.unbind(-1)):
        by_red, by_green, by_blue, offset = coefficients[:, channel].unbind(1)
        torch.mul(red, by_red, out=plane)
        plane += green * by_green
        plane += blue * by_blue
        plane += offset
    return out.movedim(-1, 1)


def _affine_clips_compiled(clips: Tensor, matrix: Tensor) -> Tensor:
    out = torch.empty(clips.shape, dtype=torch.float32)
    count, frames, height, width, _ = clips.shape
    pixels = height * width
    source = clips.contiguous().view(count, frames, pixels, 3).numpy()
    coefficients = matrix.detach().contiguous().numpy()
    target = out.view(count, frames, pixels, 3).numpy()

    total = count * frames
    slabs = min(torch.get_num_threads(), total, total * pixels // PIXELS_PER_THREAD)
    if slabs <= 1:
        _affine.frames_to_pixels(source, coefficients, target, 0, total)
        return out.movedim(-1, 1)
    edges = [total * slab // slabs for slab in range(slabs + 1)]
    # Threads of this call alone: a lasting pool would not survive the fork of a loader's workers.
    with ThreadPoolExecutor(slabs) as pool:
        fill = partial(_affine.frames_to_pixels, source, coefficients, target)
        list(pool.map(fill, edges[:-1], edges[1:]))  # raises what one of them raised
    return out.movedim(-1, 1)


def _check(clips: Tensor, matrix: Tensor) -> None:
    if clips.dtype != torch.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise ValueError(f"clips must be uint8 N×T×H×W×3, not {_describe(clips)}")
    if matrix.dtype != torch.float32 or matrix.shape != (len(clips), 3, 4):
        raise ValueError(f"matrix must be float32 {len(clips)}×3×4, not {_describe(matrix)}")
    if matrix.device != clips.device:
        raise ValueError(f"matrix is on {matrix.device}, clips are on {clips.device}")


def _describe(tensor: Tensor) -> str:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{dtype} {'×'.join(map(str, tensor.shape)) or 'scalar'}"
