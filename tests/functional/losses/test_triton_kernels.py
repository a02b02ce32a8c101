"""The Triton form against the readable one.

On a machine without a GPU the kernels run in Triton's interpreter, which has to be asked for
before they are defined: ``test_in_the_interpreter`` runs this file again in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

triton = pytest.importorskip("triton", reason="Triton is not installed")

from dmmix.functional import MixedLabels  # noqa: E402
from dmmix.functional.losses.kernels import triton_terms as kernels  # noqa: E402
from dmmix.functional.losses.kernels.eager import eager_terms  # noqa: E402
from dmmix.functional.losses.slots import plan_slots  # noqa: E402
from tests.laws.data import generator, mixed_batch  # noqa: E402

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}


@pytest.fixture(params=["interpreter", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    if request.param == "interpreter":
        if not INTERPRETED:
            pytest.skip("runs in a process of its own: test_in_the_interpreter")
        return torch.device("cpu")
    if INTERPRETED or not torch.cuda.is_available():
        pytest.skip("needs a CUDA device and compiled kernels")
    return torch.device("cuda")


@pytest.mark.skipif(INTERPRETED, reason="this is that process")
def test_in_the_interpreter():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout


def check_agreement(logits, labels, class_weight=None, upstream=(True, True), **options):
    """Values and gradients, with eager float64 as the yardstick."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    tolerance = TOLERANCE[logits.dtype]
    weights = torch.randn(2, len(logits), generator=generator(1), dtype=torch.float64)
    used = [index for index, use in enumerate(upstream) if use]

    def run(form, z, dtype):
        slots = plan_slots(labels, dtype=dtype, class_weight=class_weight, **options)
        terms = [form(z, slots, class_weight)[index] for index in used]
        upstream = [weights[index].to(z.device, dtype) for index in used]
        return *terms, torch.autograd.grad(terms, z, upstream)[0]

    got = run(kernels.triton_terms, logits.detach().requires_grad_(), dtype)
    want = run(eager_terms, logits.detach().double().requires_grad_(), torch.float64)
    assert got[-1].dtype == logits.dtype
    for mine, exact in zip(got, want, strict=True):
        assert torch.isfinite(mine).all()
        torch.testing.assert_close(mine.double(), exact, rtol=tolerance, atol=tolerance)


def draw(n, c, k, dtype, device):
    logits, labels = mixed_batch(n, c, k, seed=n + c + k)
    return logits.to(device, dtype), labels.to(device)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(("n", "c"), [(0, 5), (1, 2), (3, 3), (2, 70)])
def test_agrees_with_eager(monkeypatch, device, n, c, k):
    monkeypatch.setattr(kernels, "MAX_BLOCK", 32)
    check_agreement(*draw(n, c, k, torch.float64, device))


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_dtypes(device, dtype):
    check_agreement(*draw(3, 33, 2, dtype, device))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("upstream", [(True, False), (False, True), (True, True)])
def test_options(monkeypatch, device, weighted, smoothing, upstream):
    monkeypatch.setattr(kernels, "MAX_BLOCK", 16)
    logits, labels = draw(4, 40, 3, torch.float64, device)
    weight = torch.linspace(0.2, 2, 40, device=device) if weighted else None
    options = dict(label_smoothing=smoothing, min_share=0.1, decouple="more", rescale=(0.5, 0.8))
    check_agreement(logits, labels, weight, upstream, **options)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_extreme_logits(device, dtype):
    logits, labels = draw(4, 33, 2, dtype, device)
    for part in (labels.classes, (labels.classes + 7) % 33):
        for sign in (-1, 1):
            far = torch.zeros_like(logits).scatter(1, part, sign * 1e4)
            check_agreement(logits + far, labels)


def test_every_class_mixed_in(device):
    classes = torch.arange(3, device=device).expand(4, 3)
    labels = MixedLabels(classes, torch.full((4, 3), 1 / 3, device=device, dtype=torch.float64))
    check_agreement(draw(4, 3, 2, torch.float32, device)[0], labels)


def test_logits_that_are_not_contiguous(device):
    logits, labels = draw(4, 33, 2, torch.float64, device)
    check_agreement(logits.t().contiguous().t(), labels)
    check_agreement(torch.cat([logits, logits], 1)[:, :33], labels)


def test_a_class_out_of_range_is_nan(device):
    """Refusing it would mean to wait for the device; reading there would be worse."""
    logits, labels = draw(3, 33, 2, torch.float32, device)
    labels.classes[1, 0] = 10**6
    mixup, decoupled = kernels.triton_terms(logits, plan_slots(labels, dtype=torch.float32))
    assert (mixup + decoupled).isnan().tolist() == [False, True, False]


def test_second_derivative(device):
    logits, labels = draw(3, 5, 2, torch.float32, device)
    logits.requires_grad_()
    mixup, _ = kernels.triton_terms(logits, plan_slots(labels, dtype=torch.float32))
    (gradient,) = torch.autograd.grad(mixup.sum(), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="backend='eager'"):
        gradient.square().sum().backward()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("c", [1000, 21841])
def test_large(c, dtype):
    check_agreement(*draw(64, c, 2, dtype, "cuda"), label_smoothing=0.1)


# -- compiled without a GPU ------------------------------------------------------------------

POINTERS = {
    **dict.fromkeys(["logits", "grad"], "logits"),
    **dict.fromkeys(["target", "keep", "smoothing", "class_weight"], "sum"),
    **dict.fromkeys(["mixup", "decoupled", "kept", "g", "h"], "sum"),
    "classes": "i64",
    "once": "i1",
}


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled in the interpreter")
@pytest.mark.parametrize("name", ["_forward", "_backward"])
@pytest.mark.parametrize("smoothing", [False, True])
@pytest.mark.parametrize("dtypes", [("fp32", "fp32"), ("bf16", "fp32"), ("fp64", "fp64")])
def test_compiles_for_an_h200(tmp_path, monkeypatch, name, smoothing, dtypes):
    """Also a check that rows of 1000 classes are read in vectors of 16 bytes."""
    pytest.importorskip("triton", minversion="3.3")  # before, constants were named, not numbered
    compiler = pytest.importorskip("triton.compiler")
    target = pytest.importorskip("triton.backends.compiler")
    if not hasattr(compiler, "ASTSource") or not hasattr(target, "GPUTarget"):
        pytest.skip("this Triton compiles ahead of time in another way")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = getattr(kernels, name)
    constants = {"C": 1000, "K": 2, "LOWEST": -3.4e38, "BLOCK": 1024, "ALIGN": 8}
    if not smoothing:
        constants |= {"smoothing": None, "class_weight": None}
    types = {"logits": dtypes[0], "sum": dtypes[1], "i64": "i64", "i1": "i1"}
    signature = {
        arg: "constexpr"
        if arg in constants
        else f"*{types[POINTERS[arg]]}"
        if arg in POINTERS
        else "i32"
        for arg in kernel.arg_names
    }
    source = compiler.ASTSource(
        kernel,
        signature,
        {(kernel.arg_names.index(arg),): value for arg, value in constants.items()},
        {
            (index,): [["tt.divisibility", 16]]
            for index, arg in enumerate(kernel.arg_names)
            if signature[arg].startswith("*")
        },
    )
    compiled = triton.compile(source, target=target.GPUTarget("cuda", 90, 32))
    wide = "ld.global.v2.b64" if dtypes[0] == "fp64" else "ld.global.v4.b32"
    assert wide in compiled.asm["ptx"]
