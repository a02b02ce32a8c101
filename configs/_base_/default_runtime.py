# What every run shares. Types are looked up in dmmix, then mmpretrain, then mmengine.
default_scope = "dmmix"

default_hooks = dict(
    # Losses and times are read from the device where they are logged, not in every iteration.
    runtime_info=dict(type="DeferredInfoHook"),
    timer=dict(type="DeferredTimerHook"),
    logger=dict(type="LoggerHook", interval=100),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # Each rank has BatchNorm statistics of its own: what is tested and saved is their mean.
    sync_buffers=dict(type="SyncBuffersHook"),
    # A run with NaN or infinite losses, gradients, weights or statistics ends, and says why.
    finite=dict(type="FiniteHook"),
)

# How a training step is run; what stands here measured best (docs/benchmarks/throughput.md).
step = dict(
    fused_optimizer=True,  # one kernel for all weights, where torch has one
    channels_last=True,  # memory format of images and weights
    precision="fp32",  # or "bf16", "fp16"
    compile=False,  # True: torch.compile of mix, forward pass and loss; starts a minute later
    non_finite="stop",  # or "skip": batches with NaN or infinite losses are left out and counted
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(type="UniversalVisualizer", vis_backends=vis_backends)

log_level = "INFO"
load_from = None
resume = False

# The same seed gives the same weights, also after --resume. --seed N changes it.
randomness = dict(seed=0, deterministic=False)
