"""The losses compiled, and that they never wait for the device."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)
from tests.machine import needs_a_compiler

from .batches import random_batch

LOSSES = [
    (decoupled_mixup_cross_entropy, {}),
    (decoupled_mixup_cross_entropy, {"decouple": "less", "rescale": (1.0, 0.8), "min_share": 0.1}),
    (decoupled_mixup_cross_entropy, {"label_smoothing": 0.1, "reduction": "none"}),
    (mixup_cross_entropy, {}),
    (decoupled_mixup_bce, {}),
]


def name(parameter):
    """An id that is the same in every process; that of a function holds its address."""
    return getattr(parameter, "__name__", str(parameter))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=name)
def test_compiles_as_one_graph(function, options, soft):
    logits, labels = random_batch(6, 10, 2, repeats=False)
    classes, shares = labels.classes, labels.shares

    def step(z, classes, shares):
        labels = MixedLabels(classes, shares)
        return function(z, labels.dense(10) if soft else labels, **options)

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    out, expected = compiled(ours, classes, shares), step(theirs, classes, shares)
    assert_close(out, expected, atol=1e-9, rtol=1e-9)
    out.sum().backward()
    expected.sum().backward()
    assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=1e-9)


@pytest.mark.slow
@needs_a_compiler
@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_compiled_code_gives_the_same_numbers(function):
    logits, labels = random_batch(16, 100, 2)
    ours, theirs = (logits.float().requires_grad_() for _ in range(2))
    ours = ours.detach().clone().requires_grad_()
    labels = labels.to(torch.float32)
    torch._dynamo.reset()
    loss = torch.compile(function, fullgraph=True)(ours, labels)
    expected = function(theirs, labels)
    assert_close(loss, expected)
    loss.backward()
    expected.backward()
    assert_close(ours.grad, theirs.grad)


class ReadsOfValues(TorchDispatchMode):
    """Counts the operations that hand a tensor's value (or a data-dependent shape) to Python:
    on an accelerator each of them waits for the device."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal", "is_nonzero")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in self.NAMES:
            self.seen.append(name)
        return function(*args, **(kwargs or {}))


def test_the_count_of_reads_counts():
    with ReadsOfValues() as reads:
        torch.ones(3).nonzero()
        float(torch.ones(()))
    assert reads.seen == ["nonzero", "_local_scalar_dense"]


@pytest.mark.parametrize(("function", "options"), LOSSES, ids=name)
def test_no_value_is_read_by_the_loss(function, options):
    """Labels made beforehand with ``check=False``, as a mix makes them."""
    logits, labels = random_batch(6, 10, 2)
    logits.requires_grad_()
    labels = MixedLabels(labels.classes, labels.shares, check=False)
    with ReadsOfValues() as reads:
        function(logits, labels, **options).sum().backward()
    assert reads.seen == []


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=name)
def test_off_the_cpu_nothing_depends_on_a_value(function, options, soft):
    """Meta tensors have no values: whatever asks for one raises."""
    logits, labels = random_batch(6, 10, 2)
    labels = labels.dense(10) if soft else labels
    logits, labels = logits.to("meta").requires_grad_(), labels.to("meta")
    function(logits, labels, **options).sum().backward()
    assert logits.grad.shape == (6, 10)


@pytest.mark.cuda
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=name)
def test_no_synchronisation_on_a_gpu(function, options, soft):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    logits, labels = random_batch(6, 10, 2)
    logits, labels = logits.cuda().requires_grad_(), labels.to("cuda")
    labels = labels.dense(10) if soft else labels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss = function(logits, labels, **options).sum()
        loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    here = function(logits.detach().cpu(), labels.to("cpu"), **options).sum()
    assert_close(loss.detach().cpu(), here)
