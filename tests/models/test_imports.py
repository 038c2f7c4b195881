"""The network needs torch, numpy and mmengine alone."""

from __future__ import annotations

import subprocess
import sys

OTHERS = ("cv2", "mmcv", "av", "PIL", "torchvision", "safetensors", "lmdb")
# mmengine imports transformers where it is installed, and all that it needs.
CODE = f"""
import sys

sys.modules["transformers"] = None  # importing it fails
import torch
from mmaction.models import STABN

print([name for name in {OTHERS} if name in sys.modules])
for name in {OTHERS}:
    sys.modules[name] = None
model = STABN(num_classes=3, clip_len=4, backbone=dict(type="ResNet3D", depth=10, num_stages=3))
print(tuple(model(torch.zeros(2, 3, 4, 32, 32)).scores.shape))
"""


def test_a_network_is_imported_built_and_run_where_nothing_else_is_installed() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout == "[]\n(2, 3)\n", done.stderr
