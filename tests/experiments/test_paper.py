"""alpha, eta, t and xi, and the published numbers, against values typed from the paper by hand."""

import pytest

from dmmix.experiments.grid.cell import cells_of
from dmmix.experiments.grid.sweep_file import read_sweep
from dmmix.experiments.paper import MIXES, OBJECTIVES, loss_config, mix_config

R18, TINY = "cifar100/resnet18.py", "tiny_imagenet/resnet18.py"
DM = ("dm_ce", "dm_bce", "dm_ce_official", "dm_ce_official_more", "dm_ce_official_less")
BASELINES = ("mce", "mbce", "two_hot")


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
    ],
)
def test_alpha(mixup, type, baseline, dm):
    for objectives, alpha in ((BASELINES, baseline), (DM, dm)):
        for objective in objectives:
            mix = mix_config(mixup, objective, R18)
            assert (mix["type"], mix["alpha"]) == (type, alpha), objective


def test_no_mix():
    assert mix_config("none", "mce", R18) is None


@pytest.mark.parametrize(
    ("recipe", "mixup_alpha"),
    [
        ("imagenet/resnet50_rsb_a3.py", 0.1),
        ("imagenet/deit_small.py", 0.8),
        ("imagenet/swin_tiny.py", 0.8),
        ("cifar100/deit_small.py", 0.8),
    ],
)
def test_switched_mixes_have_the_alphas_of_the_recipe(recipe, mixup_alpha):
    for name, other in (("mixup_cutmix", "CutMix"), ("mixup_transmix", "TransMix")):
        for objective in ("mce", "dm_ce", "dm_bce"):
            assert mix_config(name, objective, recipe) == dict(
                type="RandomMix",
                mixups=[dict(type="Mixup", alpha=mixup_alpha), dict(type=other, alpha=1.0)],
                probs=[0.5, 0.5],
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
    assert eta("puzzlemix", recipe) == 1.0


@pytest.mark.parametrize(
    ("mixups", "t", "xi"),
    [
        (("cutmix", "fmix", "saliencymix", "resizemix", "puzzlemix", "gridmix"), 1.0, 0.8),
        (("mixup", "manifoldmix", "alignmix"), 0.5, 1.0),
    ],
)
def test_t_and_xi_go_by_cutting_or_interpolating(mixups, t, xi):
    for mixup in mixups:
        loss = loss_config("dm_bce", mixup, R18)
        assert loss == dict(type="DecoupledMixupBCELoss", t=t, xi=xi)


def test_objectives_without_a_rule_of_the_mix():
    for mixup in ("mixup", "cutmix"):
        for objective, loss in {
            "mce": dict(type="MixupCrossEntropyLoss"),
            "mbce": dict(type="DecoupledMixupBCELoss", t=1.0, xi=1.0),
            "two_hot": dict(type="DecoupledMixupBCELoss", t=0.0, xi=1.0),
        }.items():
            assert loss_config(objective, mixup, R18) == loss


def test_the_official_variants():
    dm = dict(type="DecoupledMixupLoss", eta=1.0)
    assert loss_config("dm_ce", "cutmix", TINY) == dm
    for objective, mixup, more in [
        ("dm_ce_official", "cutmix", dict(rescale=(1.0, 0.8))),
        ("dm_ce_official", "mixup", dict(rescale=(0.5, 1.0))),
        ("dm_ce_official_more", "cutmix", dict(decouple="more")),
        ("dm_ce_official_less", "mixup", dict(decouple="less")),
    ]:
        assert loss_config(objective, mixup, TINY) == dict(dm, **more)


def test_a_mix_of_ones_own_counts_as_static_and_cutting():
    assert eta("my_own", R18) == 0.1
    assert loss_config("dm_bce", "my_own", R18)["xi"] == 0.8


def test_all_types_and_their_arguments_exist():
    from dmmix.registry import MIXUPS, MODELS

    for name in MIXES:
        for objective in OBJECTIVES:
            MIXUPS.build(mix_config(name, objective, R18))
            MODELS.build(loss_config(objective, name, R18))


# The sweep files: how many cells, and some numbers of each

SWEEPS = {
    "cifar_tiny": 210,
    "cifar100_epochs": 72,
    "deit": 84,
    "eta": 30,
    "fashion_mnist_length": 70,
    "few_labels_cifar100": 81,
    "few_labels_cifar100_small": 15,
    "dynamic_switched": 24,
    "fine_grained": 168,
    "headline": 12,
    "imagenet": 135,
    "quickstart_digits": 12,
    "r18_400_epochs": 48,
    "rsb_a3": 120,
    "semi_cifar10": 81,
    "semi_cifar100": 81,
    "asymmetrical_strategy": 45,
    "semi_digits": 40,
    "semi_fashion_mnist": 30,
    "transfer": 216,
    "vit_cifar100": 144,
}


@pytest.fixture
def shipped(root, tmp_path):
    """By name, the cells of a sweep file of the repository."""

    def read(name):
        sweep = read_sweep(root / "configs" / "sweeps" / f"{name}.py")
        return {cell.name: cell for cell in cells_of(sweep, tmp_path / name)}

    return read


def test_every_sweep_file_is_here(root):
    assert {path.stem for path in (root / "configs" / "sweeps").glob("*.py")} == set(SWEEPS)


@pytest.mark.parametrize("name", SWEEPS)
def test_number_of_cells(name, shipped):
    assert len(shipped(name)) == SWEEPS[name]


PUBLISHED = [
    ("cifar_tiny", "c100_r18-mixup-mce-s0", 79.12),
    ("cifar_tiny", "c100_r18-mixup-dm_ce-s2", 80.44),
    ("cifar_tiny", "c100_rx50-cutmix-dm_ce-s0", 82.39),
    ("cifar_tiny", "c100_wrn-resizemix-mce-s1", 84.87),
    ("cifar_tiny", "c100_wrn-resizemix-dm_ce-s1", 84.72),
    ("cifar_tiny", "tiny_r18-saliencymix-dm_ce-s0", 66.56),
    ("cifar_tiny", "tiny_rx50-puzzlemix-mce-s0", 67.83),
    ("cifar100_epochs", "none-mce-200ep-s0", 76.42),
    ("cifar100_epochs", "cutmix-mce-400ep-s1", 79.58),
    ("cifar100_epochs", "puzzlemix-mce-800ep-s2", 81.13),
    ("deit", "deit_s-mixup_cutmix-dm_ce-s0", 80.37),
    ("deit", "swin_t-fmix-mce-s0", 80.37),
    ("deit", "swin_t-puzzlemix-dm_ce-s0", 81.16),
    ("eta", "mixup-dm_ce-eta2.0-s0", 77.7),
    ("eta", "mixup-dm_ce-eta0.1-s0", 80.44),
    ("eta", "cutmix-dm_ce-eta0.01-s0", 78.4),
    ("few_labels_cifar100", "frac0.15-none-mce-s0", 42.48),
    ("few_labels_cifar100", "frac0.3-cutmix-dm_ce-s0", 57.14),
    ("few_labels_cifar100", "frac0.5-puzzlemix-mce-s0", 64.74),
    ("fine_grained", "cub_r18-mixup-dm_ce-s0", 79.90),
    ("fine_grained", "cub_rx50-fmix-mce-s0", 84.06),
    ("fine_grained", "air_r18-resizemix-mce-s0", 78.10),
    ("fine_grained", "air_rx50-manifoldmix-dm_ce-s0", 86.92),
    ("fine_grained", "cub_rx50-saliencymix-dm_ce-s0", 84.51),
    ("fine_grained", "air_r18-puzzlemix-mce-s2", 80.76),
    ("dynamic_switched", "c100_wrn-puzzlemix_switched-dm_ce-s0", 85.61),
    ("dynamic_switched", "tiny_rx50-puzzlemix-mce-s1", 67.83),
    ("r18_400_epochs", "c100_r18-manifoldmix-dm_ce-s0", 81.06),
    ("r18_400_epochs", "tiny_r18-puzzlemix-dm_ce-s0", 66.13),
    ("imagenet", "r34-none-mce-s0", 73.85),
    ("vit_cifar100", "convnext_t-puzzlemix-mce-600ep-s0", 84.17),
    ("vit_cifar100", "deit_s-smoothmix-mce-600ep-s0", 80.25),
    ("vit_cifar100", "convnext_t-attentivemix-mce-200ep-s0", 82.59),
    ("headline", "mixup-mce-s0", 78.52),
    ("headline", "cutmix-mce-s2", 79.45),
    ("headline", "cutmix-dm_ce-s0", None),
    ("imagenet", "r18-resizemix-dm_ce-s0", 69.90),
    ("imagenet", "r34-puzzlemix-mce-s0", 74.26),
    ("imagenet", "r50-mixup-dm_ce-s0", 77.41),
    ("rsb_a3", "mixup-mce-s0", 76.01),
    ("rsb_a3", "cutmix-two_hot-s0", 67.54),
    ("rsb_a3", "saliencymix-dm_ce-s0", 77.25),
    ("rsb_a3", "puzzlemix-mbce-s0", 78.02),
    ("rsb_a3", "mixup_cutmix-dm_bce-s0", 78.43),
    ("vit_cifar100", "deit_s-none-mce-200ep-s0", 65.81),
    ("vit_cifar100", "deit_s-mixup_cutmix-dm_ce-600ep-s0", 79.92),
    ("vit_cifar100", "deit_s-mixup_transmix-mce-600ep-s0", 79.33),
    ("vit_cifar100", "convnext_t-mixup_cutmix-dm_ce-200ep-s0", 83.44),
    ("fashion_mnist_length", "short-mixup-mce-100perclass-s0", None),
    ("few_labels_cifar100_small", "cutmix-mce-s0", None),
    ("quickstart_digits", "mixup-dm_ce-s0", None),
    ("semi_cifar10", "fixmatch-40-s0", None),
    ("semi_cifar10", "mixmatch_dm-250-s1", 89.16),
    ("semi_cifar10", "fixmatch_dm-4000-s2", 95.87),
    ("semi_cifar100", "fixmatch-400-s0", 53.58),
    ("semi_cifar100", "flexmatch-2500-s1", 73.51),
    ("semi_cifar100", "fixmatch_mixup-10000-s2", 78.75),
    ("semi_digits", "mixmatch_dm-s4", None),
    ("semi_fashion_mnist", "fixmatch_mixup-s3", None),
    ("transfer", "cub-fine_tuning-frac0.15-s0", 45.25),
    ("transfer", "aircraft-co_tuning_dm-frac0.3-s1", 65.60),
    ("transfer", "cars-self_tuning_dm-frac0.5-s2", 91.26),
    ("asymmetrical_strategy", "mce_labelled-frac0.15-s0", 59.04),
    ("asymmetrical_strategy", "dm_as-frac0.5-s2", 77.68),
]


def test_the_split_goes_with_the_seed(shipped):
    for name in ("semi_cifar10", "semi_digits", "semi_fashion_mnist"):
        for cell in shipped(name).values():
            subset = cell.merged.train_dataloader.dataset.subset
            assert subset.seed == cell.merged.randomness.seed == int(cell.point["seed"])
            if "labels" in cell.point:
                assert subset.num_labels == int(cell.point["labels"])


@pytest.mark.parametrize(("sweep", "cell", "value"), PUBLISHED)
def test_published_numbers(sweep, cell, value, shipped):
    found = shipped(sweep)[cell]
    assert found.sweep.published_value(found.point) == value


def test_numbers_are_spot_checked_in_every_file():
    assert {sweep for sweep, *_ in PUBLISHED} == set(SWEEPS)


@pytest.mark.parametrize(
    "name", ["cifar_tiny", "cifar100_epochs", "deit", "fine_grained", "imagenet", "rsb_a3"]
)
def test_numbers_of_mixes_that_are_not_built_are_told(name, shipped):
    sweep = next(iter(shipped(name).values())).sweep
    assert sweep.published_without_cell() == ["automix", "samix"]


def test_numbers_of_other_protocols_are_told(shipped):
    """Published numbers of semi-supervised rows stood beside ours as if they were of the same."""
    for name in ("semi_cifar10", "semi_cifar100", "transfer", "asymmetrical_strategy"):
        cell = next(iter(shipped(name).values()))
        assert "nobody's" in cell.description()["published_note"]
    few = next(iter(shipped("few_labels_cifar100").values())).sweep
    assert "our choice" in few.published_note
    assert next(iter(shipped("cifar_tiny").values())).description()["published_note"] is None


def test_switched_with_static_mixes():
    for objective, dynamic, mixup in (("mce", 1.0, 1.0), ("dm_ce", 2.0, 0.2)):
        assert mix_config("puzzlemix_switched", objective, TINY) == dict(
            type="RandomMix",
            mixups=[
                dict(type="PuzzleMix", alpha=dynamic),
                dict(type="Mixup", alpha=mixup),
                dict(type="CutMix", alpha=0.2),
            ],
            probs=[0.5, 0.25, 0.25],
        )
    assert eta("puzzlemix_switched", R18) == 1.0


def test_weight_decay_of_cutting_mixes_with_resnext_on_cifar100(shipped):
    cells = shipped("cifar_tiny")
    for name, decay in {
        "c100_rx50-cutmix-mce-s0": 5e-4,
        "c100_rx50-puzzlemix-dm_ce-s0": 5e-4,
        "c100_rx50-mixup-dm_ce-s0": 1e-4,
        "c100_rx50-manifoldmix-mce-s0": 1e-4,
        "c100_r18-cutmix-mce-s0": 1e-4,
        "tiny_rx50-cutmix-mce-s0": 1e-4,
        "c100_wrn-cutmix-mce-s0": 1e-3,
    }.items():
        assert cells[name].merged.optim_wrapper.optimizer.weight_decay == decay, name
