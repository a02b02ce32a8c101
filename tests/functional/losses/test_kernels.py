"""The single-pass forms against the readable one, and what they promise beyond its numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy, decoupled_mixup_terms
from dmmix.functional.losses.kernels import cpu, dispatch
from tests.laws.data import generator, mixed_batch
from tests.pairwise import pairwise

TOLERANCE = {torch.float64: 1e-12, torch.float32: 3e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3}
DTYPES = list(TOLERANCE)


def draw(n, c, k, *, dtype=torch.float64, seed=0, scale=3.0):
    logits, labels = mixed_batch(n, c, k, seed=seed, scale=scale)
    return logits.to(dtype).requires_grad_(), labels


def values_and_gradient(logits, labels, backend, **options):
    terms = decoupled_mixup_terms(logits, labels, backend=backend, **options)
    weights = torch.randn(2, len(logits), generator=generator(1), dtype=torch.float64)
    weights = list(weights.to(terms.mixup.dtype))
    (gradient,) = torch.autograd.grad(list(terms), logits, weights)
    return *terms, gradient


def check_agreement(logits, labels, **options):
    tolerance = TOLERANCE[logits.dtype]
    want = values_and_gradient(logits, labels, "eager", **options)
    got = values_and_gradient(logits, labels, "single_pass", **options)
    for mine, readable in zip(got, want, strict=True):
        torch.testing.assert_close(mine, readable, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module", autouse=True, params=["few logits", "chunks"])
def form(request):
    """Both forms that the CPU has, whatever the number of logits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "FEW_LOGITS", 1 << 30 if request.param == "few logits" else 0)
        yield request.param


# -- agreement -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    *pairwise(n=[0, 1, 2, 7], c=[2, 3, 10, 1000], k=[1, 2, 3, 5], dtype=DTYPES), ids=str
)
def test_agrees_with_eager(n, c, k, dtype):
    check_agreement(*draw(n, c, k, dtype=dtype))


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_chunk_boundaries_and_all_options_in_low_precision(monkeypatch, rows, k, dtype):
    """In float64 they meet in :func:`test_agrees_for_any_labels_and_options`."""
    monkeypatch.setattr(cpu, "CHUNK_ELEMENTS", rows * 10)
    logits, labels = draw(7, 10, k, dtype=dtype)
    weight = torch.linspace(0.5, 1, 10)
    options = dict(min_share=0.1, label_smoothing=0.1, class_weight=weight, rescale=(1.0, 0.7))
    check_agreement(logits, labels, decouple="less", **options)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_class_mixed_in(dtype):
    """No class is left for ``o``: the decoupled terms are 0, and so are their gradients."""
    logits, _ = draw(3, 3, 3, dtype=dtype)
    labels = MixedLabels(torch.arange(3).expand(3, 3), torch.full((3, 3), 1 / 3))
    check_agreement(logits, labels)
    _, decoupled, _ = values_and_gradient(logits, labels, "single_pass")
    assert (decoupled == 0).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("where", ["mixed", "others", "everywhere"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_extreme_logits(dtype, where, sign):
    logits, labels = draw(7, 10, 2, dtype=dtype)
    extreme = torch.zeros(7, 10, dtype=torch.float64)
    if where == "mixed":
        extreme.scatter_(1, labels.classes, sign * 1e4)
    elif where == "others":
        extreme.fill_(sign * 1e4).scatter_(1, labels.classes, 0.0)
    else:
        extreme.uniform_(-1e4, 1e4, generator=generator(2))
    logits = (logits.detach() + extreme.to(dtype)).requires_grad_()
    got = values_and_gradient(logits, labels, "single_pass")
    # Eager float32 itself loses digits here: the yardstick is float64.
    want = values_and_gradient(logits.detach().double().requires_grad_(), labels, "eager")
    tolerance = TOLERANCE[dtype]
    for mine, exact in zip(got, want, strict=True):
        assert torch.isfinite(mine).all()
        torch.testing.assert_close(mine.double(), exact, rtol=tolerance, atol=tolerance)


def test_classes_that_are_ruled_out():
    """-inf is a logit, too: how a model says that a class is impossible."""
    logits, labels = draw(7, 10, 2)
    ruled_out = torch.zeros(7, 10, dtype=torch.bool)
    ruled_out[:, 3:6] = True
    ruled_out.scatter_(1, labels.classes, False)
    logits = logits.detach().masked_fill(ruled_out, -torch.inf).requires_grad_()
    for result in values_and_gradient(logits, labels, "single_pass"):
        assert torch.isfinite(result).all()
    check_agreement(logits, labels)


def test_nan_stays_nan():
    logits, labels = draw(3, 5, 2)
    logits = logits.detach()
    logits[1, int(4 - labels.classes[1, 0])] = torch.nan
    mixup, decoupled = decoupled_mixup_terms(logits, labels, backend="single_pass")
    assert mixup.isnan().tolist() == [False, True, False]
    assert not decoupled[0].isnan()


@settings(deadline=None, max_examples=80)
@given(
    n=st.integers(0, 6),
    c=st.integers(2, 12),
    k=st.integers(1, 5),
    seed=st.integers(0, 2**16),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e3]),
    min_share=st.sampled_from([0.0, 0.2, 0.4]),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    weighted=st.booleans(),
    decouple=st.sampled_from(["all", "more", "less"]),
    rescale=st.sampled_from([None, (0.0, 1.0), (0.5, 0.8), (2.0, 1.0)]),
    chunk=st.integers(1, 40),
)
def test_agrees_for_any_labels_and_options(
    n, c, k, seed, scale, min_share, smoothing, weighted, decouple, rescale, chunk
):
    logits, labels = draw(n, c, k, seed=seed, scale=scale)
    weight = torch.rand(c, generator=generator(seed)) if weighted else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "CHUNK_ELEMENTS", chunk)
        options = dict(min_share=min_share, label_smoothing=smoothing, class_weight=weight)
        check_agreement(logits, labels, decouple=decouple, rescale=rescale, **options)


