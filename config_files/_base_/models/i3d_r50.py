# I3D on ResNet-50, arXiv:1705.07750, inflated by block as in arXiv:1711.07971.
_base_ = "./resnet3d_r50.py"
model = dict(
    backbone=dict(
        stem_kernel=(5, 7, 7),
        stem_temporal_stride=2,
        pool_temporal_strides=(2, 2),
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
    )
)
