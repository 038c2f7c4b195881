"""What the training loop adds to bare steps, and how often the host waits for the device."""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
import training_loop

from gpu.parts import Row, Settings
from mmaction.dataprep.motion_shapes import CLASSES, DataSetOptions, make_data_set
from mmaction.environment import tolerate_broken_torchvision

WAITS = "called a synchronizing"  # begins torch's warning of a wait in its sync debug mode


def measure(settings: Settings) -> Iterator[Row]:
    """Blocks of the loop's steps and of bare ones in turns, one batch in memory.

    A bare step never waits, so that the wait's cost is in what the loop adds.
    """
    tolerate_broken_torchvision()
    if settings.small:
        training_loop.BLOCK = 2
    blocks = 2 if settings.small else 20
    args = argparse.Namespace(blocks=blocks, clock="wall", loader=False, history=0)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        root = Path(folder) / "motion_shapes"
        make_data_set(root, DataSetOptions(videos=len(CLASSES), val_videos=len(CLASSES)), jobs=1)
        if settings.device == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        watch = training_loop.run(root, args)
    steps = (blocks + training_loop.WARM_UP) * training_loop.BLOCK
    loop, bare = watch.median("loop"), watch.median("bare")
    yield {"what": "bare step", "ms": round(bare, 3)}
    yield {"what": "what the loop adds, its wait included", "ms": round(loop - bare, 3)}
    for name in sorted({name for block in watch.blocks for name in block} - {"loop", "bare"}):
        yield {"what": f"host time in: {name}", "ms": round(watch.median(name), 3)}
    if settings.device == "cuda":
        waits = sum(WAITS in str(warning.message) for warning in caught)
        yield {"what": "waits for the device, a step", "number": round(waits / steps, 2)}
