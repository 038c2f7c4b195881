# I3D with non-local blocks (arXiv:1711.07971). Published: 74.73 top-1; the rest as without them.
# Run here: built, and a step on made data (tests/test_configs.py).
_base_ = "./kinetics400_r50_32x2.py"
model = dict(backbone=dict(non_local=(0, (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), 0)))
