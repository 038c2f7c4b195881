# The plain 3D ResNet-50 on Something-Something V2, 32 frames by uniform segments.
_base_ = [
    "../_base_/models/resnet3d_r50.py",
    "../_base_/datasets/sthv2.py",
    "../_base_/schedules/sgd_150e.py",
    "../_base_/runtime.py",
]
model = dict(num_classes=174)
