"""alpha, eta, t and xi against values typed from the paper by hand."""

import pytest

from dmmix.experiments.paper.mixes import MIXES
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.paper.settings import loss_config, mix_config, recipe_settings

R18, TINY = "cifar100/resnet18.py", "tiny_imagenet/resnet18.py"
BASELINES = ("mce", "mbce", "two_hot")
DM = [name for name in OBJECTIVES if name not in BASELINES]


def eta(mixup, recipe):
    return loss_config("dm_ce", mixup, recipe)["eta"]


@pytest.mark.parametrize(
    ("mixup", "type", "baseline", "dm"),
    [
        ("mixup", "Mixup", 1.0, 0.2),
        ("cutmix", "CutMix", 0.2, 0.2),
        ("manifoldmix", "ManifoldMix", 2.0, 0.2),
        ("fmix", "FMix", 0.2, 0.2),
        ("saliencymix", "SaliencyMix", 0.2, 0.2),
        ("resizemix", "ResizeMix", 1.0, 1.0),
        ("puzzlemix", "PuzzleMix", 1.0, 2.0),
        # Not in the paper's tables: by its rule for the kind.
        ("gridmix", "GridMix", 0.2, 0.2),
        *(
            (name.lower(), name, 2.0, 2.0)
            for name in ("SnapMix", "TransMix", "CoMixup", "AlignMix")
        ),
    ],
)
def test_alpha(mixup, type, baseline, dm):
    for objectives, alpha in ((BASELINES, baseline), (DM, dm)):
        for objective in objectives:
            mix = mix_config(mixup, objective, R18)
            assert (mix["type"], mix["alpha"]) == (type, alpha), objective


def test_no_mix_and_no_alpha():
    assert mix_config("none", "mce", R18) is None
    for name, mix in {
        "smoothmix": dict(type="SmoothMix"),
        "attentivemix": dict(type="AttentiveMix", top_k=6, grid=7),
        "guidedmixup": dict(type="GuidedMixup"),
        "regmixup": dict(type="RegMixup", mixup=dict(type="Mixup", alpha=10.0), eta=1.0),
    }.items():
        assert mix_config(name, "dm_ce", R18) == mix_config(name, "mce", R18) == mix


def test_switched_mixes_have_the_alphas_of_the_recipe():
    alphas = {"imagenet/resnet50_rsb_a3.py": 0.1, "imagenet/deit_small.py": 0.8}
    alphas |= {"imagenet/swin_tiny.py": 0.8, "cifar100/deit_small.py": 0.8}
    for recipe, alpha in alphas.items():
        for name, other in (("mixup_cutmix", "CutMix"), ("mixup_transmix", "TransMix")):
            for objective in ("mce", "dm_ce", "dm_bce"):
                assert mix_config(name, objective, recipe) == dict(
                    type="RandomMix",
                    mixups=[dict(type="Mixup", alpha=alpha), dict(type=other, alpha=1.0)],
                    probs=[0.5, 0.5],
                )
    for objective, dynamic, mixup in (("mce", 1.0, 1.0), ("dm_ce", 2.0, 0.2)):
        parts = {"PuzzleMix": dynamic, "Mixup": mixup, "CutMix": 0.2}
        assert mix_config("puzzlemix_switched", objective, TINY) == dict(
            type="RandomMix",
            mixups=[dict(type=type, alpha=alpha) for type, alpha in parts.items()],
            probs=[0.5, 0.25, 0.25],
        )


STATIC = ("mixup", "cutmix", "manifoldmix", "fmix", "saliencymix", "resizemix", "mixup_cutmix")


@pytest.mark.parametrize(
    ("recipe", "static"),
    [
        *[("cifar10/resnet18.py", 0.1), (R18, 0.1), ("cifar100/resnext50.py", 0.1)],
        *[("cifar100/wrn28_8.py", 0.1), ("imagenet/resnet18.py", 0.1)],
        *[("imagenet/resnet50.py", 0.1), ("imagenet/deit_small.py", 0.1)],
        *[(TINY, 1.0), ("tiny_imagenet/resnext50.py", 0.1)],
        *[("cub200/resnet18.py", 1.0), ("cub200/resnext50.py", 0.1)],
        *[("fgvc_aircraft/resnet18.py", 1.0), ("fgvc_aircraft/resnext50.py", 0.1)],
        ("stanford_cars/resnet18.py", 1.0),
    ],
)
def test_eta(recipe, static):
    assert {eta(mixup, recipe) for mixup in STATIC} == {static}
    assert eta("puzzlemix", recipe) == eta("puzzlemix_switched", recipe) == 1.0


def test_losses_beside_dm_ce():
    """t and xi go by cutting or interpolating; some objectives have no rule of the mix."""
    cutting = ("cutmix", "fmix", "saliencymix", "resizemix", "puzzlemix", "gridmix", "my_own")
    for mixup in (*cutting, "mixup", "manifoldmix", "alignmix"):
        t, xi = (1.0, 0.8) if mixup in cutting else (0.5, 1.0)
        for objective, loss in {
            "dm_bce": dict(type="DecoupledMixupBCELoss", t=t, xi=xi),
            "mce": dict(type="MixupCrossEntropyLoss"),
            "mbce": dict(type="DecoupledMixupBCELoss", t=1.0, xi=1.0),
            "two_hot": dict(type="DecoupledMixupBCELoss", t=0.0, xi=1.0),
        }.items():
            assert loss_config(objective, mixup, R18) == loss
    assert eta("my_own", R18) == 0.1  # one's own counts as static, too


def test_the_official_variants():
    dm = dict(type="DecoupledMixupLoss", eta=1.0)
    assert loss_config("dm_ce", "cutmix", TINY) == dm
    for objective, mixup, more in [
        ("dm_ce_official", "cutmix", dict(rescale=(1.0, 0.8))),
        ("dm_ce_official", "mixup", dict(rescale=(0.5, 1.0))),
        ("dm_ce_official_more", "cutmix", dict(decouple="more")),
        ("dm_ce_official_less", "mixup", dict(decouple="less")),
        ("dm_ce_rescaled", "mixup", dict(rescale=(1.0, 1.0))),
    ]:
        assert loss_config(objective, mixup, TINY) == dict(dm, **more)


@pytest.mark.openmmlab
def test_all_types_and_their_arguments_exist():
    from dmmix.registry import MIXUPS, MODELS

    for name, row in MIXES.items():
        for objective in OBJECTIVES:
            MODELS.build(loss_config(objective, name, R18))
            mix = mix_config(name, objective, R18)
            assert (mix is None) == (row.type is None)
            assert mix is None or type(MIXUPS.build(mix)).__name__ == row.type


def test_weight_decay_of_cutting_mixes():
    decay = dict(optim_wrapper=dict(optimizer=dict(weight_decay=5e-4)))
    assert recipe_settings("cutmix", "cifar100/resnext50.py") == decay
    for mixup, recipe in (("mixup", "cifar100/resnext50.py"), ("cutmix", R18), ("none", TINY)):
        assert recipe_settings(mixup, recipe) == {}
