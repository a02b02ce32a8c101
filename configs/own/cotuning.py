# Co-Tuning: the classifier that the pretrained weights came with is tuned too. With --weights FILE
# it is found in the file, and so is the number of its classes.
_base_ = "./bss.py"

model = dict(
    type="CoTuning",
    source_head=dict(
        type="LinearClsHead",
        num_classes=1000,
        in_channels=512,
        init_cfg=dict(
            type="Pretrained",
            checkpoint={{_base_.model.backbone.init_cfg.checkpoint}},
            prefix="auto",
        ),
    ),
)
