# ST-ABN R50 on Something-Something V1, 32 frames by uniform segments.
_base_ = [
    "../_base_/models/st_abn_r50.py",
    "../_base_/datasets/sthv1.py",
    "../_base_/schedules/sgd_150e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=174)
