# sgd_150e.py with the decay and the clipping of TPN, the source of the usual figures on Kinetics.
_base_ = "./sgd_150e.py"
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4), clip_grad=dict(max_norm=40))
