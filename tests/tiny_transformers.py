"""Networks of other libraries small enough for a test: what their wrappers take."""

from __future__ import annotations

from typing import Any

SIZES: dict[str, Any] = dict(
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=48,
    image_size=32,
    num_frames=8,
)
VJEPA2 = dict(
    SIZES,
    crop_size=32,
    frames_per_clip=8,
    mlp_ratio=2,
    pred_hidden_size=24,
    pred_num_attention_heads=2,
    pred_num_hidden_layers=1,
)
# timm's ``model_options`` for a vision transformer and a Swin.
SMALL_VIT = dict(img_size=32, embed_dim=24, num_heads=2, depth=3)
SMALL_SWIN = dict(img_size=64, embed_dim=12, depths=(1, 1, 1, 1), num_heads=(1, 2, 2, 2))
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "videomae": dict(model_type="videomae", **SIZES),
    "vivit": dict(model_type="vivit", **SIZES),
    "timesformer": dict(model_type="timesformer", **SIZES),
    "vjepa2": dict(model_type="vjepa2", **VJEPA2),
}
