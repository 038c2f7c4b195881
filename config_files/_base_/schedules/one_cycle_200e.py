# The one-cycle schedule over a longer training with a lower peak, for a data set of few clips.
_base_ = "./one_cycle.py"
max_epochs = 200
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [dict(_base_.param_scheduler[0], eta_max=3e-3)]
