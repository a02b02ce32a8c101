"""A small network for mixes that ask one, and a check that it is left as it was."""

from contextlib import contextmanager

import torch
from torch import nn

from dmmix.functional import Guide


def small_model(channels=3, classes=5, dtype=torch.float32):
    """Convolutions, BatchNorm with some history, dropout, pooling, a linear classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential()
        model.add_module("stem", nn.Conv2d(channels, 8, 3, stride=2, padding=1))
        model.add_module("norm", nn.BatchNorm2d(8))
        model.add_module("block", nn.Sequential(nn.ReLU(), nn.Conv2d(8, 6, 3, padding=1)))
        model.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        model.add_module("drop", nn.Dropout(0.5))
        model.add_module("fc", nn.Linear(6, classes))
        model.norm.running_mean.normal_()
        model.norm.running_var.uniform_(0.5, 2)
    return model.to(dtype).train()


def small_guide(model):
    return Guide(model, features="block", classifier="fc", stages=["stem", "block"])


@contextmanager
def left_alone(model):
    """Raises AssertionError unless nothing of the model changes inside."""
    model(torch.randn(2, model.stem.in_channels, 8, 8).to(model.fc.weight.dtype)).sum().backward()
    model.norm.eval()  # one module in another mode than the others
    model.fc.bias.requires_grad_(False)
    before = _state(model)
    yield
    after = _state(model)
    assert before.keys() == after.keys()
    for name, value in before.items():
        now = after[name]
        tensors = torch.is_tensor(value) and torch.is_tensor(now)
        assert torch.equal(value, now) if tensors else value is now or value == now, name


def _state(model):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name, p in model.named_parameters():
        state[f"{name}.grad"] = None if p.grad is None else p.grad.clone()
        state[f"{name}.requires_grad"] = p.requires_grad
    for name, module in model.named_modules():
        state[f"{name}.training"] = module.training
        state[f"{name}.hooks"] = len(module._forward_hooks)
    return state
