"""The semi-supervised and transfer methods, each with what the laws need to know about it."""

from dataclasses import dataclass, field

import torch

from dmmix.models.semi import (
    UDA,
    FixMatch,
    FlexMatch,
    FlexThreshold,
    MeanTeacher,
    MixMatch,
    PiModel,
    PseudoLabel,
    ReMixMatch,
    Supervised,
)
from dmmix.models.transfer import BSS, CoTuning, SelfTuning
from tests.models.semi.small import CLASSES, SHAPE, batch, make

MIX = dict(mixup=dict(type="CutMix", alpha=0.5), threshold=0.3, mix_threshold=0.3)
SOURCE_HEAD = dict(type="dmmix.DMLinearClsHead", num_classes=7, in_channels=32)


@dataclass(frozen=True)
class Method:
    """A row.

    Attributes:
        options: with which it is small.
        all_count: with which each unlabelled image counts.
        targets: the views that only make targets.
        names: the parts that it names itself.
    """

    options: dict = field(default_factory=dict)
    all_count: dict = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


ALL = dict(threshold=0.0)
SMALL_QUEUES = dict(projection_dim=6, queue_size=4)
SQUARED = ("pseudo_labels", "consistency")
METHODS = {
    Supervised: Method(),
    PseudoLabel: Method(all_count=ALL, names=("masking",)),
    PiModel: Method(names=SQUARED),
    MeanTeacher: Method(targets=("weak2",), names=SQUARED),
    MixMatch: Method(),
    ReMixMatch: Method(),
    UDA: Method(all_count=ALL, targets=("weak",), names=(*SQUARED, "masking")),
    FixMatch: Method(all_count=ALL, targets=("weak",), names=("masking",)),
    FlexMatch: Method(all_count=ALL, targets=("weak",), names=("masking",)),
    BSS: Method(),
    CoTuning: Method(dict(source_head=SOURCE_HEAD)),
    SelfTuning: Method(SMALL_QUEUES, targets=("labelled2", "strong2")),
}


def build(kind, **options):
    """A method around a tiny network."""
    row = METHODS.get(kind, Method())
    return make(kind, **{**row.options, **options})


def ready(kind, **options):
    """A method and a batch, told what a runner would tell it."""
    model = build(kind, **options)
    inputs, labels, index = batch(model)
    tell(model, len(index))
    return model, inputs, labels, index


def tell(model, num_unlabelled):
    """What a runner tells before the first step."""
    if isinstance(getattr(model, "masking", None), FlexThreshold):
        model.masking.resize(num_unlabelled)
    if isinstance(model, CoTuning):
        images = torch.randn(CLASSES, *SHAPE, generator=torch.Generator().manual_seed(5))
        model.relate(images.to(model.head.fc.weight.dtype), torch.arange(CLASSES))
    else:
        model.start_training()
