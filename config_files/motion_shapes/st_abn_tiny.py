# ST-ABN as published on motion_shapes: two CPU cores, about three minutes.
_base_ = [
    "../_base_/models/st_abn_tiny.py",
    "../_base_/datasets/motion_shapes.py",
    "../_base_/schedules/one_cycle.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=12)