@settings(deadline=None, max_examples=40)
@given(c=st.integers(3, 30), seed=st.integers(0, 2**16), shift=st.floats(-100, 100))
def test_a_shift_of_all_logits_changes_nothing(c, seed, shift):
    logits, labels = draw(4, c, 2, seed=seed)
    one = values_and_gradient(logits, labels, "single_pass")
    shifted = (logits.detach() + shift).requires_grad_()
    other = values_and_gradient(shifted, labels, "single_pass")
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    # ... so the gradients of a row sum to 0.
    torch.testing.assert_close(one[2].sum(1), torch.zeros(4).double(), rtol=0, atol=1e-12)


# -- how it is called ------------------------------------------------------------------------


def test_under_autocast():
    logits, labels = draw(7, 10, 2, dtype=torch.float32)
    weight = torch.linspace(0.5, 1.5, 10)
    options = dict(label_smoothing=0.1, class_weight=weight, backend="single_pass")
    plain = decoupled_mixup_terms(logits, labels, **options)
    with torch.autocast("cpu", torch.bfloat16):
        cast = decoupled_mixup_terms(logits, labels, **options)
    for a, b in zip(plain, cast, strict=True):
        assert torch.equal(a, b)


def test_accumulates_into_grad():
    logits, labels = draw(7, 10, 2)
    for _ in range(2):
        decoupled_mixup_cross_entropy(logits, labels, backend="single_pass").backward()
    once = logits.grad / 2
    logits.grad = None
    decoupled_mixup_cross_entropy(logits, labels, backend="eager").backward()
    torch.testing.assert_close(once, logits.grad, rtol=1e-12, atol=1e-12)


# -- which form is taken ---------------------------------------------------------------------


class Ops(TorchDispatchMode):
    """Names of the operations that run, and the sizes of the memory that they allocate."""

    def __init__(self):
        super().__init__()
        self.names, self.allocated = [], []
        self._known = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.__name__)
        result = function(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in _tensors((args, kwargs))}
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in given:
                self.allocated.append(storage.nbytes())
        return result


def _tensors(tree):
    return [t for t in torch.utils._pytree.tree_leaves(tree) if isinstance(t, torch.Tensor)]


def takes_single_pass(call):
    # A form of one pass is a single step of the backward pass, with a gradient of its own.
    return type(call().mixup.grad_fn).__name__.endswith("TermsBackward")


def test_auto_takes_the_single_pass():
    logits, labels = draw(7, 10, 2)
    assert takes_single_pass(lambda: decoupled_mixup_terms(logits, labels))
    assert not takes_single_pass(lambda: decoupled_mixup_terms(logits, labels, backend="eager"))


@pytest.mark.parametrize(
    ("few", "shape", "options"),
    [
        (True, (20, 10), {}),
        (True, (20, 10), dict(class_weight=torch.ones(10, dtype=torch.float64), k=3)),
        (False, (20, 10), dict(label_smoothing=0.1)),
        (False, (64, 257), {}),
    ],
)
def test_few_logits_have_a_form_of_their_own(monkeypatch, few, shape, options):
    monkeypatch.setattr(dispatch, "FEW_LOGITS", 64 * 256)
    monkeypatch.delattr(dispatch, "cpu_terms" if few else "small_terms")
    decoupled_mixup_terms(*draw(*shape, 2), **options)


def test_labels_that_need_a_gradient():
    logits, labels = draw(7, 10, 2)
    labels.shares = labels.shares.requires_grad_()
    decoupled_mixup_cross_entropy(logits, labels).backward()
    assert labels.shares.grad is not None
    with pytest.raises(ValueError, match=r"labels or class weights that need a gradient.*'eager'"):
        decoupled_mixup_cross_entropy(logits, labels, backend="single_pass")
    with torch.no_grad():
        decoupled_mixup_cross_entropy(logits, labels, backend="single_pass")


