"""From uint8 pixels to the network's float input: one affine map of RGB for each clip.

Cast, colour map and change of layout happen in one pass over the pixels (Cython, CPU). Without
the compiled kernel, and on any other device, plain torch does it with equal results.

Dimension letters: N clips, T frames, H×W pixels.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

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


def affine_clips(
    clips: Tensor, matrix: Tensor, *, memory_format: torch.memory_format = torch.contiguous_format
) -> Tensor:
    """Map every pixel's colour and put the channels where convolutions want them.

    ``out[n,c] = ((R·m[n,c,0] + G·m[n,c,1]) + B·m[n,c,2]) + m[n,c,3]``, each step rounded to
    float32. Normalisation alone is ``m[n,c,c] = 1/std[c]``, ``m[n,c,3] = -mean[c]/std[c]``, zero
    elsewhere. No gradient flows through it.

    Args:
        clips: uint8, N×T×H×W×3, RGB. Any strides; a copy is made where they are not contiguous.
        matrix: float32, N×3×4, on the clips' device: a linear map and an offset for each clip.
        memory_format: ``torch.contiguous_format`` or ``torch.channels_last_3d``.

    Returns:
        float32, N×3×T×H×W, on the clips' device, in memory as `memory_format` says.

    Raises:
        ValueError: a shape, dtype, device or memory format other than these.
    """
    _check(clips, matrix, memory_format)
    if clips.is_cpu and HAS_EXTENSION:
        return _affine_clips_compiled(clips, matrix, memory_format)
    if clips.is_cpu:
        warnings.warn(
            "mmaction.ops was installed without its compiled kernel: clips are prepared by plain "
            "torch, with the same numbers but slower. To build it, install a C compiler and run "
            "`pip install -e .` again.",
            stacklevel=2,
        )
    return affine_clips_torch(clips, matrix, memory_format=memory_format)


@torch.no_grad()
def affine_clips_torch(
    clips: Tensor, matrix: Tensor, *, memory_format: torch.memory_format = torch.contiguous_format
) -> Tensor:
    """`affine_clips` in plain torch, for any device: the same arguments, result and errors.

    On the CPU the result equals the compiled kernel's bit for bit: the same float32 operations in
    the same order.
    """
    _check(clips, matrix, memory_format)
    out = _empty_output(clips, memory_format)
    red, green, blue = clips.unbind(-1)
    coefficients = matrix[..., None, None, None]
    for channel, plane in enumerate(out.unbind(1)):
        by_red, by_green, by_blue, offset = coefficients[:, channel].unbind(1)
        torch.mul(red, by_red, out=plane)
        plane += green * by_green
        plane += blue * by_blue
        plane += offset
    return out


def _affine_clips_compiled(
    clips: Tensor, matrix: Tensor, memory_format: torch.memory_format
) -> Tensor:
    out = _empty_output(clips, memory_format)
    if out.numel() == 0:
        return out
    count, frames, height, width, _ = clips.shape
    pixels = height * width
    source = clips.contiguous().view(count, frames, pixels, 3).numpy()
    coefficients = matrix.detach().contiguous().numpy()
    if memory_format == torch.channels_last_3d:
        fill = _affine.frames_to_pixels
        target = out.permute(0, 2, 3, 4, 1).view(count, frames, pixels, 3).numpy()
    else:
        fill = _affine.frames_to_planes
        target = out.view(count, 3, frames, pixels).numpy()

    total = count * frames
    slabs = max(1, min(torch.get_num_threads(), total, total * pixels // PIXELS_PER_THREAD))
    if slabs == 1:
        fill(source, coefficients, target, 0, total)
        return out
    starts = [total * slab // slabs for slab in range(slabs)]
    ends = [*starts[1:], total]
    # Threads of this call alone: a lasting pool would not survive the fork of a loader's workers.
    with ThreadPoolExecutor(slabs) as pool:
        jobs = [
            pool.submit(fill, source, coefficients, target, first, last)
            for first, last in zip(starts, ends, strict=True)
        ]
    for job in jobs:
        job.result()
    return out


def _empty_output(clips: Tensor, memory_format: torch.memory_format) -> Tensor:
    count, frames, height, width, channels = clips.shape
    return torch.empty(
        (count, channels, frames, height, width),
        dtype=torch.float32,
        device=clips.device,
        memory_format=memory_format,
    )


def _check(clips: Tensor, matrix: Tensor, memory_format: torch.memory_format) -> None:
    if clips.dtype != torch.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise ValueError(f"clips must be uint8 N×T×H×W×3, not {_describe(clips)}")
    if matrix.dtype != torch.float32 or matrix.shape != (len(clips), 3, 4):
        raise ValueError(f"matrix must be float32 {len(clips)}×3×4, not {_describe(matrix)}")
    if matrix.device != clips.device:
        raise ValueError(f"matrix is on {matrix.device}, clips are on {clips.device}")
    if memory_format not in (torch.contiguous_format, torch.channels_last_3d):
        raise ValueError(
            "memory_format must be torch.contiguous_format or torch.channels_last_3d, "
            f"not {memory_format}"
        )


def _describe(tensor: Tensor) -> str:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{dtype} {'×'.join(map(str, tensor.shape)) or 'scalar'}"
