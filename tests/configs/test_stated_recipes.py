"""Every recipe has the numbers that it states: those of the paper's table of settings."""

from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

SMALL = {  # CIFAR: optimiser, learning rate, weight decay, batch, epochs
    "resnet18": ("SGD", 0.1, 1e-4, 100, 800),
    "resnext50": ("SGD", 0.1, 1e-4, 100, 800),
    "wrn28_8": ("SGD", 0.03, 1e-3, 100, 400),
    "deit_small": ("AdamW", 1e-3, 0.05, 100, 200),
    "swin_tiny": ("AdamW", 1e-3, 0.05, 100, 200),
    "convnext_tiny": ("AdamW", 1e-3, 0.05, 100, 200),
}
STATED = {
    **{f"cifar10/{name}": row for name, row in SMALL.items()},
    **{f"cifar100/{name}": row for name, row in SMALL.items()},
    "cifar100/resnet18_200e": ("SGD", 0.1, 1e-4, 100, 200),
    "cifar100/resnet18_400e": ("SGD", 0.1, 1e-4, 100, 400),
    "cifar100/resnext50_cutting": ("SGD", 0.1, 5e-4, 100, 800),
    "cifar100/resnext50_cutmix_dm": ("SGD", 0.1, 5e-4, 100, 800),
    "cifar100/deit_small_600e": ("AdamW", 1e-3, 0.05, 100, 600),
    "cifar100/swin_tiny_600e": ("AdamW", 1e-3, 0.05, 100, 600),
    "cifar100/convnext_tiny_600e": ("AdamW", 1e-3, 0.05, 100, 600),
    **{f"cifar100/resnet18_labels{n}": ("SGD", 0.1, 1e-4, 100, 800) for n in (15, 30, 50)},
    "cifar100/resnet18_mixup_dm": ("SGD", 0.1, 1e-4, 100, 800),
    "cifar100/resnet18_cutmix_dm": ("SGD", 0.1, 1e-4, 100, 800),
    "cifar100/deit_small_mixup_cutmix_dm": ("AdamW", 1e-3, 0.05, 100, 200),
    "tiny_imagenet/resnet18": ("SGD", 0.2, 1e-4, 100, 400),
    "tiny_imagenet/resnext50": ("SGD", 0.2, 1e-4, 100, 400),
    "tiny_imagenet/resnet18_cutmix_dm": ("SGD", 0.2, 1e-4, 100, 400),
    "imagenet/resnet18": ("SGD", 0.1, 1e-4, 256, 100),
    "imagenet/resnet34": ("SGD", 0.1, 1e-4, 256, 100),
    "imagenet/resnet50": ("SGD", 0.1, 1e-4, 256, 100),
    "imagenet/resnet50_mixup_dm": ("SGD", 0.1, 1e-4, 256, 100),
    "imagenet/resnet50_rsb_a3": ("Lamb", 0.008, 0.02, 2048, 100),
    "imagenet/resnet50_rsb_a3_mixup_cutmix_dm_bce": ("Lamb", 0.008, 0.02, 2048, 100),
    "imagenet/deit_small": ("AdamW", 1e-3, 0.05, 1024, 300),
    "imagenet/swin_tiny": ("AdamW", 1e-3, 0.05, 1024, 300),
    "imagenet/deit_small_mixup_cutmix_dm": ("AdamW", 1e-3, 0.05, 1024, 300),
    **{
        f"{data}/{name}": ("SGD", 0.001, 5e-4, 16, 200)
        for data in ("cub200", "fgvc_aircraft")
        for name in ("resnet18", "resnext50", "resnet18_mixup_dm")
    },
}
#: Experiments of ours: no rows of the paper, or rows run in another way.
EXPERIMENTS = {
    "cifar100/resnet18_200e_fast",
    "cifar100/resnet18_narrow_labels15",
    "fashion_mnist/resnet_small",
}
#: Mixes with DM: what is drawn, and the loss.
DM_CE, DM_CE_1 = dict(eta=0.1), dict(eta=1.0)
STATED_DM = {
    "cifar100/resnet18_mixup_dm": (("Mixup", 0.2), DM_CE),
    "cifar100/resnet18_cutmix_dm": (("CutMix", 0.2), DM_CE),
    "cifar100/resnext50_cutmix_dm": (("CutMix", 0.2), DM_CE),
    "cifar100/deit_small_mixup_cutmix_dm": ((0.8, 1.0), dict(eta=0.1, label_smoothing=0.1)),
    "tiny_imagenet/resnet18_cutmix_dm": (("CutMix", 0.2), DM_CE_1),
    "imagenet/resnet50_mixup_dm": (("Mixup", 0.2), DM_CE),
    "imagenet/resnet50_rsb_a3_mixup_cutmix_dm_bce": ((0.1, 1.0), dict(t=1.0, xi=0.8)),
    "imagenet/deit_small_mixup_cutmix_dm": ((0.8, 1.0), dict(eta=0.1, label_smoothing=0.1)),
    "cub200/resnet18_mixup_dm": (("Mixup", 0.2), DM_CE_1),
    "fgvc_aircraft/resnet18_mixup_dm": (("Mixup", 0.2), DM_CE_1),
}
BACKBONES = {
    ("cifar", "resnet18"): dict(type="ResNet_CIFAR", depth=18),
    ("cifar", "resnext50"): dict(type="ResNeXt_CIFAR", depth=50, groups=32, width_per_group=4),
    ("cifar", "wrn28_8"): dict(type="WideResNet", depth=28, widen_factor=8),
    ("cifar", "deit_small"): dict(type="VisionTransformer", img_size=224, drop_path_rate=0.1),
    ("cifar", "swin_tiny"): dict(type="SwinTransformer", img_size=224, drop_path_rate=0.1),
    ("cifar", "convnext_tiny"): dict(type="ConvNeXt_CIFAR", arch="tiny", drop_path_rate=0.1),
    ("tiny", "resnet18"): dict(type="ResNet_CIFAR", depth=18),
    ("tiny", "resnext50"): dict(type="ResNeXt_CIFAR", depth=50),
    ("", "resnet18"): dict(type="ResNet", depth=18),
    ("", "resnet34"): dict(type="ResNet", depth=34),
    ("", "resnet50"): dict(type="ResNet", depth=50),
    ("", "resnet50_rsb_a3"): dict(type="ResNet", depth=50, drop_path_rate=0.05),
    ("", "resnext50"): dict(type="ResNeXt", depth=50, groups=32, width_per_group=4),
    ("", "deit_small"): dict(type="VisionTransformer", arch="deit-small", drop_path_rate=0.1),
    ("", "swin_tiny"): dict(type="SwinTransformer", arch="tiny", drop_path_rate=0.1),
}