def test_function_transforms():
    logits, labels = draw(7, 10, 2)
    logits.requires_grad_(False)

    def loss(z, backend="auto"):
        return decoupled_mixup_cross_entropy(z, labels, backend=backend)

    gradient = torch.func.grad(loss)(logits)
    want = torch.autograd.grad(loss(logits.requires_grad_()), logits)[0]
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-12)
    batch = torch.func.vmap(loss)(torch.stack([logits, 2 * logits]).detach())
    torch.testing.assert_close(batch[0], loss(logits))
    with pytest.raises(ValueError, match=r"torch\.func"):
        torch.func.grad(lambda z: loss(z, "single_pass"))(logits)


def test_second_derivative():
    logits, labels = draw(3, 5, 2)

    def penalty(backend):
        loss = decoupled_mixup_cross_entropy(logits, labels, backend=backend)
        (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
        return gradient.square().sum()

    torch.testing.assert_close(penalty("single_pass"), penalty("eager"))
    penalty("eager").backward()
    with pytest.raises(RuntimeError, match="backend='eager'"):
        penalty("single_pass").backward()


def test_where_there_is_no_single_pass():
    logits = torch.empty(3, 5, device="meta")
    labels = MixedLabels(
        torch.zeros(3, 2, dtype=torch.long, device="meta"), torch.ones(3, 2, device="meta")
    )
    with pytest.raises(ValueError, match=r"logits on meta.*float32.*CUDA"):
        decoupled_mixup_terms(logits, labels, backend="single_pass")
    assert decoupled_mixup_terms(logits, labels).mixup.shape == (3,)


def test_subclasses_take_the_eager_form():
    class Tagged(torch.Tensor):
        pass

    logits, labels = draw(3, 5, 2)
    tagged = logits.detach().as_subclass(Tagged)
    assert not takes_single_pass(lambda: decoupled_mixup_terms(tagged, labels))
    with pytest.raises(ValueError, match="Tagged"):
        decoupled_mixup_terms(tagged, labels, backend="single_pass")


@pytest.mark.parametrize("backend", ["auto", "eager", "single_pass"])
@pytest.mark.parametrize("weight", [None, torch.ones(5)])
@pytest.mark.parametrize("bad", [5, -1])
def test_a_class_out_of_range_is_named(backend, weight, bad):
    logits, labels = draw(3, 5, 2)
    labels.classes[1, 1] = bad
    with pytest.raises(ValueError, match=rf"classes must be in \[0, 5\).*got {bad}"):
        decoupled_mixup_terms(logits, labels, backend=backend, class_weight=weight)


# -- what it costs ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_allocates_no_more_than_the_gradient_and_two_chunks(monkeypatch, dtype, smoothing):
    monkeypatch.setattr(dispatch, "FEW_LOGITS", 0)
    monkeypatch.setattr(cpu, "CHUNK_ELEMENTS", 1000)
    n, c = 64, 500
    logits, labels = draw(n, c, 2, dtype=dtype)
    options = dict(label_smoothing=smoothing, class_weight=torch.ones(c))
    for chunks in (2, 1):  # which are kept: the second time there are none
        with Ops() as ops:
            decoupled_mixup_cross_entropy(logits, labels, **options).backward()
        size = n * c * logits.element_size()
        assert [each for each in ops.allocated if each >= size] == [size]
        assert sorted(ops.allocated)[-2] <= chunks * 1000 * 4
    with torch.no_grad(), Ops() as ops:  # nothing is kept where nothing learns
        decoupled_mixup_cross_entropy(logits, labels, **options)
    assert max(ops.allocated, default=0) < size


def test_chunks_made_in_inference_mode_serve_training_too(monkeypatch):
    monkeypatch.setattr(cpu, "_kept", cpu._Kept())
    logits, labels = draw(7, 10, 2)
    with torch.inference_mode():
        value = decoupled_mixup_cross_entropy(logits, labels)
    loss = decoupled_mixup_cross_entropy(logits, labels)
    loss.backward()
    assert torch.equal(value, loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_backward_twice_gives_the_same_gradient(dtype):
    """The first backward makes the gradient where the forward kept what it needs for it."""
    logits, labels = draw(64, 500, 2, dtype=dtype)
    loss = decoupled_mixup_cross_entropy(logits, labels, label_smoothing=0.1)
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    kept = first.clone()
    first.zero_()  # a gradient is the caller's to change
    third = torch.autograd.grad(loss, logits)[0]
    assert torch.equal(kept, second)
    assert torch.equal(kept, third)


def test_threads_do_not_share_chunks():
    batches = [draw(64, 500, 2, seed=seed) for seed in range(4)]
    expected = [decoupled_mixup_cross_entropy(*batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            got = list(pool.map(lambda batch: decoupled_mixup_cross_entropy(*batch), batches))
            assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
