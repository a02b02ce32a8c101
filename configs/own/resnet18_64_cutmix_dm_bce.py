# Images of several classes, or none, 64 x 64: CutMix with DM(BCE), a sigmoid a class. The loss is
# the sum over the classes, as SGD needs it (docs/loss.md).
# dmmix train own/resnet18_64_cutmix_dm_bce --data LABELS.csv
_base_ = ["./resnet18.py", "../_base_/mixups/cutmix.py"]

model = dict(
    mixup={{_base_.mixup}},
    head=dict(
        type="DMMultiLabelLinearClsHead",
        loss=dict(_delete_=True, type="DecoupledMixupBCELoss", t=1.0, xi=0.8, over_classes="sum"),
    ),
)
train_dataloader = dict(batch_size=64, dataset=dict(size=64))
val_dataloader = dict(batch_size=256, dataset=dict(size=64))
test_dataloader = val_dataloader
val_evaluator = [dict(type="AveragePrecision"), dict(type="MultiLabelMetric", thr=0.5)]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best="multi-label/mAP", rule="greater"))
