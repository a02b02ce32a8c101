# Self-Tuning of a ResNet-18 with pretrained weights on images of your own, 224 x 224, of which few
# have labels: dmmix train own/selftuning --data FOLDER (with a folder unlabelled), or
# --labels-per-class 10
_base_ = "./bss.py"

model = dict(type="SelfTuning")
train_dataloader = dict(dataset=dict(unlabelled="rest", views=2))
