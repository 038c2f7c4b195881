# What every run shares: logging, checkpoints, evaluation, seed.
evaluation = dict(interval=1)
randomness = dict(seed=0)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=20),
    checkpoint=dict(
        type="TrainingCheckpointHook",
        interval=1,
        max_keep_ckpts=3,
        save_best="perception/top1",
        rule="greater",
    ),
)
env_cfg = dict(mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
