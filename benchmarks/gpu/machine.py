"""The machine, the versions, and what the device can do at most."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import numpy as np
import torch

from gpu.parts import Row, Settings
from gpu.timing import median_ms, product_tflops

GB = 1e9


def measure(settings: Settings) -> Iterator[Row]:
    """Versions, the rates of matrix products, and of a copy within the device's memory."""
    yield {"what": "Python", "value": platform.python_version()}
    yield {"what": "torch", "value": torch.__version__}
    yield {"what": "numpy", "value": np.__version__}
    if settings.device == "cuda":
        device = torch.cuda.get_device_properties(0)
        yield {"what": "GPU", "value": device.name}
        yield {"what": "memory, GB", "value": round(device.total_memory / GB, 1)}
        yield {"what": "CUDA, cuDNN", "value": f"{torch.version.cuda}, {_cudnn()}"}
    else:
        yield {"what": "CPU", "value": platform.processor() or platform.machine()}
        yield {"what": "threads", "value": torch.get_num_threads()}
    size = 256 if settings.small else 8192
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
        ("float16", torch.float16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        rate = product_tflops(dtype, device=settings.device, size=size)
        yield {"what": f"{name} product of {size}², TFLOP/s", "value": round(rate, 3)}
    yield {"what": "copy, GB/s, read and written", "value": round(_copy_rate(settings), 1)}


def _cudnn() -> int | None:
    return torch.backends.cudnn.version()


def _copy_rate(settings: Settings) -> float:
    source = torch.randn(2**20 if settings.small else 2**29, device=settings.device)
    target = torch.empty_like(source)
    ms = median_ms(lambda: target.copy_(source), device=settings.device, seconds=1.0)
    return 2 * source.numel() * source.element_size() / ms / 1e6
