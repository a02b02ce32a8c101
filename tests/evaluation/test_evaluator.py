"""BatchEvaluator and Accuracy: mmpretrain's numbers, from whole batches."""

from itertools import chain, zip_longest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.registry import EVALUATOR, DefaultScope

from dmmix.evaluation import Accuracy, BatchEvaluator, Predictions, batch_evaluator
from dmmix.evaluation.accuracy import interleave
from dmmix.evaluation.accuracy import metrics as stock  # mmpretrain's
from tests.engine.small import in_two_processes

from .batches import in_one_piece, logits_and_labels, one_by_one, split

pytestmark = pytest.mark.openmmlab

OPTIONS = [
    {},
    dict(topk=1),
    dict(topk=(1, 5)),
    dict(topk=(5, 1, 3), prefix="clean"),
    dict(thrs=0.6),
    dict(thrs=None),
    dict(topk=(1, 5), thrs=(None, 0.0, 0.2, 0.75)),
]


def evaluate(evaluator, batches, size=None):
    for batch in batches:
        evaluator.process(data_samples=batch, data_batch={"inputs": None})
    return evaluator.evaluate(sum(map(len, batches)) if size is None else size)


def whole(metrics, *made, batch=40, **options):
    """What BatchEvaluator makes of predictions in one piece."""
    pieces = [in_one_piece(*part) for part in split(*made, batch)]
    return evaluate(BatchEvaluator(metrics), pieces, **options)


def per_sample(metrics, *made, batch=40, **options):
    """What mmengine makes of mmpretrain's data samples."""
    pieces = [one_by_one(*part) for part in split(*made, batch)]
    return evaluate(Evaluator(metrics), pieces, **options)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name], value), name
        else:
            assert found[name] == value, name


# Accuracy


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("n", [120, 97])  # the last batch is as large as the others, or smaller
def test_accuracy_is_that_of_mmpretrain(options, n):
    made = logits_and_labels(n)
    expected = per_sample(stock.Accuracy(**options), *made)
    assert 0 < min(expected.values()) < 100
    assert_same(whole(Accuracy(**options), *made), expected)
    for kind in (Evaluator, BatchEvaluator):
        for form in (one_by_one, in_one_piece):
            assert_same(evaluate(kind(Accuracy(**options)), [form(*made)]), expected)
    # What comes after the size of the data set is not counted.
    cut = whole(Accuracy(**options), *made, size=90)
    assert_same(cut, per_sample(stock.Accuracy(**options), *made, size=90))
    assert cut != expected


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_accuracy_is_that_of_mmpretrain_whatever_comes(data):
    n, classes = data.draw(st.integers(1, 25)), data.draw(st.integers(2, 6))
    topk = data.draw(st.lists(st.integers(1, classes), min_size=1, max_size=3, unique=True))
    # 0 and 1 / 2 are scores, too: those of -200 beside 0, and of two equals.
    thresholds = st.sampled_from([None, 0.0, 0.5]) | st.floats(0, 1, width=16)
    thrs = data.draw(st.lists(thresholds, min_size=1, max_size=3))
    # Of few values: among equal scores both must choose the same.
    values = st.sampled_from([-200.0, 0.0, 1.0, 1.5])
    row = st.lists(values, min_size=classes, max_size=classes)
    logits = torch.tensor(data.draw(st.lists(row, min_size=n, max_size=n)))
    labels = torch.tensor(data.draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)))
    options = dict(topk=topk, thrs=thrs)
    batch = data.draw(st.integers(1, 30))
    found = whole(Accuracy(**options), logits, labels, batch=batch)
    assert_same(found, per_sample(stock.Accuracy(**options), logits, labels))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_accuracy_of_other_floats(dtype):
    logits, labels = logits_and_labels(97)
    made = logits.to(dtype), labels.int()
    options = dict(topk=(1, 3), thrs=(None, 0.3))
    assert_same(whole(Accuracy(**options), *made), per_sample(stock.Accuracy(**options), *made))


