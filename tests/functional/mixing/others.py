"""The shares that other implementations of the mixes give."""

import warnings

import pytest
import torch


def same_distribution(ours, theirs):
    stats = pytest.importorskip("scipy.stats")
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def _prepared(module):
    compat = pytest.importorskip("dmmix.compat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compat.prepare()
        return pytest.importorskip(module)


def torchvision_v2():
    return _prepared("torchvision.transforms.v2")


def torchvision_shares(transform, size, draws=1500):
    images, labels = torch.zeros(2, 1, *size), torch.tensor([0, 1])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [transform(images, labels)[1][0, 0].item() for _ in range(draws)]


def timm_shares(size, draws=1500, **options):
    data, np = _prepared("timm.data.mixup"), pytest.importorskip("numpy")
    mix = data.Mixup(label_smoothing=0.0, num_classes=2, mode="batch", **options)
    labels, before = torch.tensor([0, 1]), np.random.get_state()
    np.random.seed(0)
    try:
        return [mix(torch.zeros(2, 1, *size), labels)[1][0, 0].item() for _ in range(draws)]
    finally:
        np.random.set_state(before)
