# TPN on the slow 3D ResNet-50, arXiv:2004.03548: each level of the pyramid keeps one step in time.
_base_ = "./slowonly_r50.py"
model = dict(backbone=dict(out_stages=(3, 4)), neck=dict(type="TPN", steps=(1, 1)))