def test_short_scores_are_compared_with_the_whole_threshold():
    # In bfloat16 the threshold would be rounded to this very score.
    scores = torch.tensor([[0.69921875, 0.30078125]], dtype=torch.bfloat16)
    predictions = Predictions(scores, torch.tensor([1]))
    options = dict(topk=2, thrs=0.3)
    for metric in (Accuracy(**options), stock.Accuracy(**options)):
        assert evaluate(BatchEvaluator(metric), [predictions]) == {"accuracy/top2": 100.0}


def test_accuracy_of_predicted_labels_alone():
    made = logits_and_labels(97)
    samples = [{"gt_label": s.gt_label, "pred_label": s.pred_label} for s in one_by_one(*made)]
    found = evaluate(BatchEvaluator(Accuracy(topk=(1, 5))), [samples])
    assert_same(found, evaluate(Evaluator(stock.Accuracy(topk=(1, 5))), [samples]))


@pytest.mark.parametrize("second", [in_one_piece, one_by_one])
def test_every_evaluation_starts_anew(second):
    evaluator = BatchEvaluator(Accuracy())
    evaluate(evaluator, [in_one_piece(*logits_and_labels(50))])
    made = logits_and_labels(60, seed=1)
    assert_same(evaluate(evaluator, [second(*made)]), per_sample(stock.Accuracy(), *made))


def test_nothing_is_made_for_each_sample_and_no_score_is_kept(monkeypatch):
    metric, predictions = Accuracy(topk=(1, 5), thrs=(0.0, 0.5)), logits_and_labels(1000)
    monkeypatch.setattr(Predictions, "_rows", None)
    BatchEvaluator(metric).process(in_one_piece(*predictions))
    (kept,) = metric._hits
    assert kept.untyped_storage().nbytes() == 1000 * 2 * 2


# Other metrics


@pytest.mark.parametrize(("kind", "options"), [
    (stock.SingleLabelMetric, {}),
    (stock.SingleLabelMetric, dict(thrs=(None, 0.4), items=("precision", "recall", "support"))),
    (stock.SingleLabelMetric, dict(average=None)),
    (stock.ConfusionMatrix, {}),
    (stock.MultiLabelMetric, dict(topk=1)),
    (stock.MultiLabelMetric, dict(thr=0.2, items=("precision", "recall", "support"))),
])  # fmt: skip
def test_every_metric_of_mmpretrain_gives_the_same(kind, options):
    """Alone and among others; soft labels reach those that take them."""
    made = logits_and_labels(97, soft="thr" in options)
    if "thr" in options:
        made = made[0], (made[1] > made[1].median()).float()
    assert_same(whole(kind(**options), *made), per_sample(kind(**options), *made))
    if "thr" not in options:
        found = whole([kind(**options), Accuracy(topk=(1, 5))], *made)
        assert_same(found, per_sample([kind(**options), stock.Accuracy(topk=(1, 5))], *made))


def test_the_batch_of_the_loader_reaches_other_metrics():
    seen = []

    class Looks(DumpResults):
        def process(self, data_batch, predictions):
            seen.append((data_batch, len(predictions), type(predictions)))

    evaluator = BatchEvaluator([Accuracy(), Looks("x.pkl"), Looks("y.pkl")])
    batch = {"inputs": torch.zeros(3)}
    evaluator.process(in_one_piece(*logits_and_labels(3)), batch)
    assert [(data is batch, n, kind) for data, n, kind in seen] == [(True, 3, list)] * 2


# Configs


ACCURACY, CONFUSION = dict(type="Accuracy"), dict(type="ConfusionMatrix")


@pytest.mark.parametrize(("config", "kinds"), [
    (ACCURACY, [Accuracy]),
    ([ACCURACY, CONFUSION], [Accuracy, stock.ConfusionMatrix]),
    (dict(metrics=ACCURACY), [Accuracy]),
    (dict(metrics=[ACCURACY, CONFUSION]), [Accuracy, stock.ConfusionMatrix]),
    (dict(type="mmpretrain.Accuracy"), [stock.Accuracy]),
])  # fmt: skip
def test_plain_configs_make_it_and_what_was_chosen_stays(config, kinds):
    with DefaultScope.overwrite_default_scope("dmmix"):
        metrics = config.get("metrics", config) if isinstance(config, dict) else config
        by_name = EVALUATOR.build(dict(type="BatchEvaluator", metrics=metrics))
        for made in (batch_evaluator(config), by_name):
            assert type(made) is BatchEvaluator
            assert [type(metric) for metric in made.metrics] == kinds
    for chosen in (Evaluator(Accuracy()), dict(type="Evaluator", metrics=config), None, "Accuracy"):
        assert batch_evaluator(chosen) is chosen


