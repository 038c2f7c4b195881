from __future__ import annotations

import torch


def test_is_backbone_then_average_then_linear(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain(num_classes=3).eval()
    clips = torch.randn(2, 3, 4, 32, 32)
    pooled = model.backbone(clips).mean(dim=(2, 3, 4))
    out = model(clips)
    torch.testing.assert_close(out.scores, pooled @ model.head.fc.weight.T + model.head.fc.bias)
    assert out.attention_scores is None
    assert out.spatial_attention is None
