# TSM on motion_shapes: TSN, a quarter of its few channels shifted either way in each block.
_base_ = "tsn_tiny.py"
model = dict(backbone=dict(shift_div=4))
