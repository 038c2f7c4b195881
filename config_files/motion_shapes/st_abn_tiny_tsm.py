# ST-ABN's attention over TSM's features on motion_shapes: time is seen by the shift alone.
_base_ = "st_abn_tiny_evidence.py"
model = dict(backbone=dict(stem_kernel=(1, 5, 5), inflate=(0, 0, 0, 0), shift_div=8))