@cache
def load(name):
    return Config.fromfile(CONFIGS / f"{name}.py")


def test_every_recipe_is_looked_at():
    folders = ("_base_", "own", "quickstart", "semi", "sweeps", "transfer")
    found = {str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.py")}
    found = {name for name in found if name.split("/")[0] not in folders}
    assert found - EXPERIMENTS == set(STATED)


@pytest.mark.parametrize("name", STATED)
def test_training(name):
    cfg = load(name)
    kind, rate, decay, batch, epochs = STATED[name]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == (kind, rate, decay)
    assert cfg.auto_scale_lr.base_batch_size == batch
    # On one GPU, or on 8, or as the classical 4 of 64.
    assert batch / cfg.train_dataloader.batch_size in (1, 4, 8)
    assert cfg.train_cfg.max_epochs == epochs
    # An 800-epoch run writes 40 checkpoints and keeps two of them.
    checkpoint = cfg.default_hooks.checkpoint
    assert checkpoint.max_keep_ckpts == 2
    assert 10 <= epochs / checkpoint.interval <= 40


@pytest.mark.parametrize("name", STATED)
def test_model(name):
    folder, file = name.split("/")
    data = "cifar" if "cifar" in folder else "tiny" if "tiny" in folder else ""
    stem = max((s for d, s in BACKBONES if d == data and file.startswith(s)), key=len)
    backbone = load(name).model.backbone
    expected = BACKBONES[data, stem]
    assert {key: backbone.get(key) for key in expected} == expected
    head = load(name).model.head
    classes = dict(cifar10=10, cifar100=100, imagenet=1000, fgvc_aircraft=100)
    assert head.num_classes == classes.get(folder, 200)
    smoothing = 0.1 if stem in ("deit_small", "swin_tiny", "convnext_tiny") else 0
    assert head.loss.get("label_smoothing", 0) == smoothing


@pytest.mark.parametrize("name", STATED)
def test_mix_and_objective(name):
    """A recipe trains without a mix and with MCE; an experiment has the paper's alpha and eta."""
    cfg = load(name)
    loss = {key: value for key, value in cfg.model.head.loss.items() if key != "type"}
    if name not in STATED_DM:
        assert cfg.model.get("mixup") is None
        assert cfg.model.head.loss.type == "MixupCrossEntropyLoss"
        assert not {"mixup", "objective"} & set(cfg)
        return
    mix, expected = STATED_DM[name]
    mixup = cfg.model.mixup
    if mixup.type == "RandomMix":
        assert [each.type for each in mixup.mixups] == ["Mixup", "CutMix"]
        assert tuple(each.alpha for each in mixup.mixups) == mix
        assert mixup.probs == [0.5, 0.5]
    else:
        assert (mixup.type, mixup.alpha) == mix
    assert loss == expected
    assert cfg.model.head.loss.type == (
        "DecoupledMixupBCELoss" if "t" in expected else "DecoupledMixupLoss"
    )


def test_few_labels_and_weights_to_begin_with():
    for percent in (15, 30, 50):
        subset = load(f"cifar100/resnet18_labels{percent}").train_dataloader.dataset.subset
        assert subset == dict(label_fraction=percent / 100, seed=0)
    for data in ("cub200", "fgvc_aircraft"):
        for model in ("resnet18", "resnext50"):
            init = load(f"{data}/{model}").model.backbone.init_cfg
            assert init.type == "Pretrained"
            assert model in init.checkpoint
            assert init.checkpoint.endswith(".pth")


@pytest.mark.parametrize("data", ["cifar10", "cifar100"])
def test_augmentation_of_cifar(data):
    def transforms(base):
        path = CONFIGS / "_base_" / "datasets" / f"{base}.py"
        return Config.fromfile(path).data_preprocessor.batch_transforms

    crop = dict(type="BatchRandomCrop", crop_size=32, padding=4, padding_mode="reflect")
    flip = dict(type="BatchRandomFlip", prob=0.5)
    assert transforms(data) == [crop, flip]
    small, large = transforms(f"{data}_deit"), transforms(f"{data}_deit_224")
    assert small[:2] == [crop, flip]
    assert large[0].scale == 224
    assert small[1:] == large[1:]
    augment, erasing = small[2:]
    assert (augment.num_policies, augment.magnitude_level, augment.magnitude_std) == (2, 9, 0.5)
    assert erasing.erase_prob == 0.25
