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


class Attention(nn.Module):
    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        self.weights = (q @ k.mT / (d // self.heads) ** 0.5).softmax(-1)
        return (self.weights @ v).transpose(1, 2).reshape(n, t, d)


class Transformer(nn.Module):
    """A class token and one attention over patches of 3 x 3."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(CH, 8, 3, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attn = Attention()
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, images):
        tokens = self.patch(images).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(tokens), 1, 8), tokens], 1)
        return self.fc(self.attn(tokens)[:, 0])


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
def test_the_gradient_is_that_of_a_loop_over_samples(make):
    model, (images, _) = net(), batch()
    expected = gradient_by_loop(model, images, make())
    found = guide(model).gradient(images, make())
    assert found.dtype == torch.float64
    assert_close(found, expected, rtol=1e-10, atol=1e-13)


@every_label
def test_saliency_is_the_root_mean_square_over_channels(make):
    model, (images, _) = net(), batch()
    gradient = gradient_by_loop(model, images, make())
    expected = torch.empty(N, *SIZE, dtype=torch.float64)
    for i in range(N):
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                expected[i, y, x] = (sum(g**2 for g in gradient[i, :, y, x]) / CH) ** 0.5
    assert_close(guide(model).saliency(images, make()), expected, rtol=1e-10, atol=1e-13)


def test_logits_and_features_are_those_of_evaluation():
    model, (images, _) = net(), batch()
    copy = net(train=False)
    assert_close(guide(model).logits(images), copy(images), rtol=0, atol=0)
    found = guide(model).features(images)
    assert_close(found, copy.body(copy.stem(images)), rtol=0, atol=0)
    assert not found.requires_grad


def test_the_class_activation_map_is_a_loop():
    model, (images, _) = net(), batch()
    classes = torch.tensor([4, 0, 0, 2])
    g = guide(model)
    features, found = g.features(images), g.activation(images, classes)
    expected = torch.zeros(N, *features.shape[2:], dtype=torch.float64)
    for i in range(N):
        for d in range(features.shape[1]):
            expected[i] += model.fc.weight[classes[i], d].detach() * features[i, d]
    assert_close(found, expected)
    # Its mean is the class's logit, but for the bias.
    logits = g.logits(images)[torch.arange(N), classes]
    assert_close(found.mean((1, 2)) + model.fc.bias.detach()[classes], logits)
    assert torch.equal(g.class_weight(), model.fc.weight)
    assert not g.class_weight().requires_grad


def test_images_in_any_layout():
    model, (images, labels) = net(), batch()
    expected = guide(model).saliency(images, labels)
    there = images.contiguous(memory_format=torch.channels_last)
    assert_close(guide(model).saliency(there, labels), expected)
    wide = images.repeat_interleave(2, 3)[..., ::2]
    assert_close(guide(model).saliency(wide, labels), expected)


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
def test_nothing_of_the_model_changes(ask, train):
    model, (images, labels) = net(train=train), batch()
    F.cross_entropy(model(images), labels).backward()  # gradients that are being accumulated
    model.body[1].eval()  # a frozen norm in a model that trains
    model.stem.training = not train
    before, copy = state_of(model), (images.clone(), images._version)
    ask(guide(model), images, labels)
    assert_same_state(before, state_of(model))
    assert torch.equal(images, copy[0])
    assert images._version == copy[1]
    assert not images.requires_grad


@every_question
def test_nor_where_the_forward_raises(ask):
    model, (images, labels) = net(), batch()
    before = state_of(model)
    with pytest.raises(RuntimeError):
        ask(guide(model), images[:, :2], labels)
    assert_same_state(before, state_of(model))


@every_question
def test_dropout_is_off(ask):
    model, (images, labels) = net(), batch()
    first, second = (ask(guide(model), images, labels) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(model(images), model(images))


def test_an_eval_that_does_more_is_not_called():
    class Merging(Net):  # as of low-rank adapters
        def train(self, mode=True):
            assert mode, "eval() was called"
            return super().train(mode)

    model, (images, labels) = net(kind=Merging), batch()
    guide(model).saliency(images, labels)


def test_images_that_need_a_gradient_get_none():
    model, (images, labels) = net(), batch()
    images.requires_grad_()
    found = guide(model).gradient(images * 1, labels)
    assert images.grad is None
    assert not found.requires_grad


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


@every_label
def test_labels_made_in_inference_mode(make):
    model, (images, _) = net(), batch()
    expected = guide(model).gradient(images, make())
    with torch.inference_mode():
        assert_close(guide(model).gradient(images, make()), expected)


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


def test_gradient_and_map_come_in_the_dtype_of_the_images_under_autocast():
    model, (images, labels) = net(torch.float32), batch(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert guide(model).gradient(images, labels).dtype == torch.float32
        assert guide(model).activation(images, labels).dtype == torch.float32


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


def test_features_of_some_rows_are_mixed_and_of_samples_from_one_on():
    model, (images, labels) = net(train=False), batch()
    plain = model(images)
    for rows, start, changed in (
        (torch.tensor([True, False, False, True]), 0, [0, 3]),
        (torch.tensor([False, True, False]), 1, [2]),
        (None, 3, [3]),
    ):
        mixed = acting(images, labels, ("body", torch.zeros_like), rows=rows, start=start)
        with guide(model).step(mixed):
            logits = model(images)
        for i in range(N):
            expected = model.fc.bias if i in changed else plain[i]
            assert_close(logits[i], expected)


def test_a_gradient_flows_through_what_is_mixed():
    model, (images, labels) = net(train=False), batch()
    with guide(model).step(acting(images, labels, ("body", lambda x: 0.5 * (x + x.flip(0))))):
        F.cross_entropy(model(images), labels).backward()
    assert model.stem[0].weight.grad.abs().sum() > 0


def test_hooks_are_gone_after_the_step():
    model, (images, labels) = net(), batch()
    with guide(model).step(acting(images, labels, ("stem", torch.neg), ("body", torch.neg))):
        assert hooks(model) == 2
    assert hooks(model) == 0


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
        self.wrap = wrap

    def forward(self, images):
        self.got = self.wrapped(self.body(self.stem(images)))
        return self.fc(self.drop(torch.zeros(len(images), 6, dtype=images.dtype)))


@pytest.mark.parametrize(
    ("wrap", "features"),
    [
        (lambda x: (x, (3, 5)), lambda got: [got[0]]),
        (lambda x: [x, 2 * x, torch.arange(3)], lambda got: [got[0], got[1] / 2]),
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
    for one, other in zip(features(plain), features(model.got), strict=True):
        assert_close(one, -other)
    if isinstance(plain, list):
        assert torch.equal(plain[2], model.got[2])
    if isinstance(plain, tuple) and not isinstance(plain, Pair):
        assert len(plain) == len(model.got)


def test_a_stage_without_features_is_an_error():
    model, (images, labels) = net(kind=lambda: Several(lambda x: (1, "a"))), batch()
    with (
        pytest.raises(TypeError, match="wrapped returns no features to mix, got tuple"),
        guide(model).step(acting(images, labels, ("wrapped", torch.neg))),
    ):
        model(images)


# -- attention -------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_attention_is_that_computed_by_hand(dtype, extra):
    model, (images, labels) = net(dtype, kind=Transformer), batch(dtype)
    rule, g = Watch(), Guide(model, attention="attn.qkv", heads=2, extra_tokens=extra)
    with g.step(watching(images, labels, rule)) as step:
        logits = model(images)
        model(images)  # is not looked at
    step.settle()
    (found,) = rule.seen
    assert found.shape == (N, 2 * 3 + 1 - extra)
    assert not found.requires_grad
    assert logits.requires_grad
    expected = torch.zeros(N, 6, dtype=torch.float64)
    qkv = model.attn.qkv(tokens_of(model, images)).detach().double()
    for i in range(N):
        for head in range(2):
            query, key = qkv[i, 0, 4 * head : 4 * head + 4], qkv[i, :, 8 + 4 * head : 12 + 4 * head]
            expected[i] += (key @ query / 2).softmax(0)[1:] / 2
    expected = expected[:, extra - 1 :]
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    if dtype == torch.float64:
        assert_close(found, model.attn.weights[:, :, 0, extra:].mean(1).detach())


def tokens_of(model, images):
    tokens = model.patch(images).flatten(2).mT
    return torch.cat([model.token.expand(len(tokens), 1, 8), tokens], 1)


def test_attention_under_autocast():
    model, (images, labels) = net(torch.float32, kind=Transformer), batch(torch.float32)
    rule = Watch()
    for enabled in (True, False):
        g = Guide(model, attention="attn.qkv", heads=2)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            with g.step(watching(images, labels, rule)) as step:
                model(images)
            step.settle()
    narrow, exact = rule.seen
    assert narrow.dtype == torch.float32
    assert_close(narrow, exact, rtol=0.05, atol=0)


# -- labels that wait for the forward pass ---------------------------------------------------------


class Third(Watch):
    def settle(self, mixed, seen):
        return torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64).expand(len(seen), 2)


def test_rules_tell_the_labels_after_the_forward_pass_in_order_for_their_rows():
    model, (images, labels) = net(kind=Transformer), batch()
    index, rows = torch.tensor([1, 2, 3, 0]), torch.tensor([True, False, True, False])
    mixed = watching(images, labels, Watch(), Third())
    first, second = (w._replace(mixed=w.mixed._replace(index=index)) for w in mixed.watched)
    g = Guide(model, attention="attn.qkv", heads=2)
    eye = torch.eye(N, CLASSES, dtype=torch.float64)
    halves, thirds = (eye + eye[index]) / 2, (eye + 2 * eye[index]) / 3
    for watched, expected in (
        ((first, second), thirds),
        ((second, first), halves),
        ((first, second._replace(rows=rows)), torch.where(rows[:, None], thirds, halves)),
        ((first._replace(rows=rows),), torch.where(rows[:, None], halves, eye)),
    ):
        with g.step(mixed._replace(watched=watched)) as step:
            model(images)
        for _ in range(2):  # asking again changes nothing
            assert_close(step.settle().dense(CLASSES), expected)


def test_settling_without_a_forward_pass_is_an_error():
    model, (images, labels) = net(kind=Transformer), batch()
    g = Guide(model, stages=("patch",), attention="attn.qkv")
    mixed = watching(images, labels, Watch())._replace(
        inside=acting(images, labels, ("patch", torch.neg)).inside
    )
    with g.step(mixed) as step:
        with pytest.raises(RuntimeError, match=r"settle.*attn.qkv, patch .*not run"):
            step.settle()
        model(images)
        step.settle()
    with g.step(mixed) as step:  # also afterwards
        pass
    with pytest.raises(RuntimeError, match=r"settle.*attn.qkv, patch .*not run"):
        step.settle()
    with pytest.raises(RuntimeError, match=r"settle\(\) comes after `with guide.step"):
        g.step(mixed).settle()


def test_a_rule_that_watches_something_else_is_an_error():
    images, labels = batch()
    rule = Watch()
    rule.watches = "colours"
    g = Guide(net(kind=Transformer), attention="attn.qkv")
    with (
        pytest.raises(ValueError, match=r"Watch.watches must be 'attention', got 'colours'"),
        g.step(watching(images, labels, rule)),
    ):
        pass


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["features", "classifier", "attention"])
def test_a_module_that_is_not_there(option):
    message = r"Net has no module 'nothing'; at its top there are \['stem', 'body', 'drop', 'fc'\]"
    with pytest.raises(ValueError, match=message):
        Guide(net(), **{option: "nothing"})
    with pytest.raises(ValueError, match=message):
        Guide(net(), stages=("stem", "nothing"))


def test_what_the_guide_was_not_told():
    images, labels = batch()
    g = Guide(net())
    assert g.stages == ()
    with pytest.raises(ValueError, match="Guide was given no features: name the module"):
        g.features(images)
    with pytest.raises(ValueError, match="Guide was given no classifier: name the linear layer"):
        g.activation(images, labels)
    with pytest.raises(ValueError, match="Guide was given no classifier"):
        g.class_weight()
    with (
        pytest.raises(ValueError, match="Net: no attention of a class token is known"),
        g.step(watching(images, labels, Watch())),
    ):
        pass


def test_names_of_modules_that_are_something_else():
    images, labels = batch()
    with pytest.raises(ValueError, match=r"no \(N, D, h, w\) map, got \(4, 5\)"):
        guide(features="fc").features(images)
    with pytest.raises(ValueError, match="reads 6 features, the feature map has 4"):
        guide(features="stem").activation(images, labels)
    with pytest.raises(ValueError, match=r"'drop' must be a linear layer .*got Dropout"):
        guide(classifier="drop").class_weight()
    with pytest.raises(ValueError, match=r"'stem.0' must be a linear layer .*got Conv2d"):
        guide(classifier="stem.0").class_weight()
    model = net()
    model.unused = nn.Identity()
    with pytest.raises(ValueError, match="features 'unused' did not run in Net's forward"):
        guide(model, features="unused").features(images)
    with pytest.raises(ValueError, match=r"D divisible by heads=3, got \(4, 7, 24\)"):
        attend(heads=3)
    with pytest.raises(ValueError, match=r"attention must be a layer .*got \(4, 8, 2, 3\)"):
        attend(attention="patch")


def attend(attention="attn.qkv", heads=2):
    model, (images, labels) = net(kind=Transformer), batch()
    with Guide(model, attention=attention, heads=heads).step(watching(images, labels, Watch())):
        model(images)


@pytest.mark.parametrize("option", ["heads", "extra_tokens"])
def test_numbers_below_one(option):
    with pytest.raises(ValueError, match=f"{option} must be 1 or more, got 0"):
        Guide(net(), **{option: 0})


def test_a_model_that_returns_no_logits():
    images, labels = batch()
    with pytest.raises(ValueError, match=r"Sequential must return \(4, C\) logits, got \(4, 4, 6"):
        Guide(net().stem).gradient(images, labels)


def test_the_last_of_several_feature_maps():
    images, _ = batch()
    model = net(kind=lambda: Several(lambda x: [2 * x, x]), train=False)
    found = guide(model, features="wrapped").features(images)
    assert_close(found, model.body(model.stem(images)))
