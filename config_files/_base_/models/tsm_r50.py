# TSM on ResNet-50, arXiv:1811.08383: TSN, an eighth of the channels shifted either way a block.
_base_ = "./tsn_r50.py"
model = dict(backbone=dict(shift_div=8))
