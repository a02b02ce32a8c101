"""BatchEvaluator and Accuracy: mmpretrain's numbers, from whole batches."""

import pickle
from itertools import chain, zip_longest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.registry import EVALUATOR, DefaultScope

from dmmix.engine import leave_processes
from dmmix.evaluation import Accuracy, BatchEvaluator, Predictions, batch_evaluator
from dmmix.evaluation.accuracy import metrics as stock  # mmpretrain's
from dmmix.evaluation.collect import interleave
from dmmix.registry import METRICS
from tests.machine import FASTEST_START

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


@pytest.mark.parametrize(("thr", "percent"), [(None, 100.0), (0.4, 100.0), (0.5, 0.0)])
def test_a_score_must_be_above_the_threshold(thr, percent):
    made = torch.zeros(3, 2), torch.zeros(3, dtype=torch.long)
    options = dict(topk=2, thrs=thr)
    assert whole(Accuracy(**options), *made) == {"accuracy/top2": percent}
    assert per_sample(stock.Accuracy(**options), *made) == {"accuracy/top2": percent}


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


@pytest.mark.parametrize("kind", [Evaluator, BatchEvaluator])
@pytest.mark.parametrize("options", OPTIONS)
def test_accuracy_takes_data_samples_too(kind, options):
    made = logits_and_labels(97)
    found = evaluate(kind(Accuracy(**options)), [one_by_one(*made)])
    assert_same(found, per_sample(stock.Accuracy(**options), *made))


def test_accuracy_of_predicted_labels_alone():
    made = logits_and_labels(97)
    samples = [{"gt_label": s.gt_label, "pred_label": s.pred_label} for s in one_by_one(*made)]
    found = evaluate(BatchEvaluator(Accuracy(topk=(1, 5))), [samples])
    assert_same(found, evaluate(Evaluator(stock.Accuracy(topk=(1, 5))), [samples]))


def test_mmengines_evaluator_takes_predictions_in_one_piece():
    made = logits_and_labels(97)
    found = evaluate(Evaluator(Accuracy(topk=(1, 5))), [in_one_piece(*made)])
    assert_same(found, per_sample(stock.Accuracy(topk=(1, 5)), *made))


def test_what_comes_after_the_size_of_the_dataset_is_not_counted():
    made = logits_and_labels(97)
    found = whole(Accuracy(), *made, size=90)
    assert found == per_sample(stock.Accuracy(), *made, size=90)
    assert found != whole(Accuracy(), *made)


@pytest.mark.parametrize("second", [in_one_piece, one_by_one])
def test_every_evaluation_starts_anew(second):
    evaluator = BatchEvaluator(Accuracy())
    evaluate(evaluator, [in_one_piece(*logits_and_labels(50))])
    made = logits_and_labels(60, seed=1)
    assert_same(evaluate(evaluator, [second(*made)]), per_sample(stock.Accuracy(), *made))


def test_nothing_is_made_for_each_sample(monkeypatch):
    predictions = in_one_piece(*logits_and_labels(40))
    monkeypatch.setattr(type(predictions), "_rows", None)
    assert "accuracy/top1" in evaluate(BatchEvaluator(Accuracy()), [predictions])


def test_batches_do_not_keep_their_scores():
    metric = Accuracy(topk=(1, 5), thrs=(0.0, 0.5))
    metric.process_batch(in_one_piece(*logits_and_labels(1000)))
    (kept,) = metric._hits
    assert kept.untyped_storage().nbytes() == 1000 * 2 * 2


# Other metrics


@pytest.mark.parametrize(("name", "options"), [
    ("SingleLabelMetric", {}),
    ("SingleLabelMetric", dict(thrs=(None, 0.4), items=("precision", "recall", "support"))),
    ("SingleLabelMetric", dict(average=None)),
    ("ConfusionMatrix", {}),
    ("MultiLabelMetric", dict(topk=1)),
])  # fmt: skip
def test_every_metric_of_mmpretrain_gives_the_same(name, options):
    made = logits_and_labels(97)
    kind = getattr(stock, name)
    assert_same(whole(kind(**options), *made), per_sample(kind(**options), *made))


def test_several_metrics():
    made = logits_and_labels(97)
    others = [stock.SingleLabelMetric(), stock.ConfusionMatrix()]
    found = whole([others[0], Accuracy(topk=(1, 5)), others[1]], *made)
    expected = per_sample([others[0], stock.Accuracy(topk=(1, 5)), others[1]], *made)
    assert_same(found, expected)


def test_soft_labels_reach_the_metrics_that_take_them():
    logits, labels = logits_and_labels(97, soft=True)
    made = logits, (labels > labels.median()).float()
    options = dict(thr=0.2, items=("precision", "recall", "support"))
    kind = stock.MultiLabelMetric
    assert_same(whole(kind(**options), *made), per_sample(kind(**options), *made))