# Several processes


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=4))
def test_rows_are_put_together_as_mmengine_does(parts):
    expected = [x for x in chain.from_iterable(zip_longest(*parts)) if x is not None]
    tensors = [torch.tensor(part, dtype=torch.long) for part in parts]
    assert interleave(tensors).tolist() == expected
    pairs = [torch.stack([part, -part], dim=1) for part in tensors]
    assert interleave(pairs).tolist() == [[x, -x] for x in expected]


def two_ranks(rank, folder):
    """One of two processes, each with its samples in batches of 8."""
    logits, labels = logits_and_labels(25)
    results = {}
    for case in CASES:
        mine = torch.tensor(CASES[case][rank])
        made = logits[mine], labels[mine]
        metrics = dict(topk=(1, 3), thrs=(None, 0.5))
        results[case] = [
            whole(Accuracy(**metrics), *made, batch=8, size=25),
            whole([Accuracy(), stock.ConfusionMatrix()], *made, batch=8, size=25),
            evaluate(BatchEvaluator(Accuracy(**metrics)), [one_by_one(*made)], 25),
        ]
    batches = [] if rank else [in_one_piece(*logits_and_labels(1, seed=3))]
    results["none"] = evaluate(BatchEvaluator(Accuracy(topk=(1, 7), thrs=None)), batches, 1)
    try:
        one_kind = in_one_piece if rank else one_by_one
        evaluate(BatchEvaluator(Accuracy()), [one_kind(*logits_and_labels(4))], 8)
    except ValueError as error:
        results["error"] = str(error)
    return results


#: Which samples of 25 a rank has.
CASES = {
    "padded": (list(range(0, 25, 2)), [*range(1, 25, 2), 0]),
    "not padded": (list(range(0, 25, 2)), list(range(1, 25, 2))),
    "padded often": ([*range(0, 25, 2), 1, 3], [*range(1, 25, 2), 0, 2, 4]),
}


@pytest.mark.slow
def test_two_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # mmengine's own exchange leaves a folder
    ranks = in_two_processes(two_ranks, tmp_path)
    made = logits_and_labels(25)
    metrics = dict(topk=(1, 3), thrs=(None, 0.5))
    expected = [
        per_sample(stock.Accuracy(**metrics), *made),
        per_sample([stock.Accuracy(), stock.ConfusionMatrix()], *made),
        per_sample(stock.Accuracy(**metrics), *made),
    ]
    for rank in ranks:
        for case in CASES:
            for found, other in zip(rank[case], expected, strict=True):
                assert_same(found, other)
        options = dict(topk=(1, 7), thrs=None)  # one process has no samples
        alone = per_sample(stock.Accuracy(**options), *logits_and_labels(1, seed=3))
        assert rank["none"] == alone
        assert "whole batches and data samples in one evaluation" in rank["error"]


# Mistakes


def test_what_has_no_accuracy():
    with pytest.raises(ValueError, match=r"needs \(N,\) integer labels, got .* \(6, 7\)"):
        BatchEvaluator(Accuracy()).process(in_one_piece(*logits_and_labels(6, soft=True)))
    evaluator, made = BatchEvaluator(Accuracy()), logits_and_labels(6)
    with pytest.raises(ValueError, match=r"Top-9 accuracy .* categories is 7. ") as found:
        whole(Accuracy(topk=(1, 9)), *made)
    with pytest.raises(ValueError, match="Top-9") as expected:
        per_sample(stock.Accuracy(topk=(1, 9)), *made)
    assert str(found.value) == str(expected.value)
    with pytest.raises(ValueError, match="whole batches and data samples in one evaluation"):
        evaluate(evaluator, [in_one_piece(*made), one_by_one(*made)])
    assert_same(evaluate(evaluator, [in_one_piece(*made)]), per_sample(stock.Accuracy(), *made))
