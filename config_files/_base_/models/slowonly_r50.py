# SlowOnly, the slow pathway of SlowFast alone, arXiv:1812.03982: plain 3D R50 at 8 frames.
_base_ = "./resnet3d_r50.py"
model = dict(clip_len=8)
