"""step = dict(...): switches that change how fast a step is, and not what it computes."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.engine import StepOptimWrapper, StepOptions
from dmmix.models import MixupClassifier
from tests.engine.small import losses, model, runner

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return losses(runner(tmp_path_factory.mktemp("plain"), None))


# What a config may say


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"fused_optimiser": True}, r"step: unknown option 'fused_optimiser'.*'fused_optimizer'\?"),
        ({"channels_last": "yes"}, r"step: channels_last must be True or False, got 'yes'"),
        ({"precision": "fp8"}, r"step: precision must be 'fp32' or 'bf16' or 'fp16', got 'fp8'"),
        ({"compile": "max-autotune"}, r"step: compile must be .* or a dict, got 'max-auto"),
    ],
)
def test_bad_options(tmp_path, step, message):
    with pytest.raises(ValueError, match=message):
        StepOptions.from_cfg({"step": step})
    with pytest.raises(ValueError, match=message):  # before anything is built
        runner(tmp_path, step)


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match="only one of them"):
        StepOptions.from_cfg({"step": {"compile": True}, "compile": True})
    with pytest.raises(ValueError, match=r"precision must be .*, got 'fp8'"):
        StepOptimWrapper(torch.optim.SGD([torch.zeros(1)], lr=0.1), precision="fp8")
    with pytest.raises(ValueError, match=r"step.compile needs a model with .*, got Linear: leave"):
        StepOptions(compile=True).prepare(torch.nn.Linear(1, 1))
    assert StepOptions.from_cfg({}) == StepOptions(False, False, "fp32", False)


# What each switch does


def test_default_runtime_trains_to_the_same_losses(tmp_path, root, plain):
    from mmengine.config import Config

    step = Config.fromfile(root / "configs/_base_/default_runtime.py").step
    assert step.fused_optimizer
    assert step.channels_last
    found = losses(runner(tmp_path, step))
    assert_close(found[0], plain[0], rtol=1e-5, atol=1e-5)
    assert_close(found, plain, rtol=1e-2, atol=1e-2)  # rounding grows from step to step


@pytest.mark.parametrize(
    ("kind", "said"),
    [("SGD", {"fused": False}), ("SGD", {"foreach": True}), ("Lamb", {}), ("RMSprop", {})],
)
def test_other_optimizers_and_what_they_say_themselves_stay(kind, said):
    config = {"optimizer": {"type": kind, "lr": 0.1, **said}}
    changed = StepOptions(fused_optimizer=True, precision="bf16").optim_wrapper(config)
    assert changed["optimizer"] == config["optimizer"]
    assert config == {"optimizer": {"type": kind, "lr": 0.1, **said}}


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_fused_optimizer(tmp_path, plain, kind):
    run = runner(
        tmp_path, {"fused_optimizer": True}, optim_wrapper={"optimizer": {"type": kind, "lr": 0.1}}
    )
    run.train()
    assert run.optim_wrapper.optimizer.defaults["fused"] is True


@pytest.fixture
def extracted(monkeypatch):
    """The images that the network gets, and the features that it makes of them."""
    seen, extract = [], MixupClassifier.extract_feat

    def look(self, inputs, **kwargs):
        feats = extract(self, inputs, **kwargs)
        seen.append((inputs, feats[0]))
        return feats

    monkeypatch.setattr(MixupClassifier, "extract_feat", look)
    return seen


def test_channels_last_reaches_weights_and_images(tmp_path, extracted):
    run = runner(tmp_path, {"channels_last": True})
    run.train()
    last = {"memory_format": torch.channels_last}
    assert all(w.is_contiguous(**last) for w in run.model.parameters() if w.ndim == 4)
    assert [images.is_contiguous(**last) for images, _ in extracted] == [True] * 3
    momentum = [s["momentum_buffer"] for s in run.optim_wrapper.optimizer.state.values()]
    assert all(m.is_contiguous(**last) for m in momentum if m.ndim == 4)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_it_computes_in_16_bits_and_keeps_weights_in_fp32(
    tmp_path, extracted, plain, precision, dtype
):
    run = runner(tmp_path, {"precision": precision})
    found = losses(run)
    assert {feats.dtype for _, feats in extracted} == {dtype}
    assert all(w.dtype == torch.float32 for w in run.model.parameters())
    assert_close(found, plain, rtol=0.05, atol=0.05)


def test_a_precision_beside_another_wrapper_is_refused():
    config = {"type": "AmpOptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}}
    for kind in ("bf16", "fp16"):
        says = rf"precision='{kind}' does not go with .*AmpOptimWrapper"
        with pytest.raises(ValueError, match=says):
            StepOptions(precision=kind).optim_wrapper(config)
    assert StepOptions().optim_wrapper(config) == config


# Compiled steps. The backend that only traces shows that the graph is whole and right.

TRACED = {"fullgraph": True, "backend": "aot_eager"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "mix",
    [
        None,
        *({"type": name} for name in ("Mixup", "CutMix", "FMix", "SmoothMix", "ResizeMix")),
        *({"type": name} for name in ("SaliencyMix", "RegMixup", "GuidedMixup")),
        {"type": "CutMix", "min_area": 0.1, "max_area": 0.5},
        {"type": "GridMix", "grid": 2},
        {"type": "PuzzleMix", "block_num": [2, 4]},
        {"type": "RandomMix", "mixups": [{"type": "CutMix"}, {"type": "Mixup"}]},
        {
            "type": "RandomMix",
            "mixups": [{"type": "SnapMix"}, {"type": "HMix"}],
            "per_sample": True,
        },
    ],
    ids=lambda mix: mix["type"] if mix else "none",
)
def test_compiled_step_has_no_graph_break_and_the_same_losses(tmp_path, mix):
    torch._dynamo.reset()
    expected = losses(runner(tmp_path / "plain", None, model=model(mix)))
    found = losses(runner(tmp_path / "compiled", {"compile": TRACED}, model=model(mix)))
    assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mix", ["AlignMix", "ManifoldMix", "TransMix"])
def test_mixes_that_act_or_look_inside_the_network_are_not_compiled(tmp_path, mix):
    with pytest.raises(ValueError, match=f"step.compile does not go with {mix}"):
        runner(tmp_path, {"compile": True}, model=model({"type": mix}))


def test_a_copy_of_a_compiled_model_trains_itself(tmp_path):
    import copy

    run = runner(tmp_path, {"compile": {"backend": "eager"}})
    other = copy.deepcopy(run.model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    images, labels = torch.rand(4, 1, 8, 8), torch.arange(4)
    assert float(other.loss(images, labels)["loss_mixup"]) == pytest.approx(2.302585, abs=1e-5)
