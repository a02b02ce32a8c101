"""What a guide answers, against loops over samples; and that the model is as it was."""

from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from dmmix.functional import Guide, MixedLabels

from .asking import Watch, acting, assert_same_state, state_of, watching

N, CH, SIZE, CLASSES = 4, 3, (6, 9), 5


class Net(nn.Module):
    """Convolutions with all that must not notice: BatchNorm, dropout, a frozen layer."""

    def __init__(self, ch=CH):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(ch, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh())
        self.body = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.Softplus())
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(6, CLASSES)
        self.stem[0].bias.requires_grad_(False)
        for norm in (self.stem[1], self.body[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)

    def forward(self, images):
        return self.fc(self.drop(self.body(self.stem(images)).mean((2, 3))))


class Transformer(nn.Module):
    """Queries, keys and values of a class token and of patches of 3 x 3."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(CH, 8, 3, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.qkv = nn.Linear(8, 24)
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, images):
        tokens = self.patch(images).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(tokens), 1, 8), tokens], 1)
        return self.fc(self.qkv(tokens).mean(1))


def net(dtype=torch.float64, train=True, kind=Net):
    torch.manual_seed(0)
    return kind().to(dtype).train(train)


def guide(model=None, **options):
    names = dict(features="body", classifier="fc", stages=("stem", "body"))
    return Guide(net() if model is None else model, **{**names, **options})


def batch(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, CH, *SIZE, generator=generator, dtype=dtype), torch.arange(N)


def mixed_labels():
    shares = torch.tensor([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    return MixedLabels(torch.tensor([[0, 1], [1, 2], [3, 3], [4, 0]]), shares)


def smoothed_labels():
    labels = mixed_labels()
    return MixedLabels(labels.classes, labels.shares, torch.tensor([0.0, 0.1, 0.3, 1.0]).double())


LABELS = {
    "integers": lambda: torch.tensor([3, 1, 0, 4]),
    "int32": lambda: torch.tensor([3, 1, 0, 4], dtype=torch.int32),
    "mixed": mixed_labels,
    "smoothed": smoothed_labels,
    "dense": lambda: mixed_labels().dense(CLASSES),
    "dense float32": lambda: mixed_labels().dense(CLASSES).float(),
}
every_label = pytest.mark.parametrize("make", LABELS.values(), ids=LABELS.keys())


def dense(labels):
    if isinstance(labels, MixedLabels):
        return labels.dense(CLASSES)
    return labels.double() if labels.is_floating_point() else F.one_hot(labels.long(), CLASSES)


def gradient_by_loop(model, images, labels):
    """One sample at a time, in evaluation mode, with ``backward``."""
    modes = [m.training for m in model.modules()]
    model.eval()
    found = []
    for image, label in zip(images, dense(labels), strict=True):
        pixels = image[None].clone().requires_grad_()
        loss = -(label * model(pixels)[0].log_softmax(0)).sum()
        loss.backward()
        found.append(pixels.grad[0])
    model.zero_grad()
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    return torch.stack(found)


QUESTIONS = {
    "logits": lambda g, x, y: g.logits(x),
    "gradient": lambda g, x, y: g.gradient(x, y),
    "saliency": lambda g, x, y: g.saliency(x, y),
    "features": lambda g, x, y: g.features(x),
    "activation": lambda g, x, y: g.activation(x, y),
}
every_question = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS.keys())


# -- answers ---------------------------------------------------------------------------------------


@every_label
def test_gradient_and_saliency_are_those_of_a_loop_over_samples(make):
    model, (images, _) = net(), batch()
    expected = gradient_by_loop(model, images, make())
    wants = images.clone().requires_grad_()
    found = guide(model).gradient(wants, make())
    assert wants.grad is None
    assert not found.requires_grad
    assert found.dtype == torch.float64
    assert_close(found, expected, rtol=1e-10, atol=1e-13)
    rms = sum(gradient**2 for gradient in expected.unbind(1)) / CH
    assert_close(guide(model).saliency(images, make()), rms**0.5, rtol=1e-10, atol=1e-13)
    with torch.inference_mode():  # also of labels made in there
        assert_close(guide(model).gradient(images, make()), found)


def test_logits_features_and_activation_are_those_of_evaluation():
    model, (images, _) = net(), batch()
    copy, classes, g = net(train=False), torch.tensor([4, 0, 0, 2]), guide(model)
    logits, features, found = g.logits(images), g.features(images), g.activation(images, classes)
    assert_close(logits, copy(images), rtol=0, atol=0)
    assert_close(features, copy.body(copy.stem(images)), rtol=0, atol=0)
    assert not features.requires_grad
    expected = torch.zeros(N, *features.shape[2:], dtype=torch.float64)
    for i in range(N):
        for d in range(features.shape[1]):
            expected[i] += model.fc.weight[classes[i], d].detach() * features[i, d]
    assert_close(found, expected)
    # Its mean is the class's logit, but for the bias.
    logits = logits[torch.arange(N), classes]
    assert_close(found.mean((1, 2)) + model.fc.bias.detach()[classes], logits)
    assert torch.equal(g.class_weight(), model.fc.weight)
    assert not g.class_weight().requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_saliency_in_half_precision_does_not_underflow(dtype):
    model, (images, labels) = net(dtype), batch(dtype)
    with torch.no_grad():
        model.fc.weight.mul_(2**-8)
    found = guide(model).saliency(images, labels)
    gradient = guide(model).gradient(images, labels)
    assert gradient.dtype == dtype
    assert found.dtype == torch.float32
    assert torch.equal(found > 0, (gradient != 0).any(1))
    assert found.max() < 2**-9  # whose square is far below what float16 resolves


# -- the model is as it was ------------------------------------------------------------------------


@every_question
@pytest.mark.parametrize("train", [True, False])
def test_nothing_of_the_model_changes_also_where_the_forward_raises(ask, train):
    model, (images, labels) = net(train=train), batch()
    F.cross_entropy(model(images), labels).backward()  # gradients that are being accumulated
    model.body[1].eval()  # a frozen norm in a model that trains
    model.stem.training = not train
    before, copy = state_of(model), (images.clone(), images._version)
    ask(guide(model), images, labels)
    with pytest.raises(RuntimeError):
        ask(guide(model), images[:, :2], labels)
    assert_same_state(before, state_of(model))
    assert torch.equal(images, copy[0])
    assert images._version == copy[1]
    assert not images.requires_grad


def test_an_eval_that_does_more_is_not_called():
    class Merging(Net):  # as of low-rank adapters
        def train(self, mode=True):
            assert mode, "eval() was called"
            return super().train(mode)

    model, (images, labels) = net(kind=Merging), batch()
    guide(model).saliency(images, labels)


@every_question
def test_callers_without_a_graph(ask):
    model, (images, labels) = net(), batch()
    expected = ask(guide(model), images, labels)
    before = state_of(model)
    with torch.no_grad():
        assert_close(ask(guide(model), images, labels), expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert_close(ask(guide(model), images, labels), expected)
        # Also with what was made in there.
        assert_close(ask(guide(model), images.clone(), labels.clone()), expected)
        assert torch.is_inference_mode_enabled()
    assert_same_state(before, state_of(model))


def test_asking_does_not_change_the_gradients_of_training():
    images, labels = batch(torch.float32)
    grads = []
    for asks in (False, True):
        model = net(torch.float32, train=False)
        with torch.autocast("cpu", torch.bfloat16):
            if asks:  # in the same autocast: weights that were cast here are not used again
                for ask in QUESTIONS.values():
                    ask(guide(model), images, labels)
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        grads.append({k: p.grad for k, p in model.named_parameters() if p.requires_grad})
    assert all(grad is not None for grad in grads[0].values())
    assert_close(grads[1], grads[0], rtol=0, atol=0)


# -- autocast --------------------------------------------------------------------------------------


class Spy(Net):
    """Remembers in which dtype it computed."""

    def forward(self, images):
        self.seen = self.stem(images).dtype
        return super().forward(images)


@pytest.mark.parametrize(
    ("outside", "inside"), [(torch.float16, torch.float32), (torch.bfloat16, torch.bfloat16)]
)
@every_question
def test_float16_is_off_inside_and_bfloat16_stays(ask, outside, inside):
    model, (images, labels) = net(torch.float32, False, Spy), batch(torch.float32)
    with torch.autocast("cpu", outside):
        found = ask(guide(model), images, labels)
        assert model.seen == inside
        assert torch.get_autocast_dtype("cpu") == outside
        assert torch.is_autocast_enabled("cpu")
        model(images)
        assert model.seen == outside
    exact = ask(guide(model), images, labels)
    assert model.seen == torch.float32
    tolerance = 0 if inside == torch.float32 else 0.05 * exact.abs().max().item()
    assert_close(found.float(), exact, rtol=0, atol=tolerance)


# -- hooks for the forward pass --------------------------------------------------------------------


def hooks(model):
    return sum(len(m._forward_hooks) for m in model.modules())


@pytest.mark.parametrize("stage", ["stem", "body", "stem.0"])
def test_features_are_mixed_once(stage):
    model, (images, labels) = net(train=False), batch()
    index = torch.tensor([1, 2, 3, 0])

    def change(x):
        return 0.25 * x + 0.75 * x[index]

    seen = []
    plain = model(images)
    model.get_submodule(stage).register_forward_hook(lambda m, a, out: seen.append(out.detach()))
    model(images)
    mixed = acting(images, labels, (stage, change))
    with guide(model).step(mixed) as step:
        first, second = model(images), model(images)
    assert step.settle() is mixed.labels
    assert_close(second, plain)
    assert not torch.allclose(first, plain)
    assert len(seen) == 3
    # By hand: the rest of the network on the mixed features.
    hand = model.get_submodule(stage).register_forward_hook(lambda m, a, out: change(out))
    assert_close(first, model(images))
    hand.remove()


def test_hooks_are_gone_when_the_forward_raises_or_a_module_is_not_there():
    model, (images, labels) = net(), batch()

    def fails(x):
        raise KeyError("mix")

    mixed = acting(images, labels, ("stem", fails), ("body", torch.neg))
    for error, wrong in ((KeyError, images), (RuntimeError, images[:, :2])):
        with pytest.raises(error), guide(model).step(mixed):
            model(wrong)
        assert hooks(model) == 0
    nowhere = acting(images, labels, ("body", torch.neg), ("nothing", torch.neg))
    with pytest.raises(ValueError, match="Net has no module 'nothing'"), guide(model).step(nowhere):
        pass
    assert hooks(model) == 0


def test_a_hook_keeps_for_the_forward_pass_while_the_guide_is_asked():
    model, (images, labels) = net(train=False), batch()
    expected = guide(model).saliency(images, labels), guide(model).features(images)
    plain, g = model(images), guide(model)
    with g.step(acting(images, labels, ("body", torch.zeros_like))):
        assert_close(g.saliency(images, labels), expected[0])
        assert_close(g.features(images), expected[1])
        assert not torch.allclose(model(images), plain)


def test_mixes_of_one_stage_work_in_the_order_in_which_they_came():
    model, (images, labels) = net(train=False), batch()
    order = []
    changes = [("stem", lambda x, name=name: order.append(name) or x) for name in "ab"]
    with guide(model).step(acting(images, labels, *changes)):
        model(images)
    assert order == ["a", "b"]


Pair = namedtuple("Pair", "features size")


class Several(Net):
    """A stage that returns features among other things, in any container."""

    def __init__(self, wrap=lambda x: x):
        super().__init__()
        self.wrapped = nn.Identity()
        self.wrapped.forward = wrap

    def forward(self, images):
        self.got = self.wrapped(self.body(self.stem(images)))
        return self.fc(torch.zeros(len(images), 6, dtype=images.dtype))


@pytest.mark.parametrize(
    ("wrap", "features"),
    [
        (lambda x: (x, (3, 5)), lambda got: [got[0]]),
        (lambda x: [2 * x, torch.arange(3), x], lambda got: [got[0] / 2, got[2]]),
        (lambda x: Pair(x, None), lambda got: [got.features]),
        (lambda x: dict(map=x, n=torch.tensor(4)), lambda got: [got["map"]]),
        (lambda x: (x, {"deep": [x]}), lambda got: [got[0], got[1]["deep"][0]]),
    ],
)
def test_each_tensor_of_features_is_mixed_and_the_rest_is_not(wrap, features):
    images, labels = batch()
    model = net(kind=lambda: Several(wrap), train=False)
    model(images)
    plain = model.got
    with guide(model).step(acting(images, labels, ("wrapped", torch.neg))):
        model(images)
    assert type(model.got) is type(plain)
    assert len(model.got) == len(plain)
    for one, other in zip(features(plain), features(model.got), strict=True):
        assert_close(one, -other)
    if isinstance(plain, list):
        assert torch.equal(plain[1], model.got[1])
        # Of several maps the last is the feature map.
        assert_close(guide(model, features="wrapped").features(images), plain[2])


# -- attention -------------------------------------------------------------------------------------


def test_attention_under_autocast():
    model, (images, labels) = net(torch.float32, kind=Transformer), batch(torch.float32)
    rule = Watch()
    for enabled in (True, False):
        g = Guide(model, attention="qkv", heads=2)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            with g.step(watching(images, labels, rule)) as step:
                model(images)
                model(images + 1)  # is not looked at
            step.settle()
    narrow, exact = rule.seen
    assert narrow.dtype == torch.float32
    assert not narrow.requires_grad
    assert_close(narrow, exact, rtol=0.05, atol=0)


# -- labels that wait for the forward pass ---------------------------------------------------------


class Third(Watch):
    def settle(self, mixed, seen):
        return torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64).expand(len(seen), 2)


def test_rules_tell_the_labels_after_the_forward_pass_in_order():
    model, (images, labels) = net(kind=Transformer), batch()
    index = torch.tensor([1, 2, 3, 0])
    mixed = watching(images, labels, Watch(), Third())
    first, second = (w._replace(mixed=w.mixed._replace(index=index)) for w in mixed.watched)
    g = Guide(model, attention="qkv", heads=2)
    eye = torch.eye(N, CLASSES, dtype=torch.float64)
    for rules, own in (((first, second), 1 / 3), ((second, first), 1 / 2)):
        with g.step(mixed._replace(watched=rules)) as step:
            model(images)
        for _ in range(2):  # asking again changes nothing
            expected = own * eye + (1 - own) * eye[index]
            assert_close(step.settle().dense(CLASSES), expected)


def test_settling_without_a_forward_pass_is_an_error():
    model, (images, labels) = net(kind=Transformer), batch()
    g = Guide(model, stages=("patch",), attention="qkv")
    mixed = watching(images, labels, Watch())._replace(
        inside=acting(images, labels, ("patch", torch.neg)).inside
    )
    with g.step(mixed) as step:
        with pytest.raises(RuntimeError, match=r"settle.*patch, qkv .*not run"):
            step.settle()
        model(images)
        step.settle()
    with g.step(mixed) as step:  # also afterwards
        pass
    with pytest.raises(RuntimeError, match=r"settle.*patch, qkv .*not run"):
        step.settle()
    with pytest.raises(RuntimeError, match=r"settle\(\) comes after `with guide.step"):
        g.step(mixed).settle()


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["features", "classifier", "attention", "stages"])
def test_a_module_that_is_not_there(option):
    message = r"Net has no module 'nothing'; at its top there are \['stem', 'body', 'drop', 'fc'\]"
    with pytest.raises(ValueError, match=message):
        Guide(net(), **{option: ("stem", "nothing") if option == "stages" else "nothing"})


def watch(model, images, labels, rule=None, **options):
    with Guide(model, **options).step(watching(images, labels, rule or Watch())):
        model(images)


class Colours(Watch):
    watches = "colours"


def unused():
    model = net()
    model.unused = nn.Identity()
    return guide(model, features="unused")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: Guide(net()).features(x), "Guide was given no features: name the module"),
        (lambda x, y: Guide(net()).activation(x, y), "Guide was given no classifier: name the "),
        (lambda x, y: Guide(net()).class_weight(), "Guide was given no classifier"),
        (lambda x, y: watch(net(), x, y), "Net: no attention of a class token is known"),
        (lambda x, y: guide(features="fc").features(x), r"no \(N, D, h, w\) map, got \(4, 5\)"),
        (
            lambda x, y: guide(features="stem").activation(x, y),
            "reads 6 features, the feature map has 4",
        ),
        (lambda x, y: guide(classifier="drop").class_weight(), "'drop' must be .*got Dropout"),
        (
            lambda x, y: guide(classifier="stem.0").class_weight(),
            r"'stem.0' must be a linear layer .*got Conv2d",
        ),
        (lambda x, y: unused().features(x), "features 'unused' did not run in Net's forward"),
        (
            lambda x, y: watch(net(kind=Transformer), x, y, attention="qkv", heads=5),
            r"D divisible by heads=5, got \(4, 7, 24\)",
        ),
        (
            lambda x, y: watch(net(kind=Transformer), x, y, attention="patch"),
            r"attention must be a layer .*got \(4, 8, 2, 3\)",
        ),
        (
            lambda x, y: watch(net(kind=Transformer), x, y, Colours(), attention="qkv"),
            "Colours.watches must be 'attention', got 'colours'",
        ),
        (lambda x, y: Guide(net(), heads=0), "heads must be 1 or more, got 0"),
        (lambda x, y: Guide(net(), extra_tokens=0), "extra_tokens must be 1 or more, got 0"),
        (
            lambda x, y: Guide(net().stem).gradient(x, y),
            r"Sequential must return \(4, C\) logits, got \(4, 4, 6",
        ),
    ],
)
def test_what_a_guide_was_not_told_or_told_wrong(call, message):
    assert Guide(net()).stages == ()
    with pytest.raises(ValueError, match=message):
        call(*batch())


def test_a_stage_without_features_is_an_error():
    model, (images, labels) = net(kind=lambda: Several(lambda x: (1, "a"))), batch()
    mixed = acting(images, labels, ("wrapped", torch.neg))
    says = "wrapped returns no features to mix, got tuple"
    with pytest.raises(TypeError, match=says), guide(model).step(mixed):
        model(images)
