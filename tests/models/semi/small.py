"""Networks small enough for loops, and batches for them."""

import torch
from mmengine.model import BaseModule
from torch import nn

#: Images of the tests: (ch, H, W), small enough that a linear layer sees each pixel.
SHAPE = (2, 4, 4)
CLASSES = 5


class Pixels(BaseModule):
    """A backbone whose features are the pixels: what comes out says which image went in."""

    def __init__(self, normalise: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(SHAPE[0]) if normalise else nn.Identity()
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen.append(images.detach().clone())
        return (self.norm(images).flatten(1),)


def make(kind, *, normalise=False, seed=0, **options):
    """A method around :class:`Pixels`, in float64 and training mode."""
    generator = torch.Generator().manual_seed(seed)
    model = kind(
        backbone=Pixels(normalise),
        head=dict(
            type="dmmix.DMLinearClsHead",
            num_classes=CLASSES,
            in_channels=SHAPE[0] * SHAPE[1] * SHAPE[2],
            loss=dict(type="dmmix.MixupCrossEntropyLoss"),
        ),
        **options,
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator).double() * 0.3)
    return model.train()


def batch(model, *, labelled=3, mu=2, seed=1):
    """Views, labels and numbers of the unlabelled images, random."""
    generator = torch.Generator().manual_seed(seed)
    inputs = {}
    for name, (stream, _) in model.views.items():
        n = labelled if stream == "labelled" else labelled * mu
        inputs[name] = torch.randn(n, *SHAPE, generator=generator).double()
    labels = torch.randint(CLASSES, (labelled,), generator=generator)
    index = torch.randperm(labelled * mu, generator=generator)
    return inputs, labels, index


def logits_of(model, images):
    """What it makes of images, as lists."""
    with torch.no_grad():
        return model.head((images.flatten(1),)).tolist()


def watch(mix):
    """The images, the labels and what was made of them, of each blend of a mix from here on."""
    made, blend = [], mix.blend

    def record(images, labels, *given):
        made.append((images, labels, blend(images, labels, *given)))
        return made[-1][-1]

    mix.blend = record
    return made


def total(losses):
    """What is minimised."""
    return sum(value for name, value in losses.items() if "loss" in name)