def test_dumped_results(tmp_path):
    made = logits_and_labels(97)
    found, expected = tmp_path / "found.pkl", tmp_path / "expected.pkl"
    evaluator = BatchEvaluator([Accuracy()])
    evaluator.metrics.append(DumpResults(out_file_path=str(found)))  # as dmmix test does
    pieces = [in_one_piece(*part) for part in split(*made, 40)]
    assert set(evaluate(evaluator, pieces)) == {"accuracy/top1"}
    per_sample(DumpResults(out_file_path=str(expected)), *made)
    ours, theirs = (pickle.loads(file.read_bytes()) for file in (found, expected))
    assert len(ours) == len(theirs) == 97
    for sample, other in zip(ours, theirs, strict=True):
        assert sample.keys() == other.keys()
        for name, value in other.items():
            assert type(sample[name]) is type(value)
            assert torch.equal(torch.as_tensor(sample[name]), torch.as_tensor(value)), name
    assert found.stat().st_size < 97 * 3000


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


def test_names():
    with DefaultScope.overwrite_default_scope("dmmix"):
        evaluator = EVALUATOR.build(dict(type="BatchEvaluator", metrics=dict(type="Accuracy")))
    assert type(evaluator) is BatchEvaluator
    assert type(evaluator.metrics[0]) is Accuracy
    assert METRICS.get("Accuracy") is Accuracy
    assert METRICS.get("mmpretrain.Accuracy") is stock.Accuracy


ACCURACY, CONFUSION = dict(type="Accuracy"), dict(type="ConfusionMatrix")


@pytest.mark.parametrize(("config", "kinds"), [
    (ACCURACY, [Accuracy]),
    ([ACCURACY, CONFUSION], [Accuracy, stock.ConfusionMatrix]),
    (dict(metrics=ACCURACY), [Accuracy]),
    (dict(metrics=[ACCURACY, CONFUSION]), [Accuracy, stock.ConfusionMatrix]),
    (dict(type="mmpretrain.Accuracy"), [stock.Accuracy]),
])  # fmt: skip
def test_plain_configs_make_it(config, kinds):
    with DefaultScope.overwrite_default_scope("dmmix"):
        evaluator = batch_evaluator(config)
    assert type(evaluator) is BatchEvaluator
    assert [type(metric) for metric in evaluator.metrics] == kinds


@pytest.mark.parametrize("chosen", [
    Evaluator(Accuracy()),
    dict(type="Evaluator", metrics=ACCURACY),
    None,
    "Accuracy",
])  # fmt: skip
def test_what_was_chosen_stays(chosen):
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
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
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
    try:
        one_kind = in_one_piece if rank else one_by_one
        evaluate(BatchEvaluator(Accuracy()), [one_kind(*logits_and_labels(4))], 8)
    except ValueError as error:
        results["error"] = str(error)
    torch.save(results, f"{folder}/rank{rank}.pt")
    leave_processes()


#: Which samples of 25 a rank has.
CASES = {
    "padded": (list(range(0, 25, 2)), [*range(1, 25, 2), 0]),
    "not padded": (list(range(0, 25, 2)), list(range(1, 25, 2))),
    "padded often": ([*range(0, 25, 2), 1, 3], [*range(1, 25, 2), 0, 2, 4]),
}


@pytest.mark.slow
def test_two_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # mmengine's own exchange leaves a folder
    torch.multiprocessing.start_processes(
        two_ranks, args=(str(tmp_path),), nprocs=2, start_method=FASTEST_START
    )
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
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
        assert "whole batches and data samples in one evaluation" in rank["error"]


def one_has_none(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    batches = [] if rank else [in_one_piece(*logits_and_labels(1, seed=3))]
    found = evaluate(BatchEvaluator(Accuracy(topk=(1, 7), thrs=None)), batches, 1)
    torch.save(found, f"{folder}/rank{rank}.pt")
    leave_processes()


@pytest.mark.slow
def test_a_process_without_samples(tmp_path):
    torch.multiprocessing.start_processes(
        one_has_none, args=(str(tmp_path),), nprocs=2, start_method=FASTEST_START
    )
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    options = dict(topk=(1, 7), thrs=None)
    expected = per_sample(stock.Accuracy(**options), *logits_and_labels(1, seed=3))
    assert ranks == [expected, expected]


# Mistakes


def test_soft_labels_have_no_accuracy():
    predictions = in_one_piece(*logits_and_labels(6, soft=True))
    with pytest.raises(ValueError, match=r"needs \(N,\) integer labels, got .* \(6, 7\)"):
        BatchEvaluator(Accuracy()).process(predictions)


def test_more_than_there_are_classes():
    made = logits_and_labels(6)
    with pytest.raises(ValueError, match=r"Top-9 accuracy .* categories is 7. ") as found:
        whole(Accuracy(topk=(1, 9)), *made)
    with pytest.raises(ValueError, match="Top-9") as expected:
        per_sample(stock.Accuracy(topk=(1, 9)), *made)
    assert str(found.value) == str(expected.value)


def test_whole_batches_and_data_samples_do_not_mix():
    evaluator = BatchEvaluator(Accuracy())
    made = logits_and_labels(6)
    with pytest.raises(ValueError, match="whole batches and data samples in one evaluation"):
        evaluate(evaluator, [in_one_piece(*made), one_by_one(*made)])
    assert_same(evaluate(evaluator, [in_one_piece(*made)]), per_sample(stock.Accuracy(), *made))
