"""The sweeps that come with dmmix: how many cells, and published numbers typed from the paper."""

import pytest

from dmmix.experiments.grid.cell import cells_of
from dmmix.experiments.grid.sweep_file import read_sweep

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


@pytest.mark.parametrize("name", SWEEPS)
def test_number_of_cells(name, shipped):
    assert len(shipped(name)) == SWEEPS[name]


PUBLISHED = [
    ("cifar_tiny", "c100_r18-mixup-mce-s0", 79.12),
    ("cifar_tiny", "c100_wrn-resizemix-dm_ce-s1", 84.72),
    ("cifar_tiny", "tiny_r18-saliencymix-dm_ce-s0", 66.56),
    ("cifar100_epochs", "none-mce-200ep-s0", 76.42),
    ("cifar100_epochs", "puzzlemix-mce-800ep-s2", 81.13),
    ("deit", "deit_s-mixup_cutmix-dm_ce-s0", 80.37),
    ("deit", "swin_t-puzzlemix-dm_ce-s0", 81.16),
    ("eta", "mixup-dm_ce-eta2.0-s0", 77.7),
    ("eta", "cutmix-dm_ce-eta0.01-s0", 78.4),
    ("few_labels_cifar100", "frac0.3-cutmix-dm_ce-s0", 57.14),
    ("fine_grained", "air_r18-resizemix-mce-s0", 78.10),
    ("dynamic_switched", "c100_wrn-puzzlemix_switched-dm_ce-s0", 85.61),
    ("dynamic_switched", "tiny_rx50-puzzlemix-mce-s1", 67.83),
    ("r18_400_epochs", "c100_r18-manifoldmix-dm_ce-s0", 81.06),
    ("r18_400_epochs", "tiny_r18-puzzlemix-dm_ce-s0", 66.13),
    ("imagenet", "r34-none-mce-s0", 73.85),
    ("vit_cifar100", "convnext_t-puzzlemix-mce-600ep-s0", 84.17),
    ("headline", "mixup-mce-s0", 78.52),
    ("headline", "cutmix-mce-s2", 79.45),
    ("headline", "cutmix-dm_ce-s0", None),
    ("imagenet", "r18-resizemix-dm_ce-s0", 69.90),
    ("rsb_a3", "cutmix-two_hot-s0", 67.54),
    ("vit_cifar100", "deit_s-mixup_cutmix-dm_ce-600ep-s0", 79.92),
    ("vit_cifar100", "convnext_t-mixup_cutmix-dm_ce-200ep-s0", 83.44),
    ("fashion_mnist_length", "short-mixup-mce-100perclass-s0", None),
    ("few_labels_cifar100_small", "cutmix-mce-s0", None),
    ("quickstart_digits", "mixup-dm_ce-s0", None),
    ("semi_cifar10", "fixmatch-40-s0", None),
    ("semi_cifar10", "fixmatch_dm-4000-s2", 95.87),
    ("semi_cifar100", "flexmatch-2500-s1", 73.51),
    ("semi_digits", "mixmatch_dm-s4", None),
    ("semi_fashion_mnist", "fixmatch_mixup-s3", None),
    ("transfer", "cars-self_tuning_dm-frac0.5-s2", 91.26),
    ("asymmetrical_strategy", "dm_as-frac0.5-s2", 77.68),
]


def test_the_split_goes_with_the_seed(shipped):
    for name in ("semi_cifar10", "semi_digits", "semi_fashion_mnist"):
        several = shipped(name).values()
        splits = {(cell.point["seed"], cell.point.get("labels")): cell for cell in several}
        for cell in splits.values():
            subset = cell.merged.train_dataloader.dataset.subset
            assert subset.seed == cell.merged.randomness.seed == int(cell.point["seed"])
            if "labels" in cell.point:
                assert subset.num_labels == int(cell.point["labels"])


@pytest.mark.parametrize(("sweep", "cell", "value"), PUBLISHED)
def test_published_numbers(sweep, cell, value, shipped):
    found = shipped(sweep)[cell]
    assert found.sweep.published_value(found.point) == value


def test_every_sweep_file_is_here(root):
    files = {path.stem for path in (root / "configs" / "sweeps").glob("*.py")}
    assert files == set(SWEEPS) == {sweep for sweep, *_ in PUBLISHED}


@pytest.mark.parametrize(
    "name", ["cifar_tiny", "cifar100_epochs", "deit", "fine_grained", "imagenet", "rsb_a3"]
)
def test_numbers_of_mixes_that_are_not_built_are_told(name, shipped):
    sweep = next(iter(shipped(name).values())).sweep
    assert sweep.published.without_cell() == ["automix", "samix"]


def test_numbers_of_other_protocols_are_told(shipped):
    """Published numbers of semi-supervised rows stood beside ours as if they were of the same."""
    for name in ("semi_cifar10", "semi_cifar100", "transfer", "asymmetrical_strategy"):
        cell = next(iter(shipped(name).values()))
        assert "nobody's" in cell.description()["published_note"]
    few = next(iter(shipped("few_labels_cifar100").values())).sweep
    assert "our choice" in few.published.note
    assert next(iter(shipped("cifar_tiny").values())).description()["published_note"] is None


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
