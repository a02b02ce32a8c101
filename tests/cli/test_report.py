"""dmmix report: one table of many runs."""

import csv
import io
import itertools
import json
import math
import random

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

from dmmix.experiments.report.comparisons import holm
from dmmix.experiments.report.formats import _difference, _p
from dmmix.experiments.report.statistics import Difference, Group


@pytest.fixture
def report(call):
    """Its status, its table and what stands beside it."""
    return lambda *args: call("report", *args)


@pytest.fixture
def groups(report):
    """The groups that it finds, as its JSON has them, by the axes but for the seed."""

    def run(*args):
        status, table, beside = report(*args, "--format", "json")
        assert status == 0, beside
        return {(g["mixup"], g["objective"]): g for g in json.loads(table)}, beside

    return run


def curve(values, first=1):
    return [[first + k, value] for k, value in enumerate(values)]


def cell(work, mixup, objective, seed, values, *, finished=True, steps=None, **about):
    """A cell as dmmix sweep leaves it, with the top-1 of its epochs."""
    folder = work / f"{mixup}-{objective}-s{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    axes = dict(mixup=mixup, objective=objective, seed=str(seed))
    text = dict(
        sweep="small",
        cell=folder.name,
        axes=axes,
        published=None,
        baseline=dict(objective="mce"),
        metric="median10",
        key="accuracy/top1",
        steps=steps or len(values),
        by_epoch=True,
    )
    text.update(about)
    (folder / "cell.json").write_text(json.dumps(text), encoding="utf-8")
    if not finished:
        log(folder, values)
        return folder
    val = {"accuracy/top1": curve(values), "accuracy/top5": curve([v + 10 for v in values])}
    train = dict(mixed_top2=curve([v / 2 for v in values]))
    (folder / "result.json").write_text(
        json.dumps(dict(text, complete=True, val=val, train=train)), encoding="utf-8"
    )
    return folder


def log(folder, values, seed=None):
    """What a training writes itself."""
    vis = folder / "20260101_000000" / "vis_data"
    vis.mkdir(parents=True)
    lines = [json.dumps({"accuracy/top1": value, "step": step}) for step, value in curve(values)]
    (vis / "scalars.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if seed is not None:
        (vis / "config.py").write_text(
            f"randomness = dict(seed={seed})\ntrain_cfg = dict(max_epochs={len(values)})\n",
            encoding="utf-8",
        )


#: Top-1 by seed; twelve epochs each, of which the last ten count.
MCE = {0: 70.0, 1: 71.5, 2: 69.0, 3: 72.0}
DM = {0: 71.0, 1: 71.0, 2: 70.75, 3: 73.5}
#: Around the level: its median over the last ten is the level, its best and last are not.
SHAPE = (9, 9, -3, -2, -1, -0.25, 0.25, 0.5, 1, 2, 3, -0.5)


def epochs(level):
    return [level + offset for offset in SHAPE]


def fill(work, **levels):
    """Cells of CutMix: by objective, seed and level; those of ``mix_objective`` of that mix."""
    for name, by_seed in levels.items():
        mixup, _, objective = name.rpartition("_")
        for seed, level in by_seed.items():
            cell(work, mixup or "cutmix", objective, seed, epochs(level))
    return work


@pytest.fixture
def work(tmp_path):
    return fill(tmp_path / "work", mce=MCE, dm=DM)


MEAN = {"mce": np.mean([*MCE.values()]), "dm": np.mean([*DM.values()])}
#: Of each seed, and what a table has of them.
CHANGES = [DM[seed] - MCE[seed] for seed in MCE]
CHANGE, HALF = np.mean(CHANGES), student.ppf(0.975, 3) * np.std(CHANGES, ddof=1) / 2


@pytest.mark.parametrize(("metric", "offset"), [("median10", 0.0), ("best", 9.0), ("last", -0.5)])
def test_means_and_deviations(groups, work, metric, offset):
    found, beside = groups(work, "--metric", metric)
    for name, levels in (("mce", MCE), ("dm", DM)):
        group = found["cutmix", name]
        assert group["n"] == 4
        assert group["seeds"] == ["0", "1", "2", "3"]
        assert group["mean"] == pytest.approx(MEAN[name] + offset)
        assert group["deviation"] == pytest.approx(np.std([*levels.values()], ddof=1))
        values = {str(seed): pytest.approx(level + offset) for seed, level in levels.items()}
        assert group["values"] == values
    assert "Differences are to objective=mce." in beside


def test_the_sweeps_own_metric(groups, tmp_path):
    cell(tmp_path, "cutmix", "mce", 0, epochs(70.0), metric="best")
    found, beside = groups(tmp_path)
    assert found["cutmix", "mce"]["mean"] == 79.0
    assert "highest of all epochs" in beside
    found, _ = groups(tmp_path, "--metric", "last")
    assert found["cutmix", "mce"]["mean"] == 69.5


def test_the_difference_is_paired_by_seed(groups, work):
    found, _ = groups(work)
    group, baseline = found["cutmix", "dm"], found["cutmix", "mce"]
    assert group["difference"] == pytest.approx(CHANGE)
    assert (group["low"], group["high"]) == pytest.approx((CHANGE - HALF, CHANGE + HALF))
    levels = [np.std([*values.values()], ddof=1) for values in (MCE, DM)]
    assert math.hypot(*levels) > HALF  # the seeds vary more than the difference does
    assert (group["pairs"], baseline["pairs"], baseline["difference"]) == (4, 0, None)


@pytest.mark.parametrize(
    ("seeds", "half"),
    [
        (2, 12.7062 * 0.5),  # differences 1 and 2: standard error 1 / 2, t(1)
        (3, 4.30265 / math.sqrt(3)),  # 1, 2, 3: standard error 1 / sqrt(3), t(2)
    ],
)
def test_known_intervals(groups, tmp_path, seeds, half):
    fill(tmp_path, mce=dict.fromkeys(range(seeds), 50.0), dm={s: 51.0 + s for s in range(seeds)})
    group = groups(tmp_path)[0]["cutmix", "dm"]
    assert group["difference"] == (1 + seeds) / 2
    assert group["high"] - group["difference"] == pytest.approx(half, rel=1e-5)
    assert group["difference"] - group["low"] == pytest.approx(half, rel=1e-5)


def test_seeds_without_a_pair(groups, work):
    """They stand in the order of numbers."""
    fill(work, dm={10: 99.0, 7: 70.0}, mce={8: 1.0}, mixup_dm={0: 60.0})
    found, beside = groups(work)
    group = found["cutmix", "dm"]
    assert (group["n"], group["pairs"]) == (6, 4)
    assert group["seeds"] == ["0", "1", "2", "3", "7", "10"]
    assert group["difference"] == pytest.approx(CHANGE)
    says = "mixup={} objective=dm: seeds without a pair, not in the difference: {}"
    assert says.format("cutmix", "7, 8, 10") in beside
    assert says.format("mixup", "0") in beside  # a group without a baseline
    assert (found["mixup", "dm"]["mean"], found["mixup", "dm"]["difference"]) == (60.0, None)


def test_one_seed_has_no_interval(groups, report, tmp_path):
    fill(tmp_path, mce={0: 70.0}, dm={0: 71.25})
    group = groups(tmp_path)[0]["cutmix", "dm"]
    assert (group["difference"], group["low"], group["high"]) == (1.25, None, None)
    assert group["deviation"] is None
    row = next(line for line in report(tmp_path)[1].splitlines() if " dm " in line)
    assert "71.25 |" in row
    assert "+1.25 |" in row
    assert "±" not in row


def test_the_same_change_for_every_seed_has_no_width(groups, report, work, tmp_path):
    fill(work, half={seed: level - 0.5 for seed, level in MCE.items()})
    group = groups(work)[0]["cutmix", "half"]
    assert group["deviation"] > 1
    assert group["difference"] == group["low"] == group["high"] == -0.5
    same = dict.fromkeys(range(3), 70.1)
    _, table, _ = report(fill(tmp_path / "same", mce=same, dm=same))
    assert "70.10 ± 0.00 |" in table
    assert " +0.00 ± 0.00 |" in table


def test_a_value_that_is_no_number(groups, report, work):
    """A diverged run takes its own group's numbers with it, and no other's."""
    fill(work, dm={0: math.nan})  # in the place of the first
    found, _ = groups(work)
    assert all(math.isnan(found["cutmix", "dm"][name]) for name in ("mean", "deviation", "high"))
    assert found["cutmix", "mce"]["mean"] == pytest.approx(MEAN["mce"])
    assert "nan ± nan" in report(work)[1]


def test_baselines(groups, work):
    """Each group is compared within its other axes, unless several are said."""
    levels = {seed: 60.0 + seed for seed in MCE}
    fill(work, mixup_mce=levels, mixup_dm={seed: level + 2 for seed, level in levels.items()})
    assert groups(work)[0]["mixup", "dm"]["difference"] == 2.0
    found, beside = groups(work, "--baseline", "objective=dm")
    assert found["cutmix", "mce"]["difference"] == pytest.approx(-CHANGE)
    assert "objective=dm" in beside
    found, _ = groups(work, "--baseline", "mixup=mixup", "objective=mce")
    expected = np.mean([DM[seed] - levels[seed] for seed in MCE])
    assert found["cutmix", "dm"]["difference"] == pytest.approx(expected)


def test_other_keys(groups, work):
    found, beside = groups(work, "--key", "accuracy/top5")
    assert found["cutmix", "mce"]["mean"] == pytest.approx(MEAN["mce"] + 10)
    assert beside.startswith("accuracy/top5, median of the last 10 epochs")
    found, _ = groups(work, "--key", "mixed_top2")
    assert found["cutmix", "mce"]["mean"] == pytest.approx(MEAN["mce"] / 2)


def change(file, **entries):
    text = dict(json.loads(file.read_text(encoding="utf-8")), **entries)
    file.write_text(json.dumps(text), encoding="utf-8")


def test_mixed_top2_of_the_training(groups, report, tmp_path):
    """A column of its own, where every run of the group has it."""
    fill(tmp_path, mce={0: 70.0, 1: 71.0}, dm={0: 60.0, 1: 61.0})
    change(tmp_path / "cutmix-dm-s1" / "result.json", train={})
    found, _ = groups(tmp_path)
    assert found["cutmix", "mce"]["mixed_top2"] == (35.0 + 35.5) / 2
    assert found["cutmix", "dm"]["mixed_top2"] is None
    assert found["cutmix", "mce"]["mixed_top1"] is None
    header, _, dm, mce = report(tmp_path)[1].splitlines()
    assert header.split("|")[-2].strip() == "mixed_top2"
    assert [row.split("|")[-2].strip() for row in (dm, mce)] == ["", "35.2"]


def test_what_was_measured_afterwards(groups, work):
    for objective, top2 in (("mce", 20.0), ("dm", 30.0)):
        for seed in MCE:
            file = work / f"cutmix-{objective}-s{seed}" / "measured.json"
            file.write_text(
                json.dumps(dict(values={"Mixup/top2": [[12, top2 + seed]]})), encoding="utf-8"
            )
    found, _ = groups(work, "--key", "Mixup/top2", "--metric", "last")
    assert (found["cutmix", "dm"]["mean"], found["cutmix", "dm"]["difference"]) == (31.5, 10.0)
    assert groups(work)[0]["cutmix", "dm"]["mean"] == pytest.approx(MEAN["dm"])


def test_what_is_not_finished_is_named_and_left_out(groups, work):
    part = cell(work, "cutmix", "dm", 7, epochs(99.0)[:5], finished=False, steps=12)
    never = cell(work, "cutmix", "dm", 6, [], finished=False, steps=12)
    torn = cell(work, "cutmix", "dm", 5, epochs(99.0))
    change(torn / "result.json", complete=False)
    empty = cell(work, "cutmix", "dm", 9, [])
    by_hand = cell(work, "cutmix", "dm", 4, epochs(80.0), finished=False, steps=12)  # to its end
    found, beside = groups(work)
    assert [*found["cutmix", "dm"]["values"]] == ["0", "1", "2", "3", "4"]
    assert found["cutmix", "dm"]["values"]["4"] == 80.0
    assert beside.count("not finished, left out") == 3
    assert f"not finished, left out: {part} (at 5 of 12)" in beside
    assert f"not finished, left out: {never} (at 0 of 12)" in beside
    assert f"not finished, left out: {torn}" in beside
    assert f"no accuracy/top1 was logged, left out: {empty}" in beside
    assert str(by_hand) not in beside


def test_too_few_evaluations_are_told(groups, tmp_path):
    folder = cell(tmp_path, "cutmix", "mce", 0, [50.0, 51.0, 52.0], steps=12)
    _, beside = groups(tmp_path)
    assert f"{folder}: only 3 of the last 10 epochs were evaluated" in beside
    _, beside = groups(tmp_path, "--metric", "last")
    assert "were evaluated" not in beside


def test_published_numbers_and_what_they_lack(groups, report, tmp_path):
    note = "of ten crops"
    cell(tmp_path, "cutmix", "mce", 0, epochs(70.0), published=78.17, published_note=note)
    other = cell(tmp_path, "cutmix", "dm", 0, epochs(71.0), published_note=note)
    found, _ = groups(tmp_path)
    names = ("published", "published_note")
    assert [found["cutmix", "mce"][name] for name in names] == [78.17, note]
    assert [found["cutmix", "dm"][name] for name in names] == [None, None]
    _, table, _ = report(tmp_path)
    assert "published" in table.splitlines()[0]
    assert "78.17" in table
    assert table.endswith(" |\n\nPublished: of ten crops\n")
    assert "ublished" not in report(other)[1]


def test_markdown(report, work):
    status, table, _beside = report(work)
    assert status == 0
    header, rule, *rows = table.splitlines()
    names = [name.strip() for name in header.strip("|").split("|")]
    assert names == ["mixup", "objective", "n", "mean ± sd", "difference (95 %)", "mixed_top2"]
    assert len({len(line) for line in (header, rule, *rows)}) == 1
    assert len(rows) == 2
    sd = np.std([*MCE.values()], ddof=1)
    assert f" {MEAN['mce']:.2f} ± {sd:.2f} |" in next(row for row in rows if "mce" in row)
    assert f" {CHANGE:+.2f} ± {HALF:.2f} |" in next(row for row in rows if " dm " in row)


def test_json_has_every_value(report, work):
    _, table, _ = report(work, "--format", "json")
    read = json.loads(table)
    assert json.dumps(read, indent=2) + "\n" == table
    assert [group["objective"] for group in read] == ["dm", "mce"]
    assert read[0]["values"] == {str(seed): level for seed, level in DM.items()}


def test_csv(report, work):
    _, table, beside = report(work, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["objective"] for row in rows] == ["dm", "mce"]
    assert float(rows[1]["mean"]) == pytest.approx(MEAN["mce"])
    assert rows[1]["seeds"] == "0 1 2 3"
    assert rows[1]["difference"] == ""
    assert float(rows[0]["low"]) < float(rows[0]["difference"]) < float(rows[0]["high"])
    assert "accuracy/top1" in beside
    assert "accuracy/top1" not in table


@pytest.mark.parametrize("suffix", ["md", "csv", "json"])
def test_the_file_says_the_format(report, work, tmp_path, suffix):
    out = tmp_path / "new" / f"table.{suffix}"
    status, table, _ = report(work, "--out", out)
    assert status == 0
    assert table == f"written to {out}\n"
    assert out.read_text(encoding="utf-8") == report(work, "--format", suffix)[1]


def test_several_folders(groups, report, tmp_path):
    first, second = fill(tmp_path / "a", mce={0: 70.0}), fill(tmp_path / "b", mce={1: 72.0})
    found, _ = groups(first, second, first)
    assert found["cutmix", "mce"]["values"] == {"0": 70.0, "1": 72.0}
    cell(tmp_path / "c", "cutmix", "mce", 0, epochs(60.0), sweep="other")
    _, table, _ = report(first, tmp_path / "c")
    assert [row.split("|")[1].strip() for row in table.splitlines()[2:]] == ["small", "other"]
    status, _, beside = report(first, fill(tmp_path / "d", mce={0: 70.0}))
    assert status != 0
    assert "are both mixup=cutmix, objective=mce, seed=0: leave one out" in beside


def test_runs_that_no_sweep_made(report, tmp_path):
    for seed, level in MCE.items():
        log(tmp_path / f"r18_s{seed}", epochs(level), seed)
    log(tmp_path / "vanilla", epochs(50.0), 0)
    status, table, beside = report(tmp_path, "--format", "json")
    assert status == 0
    found = {group["run"]: group for group in json.loads(table)}
    assert set(found) == {"r18", "vanilla"}
    assert found["r18"]["n"] == 4
    assert found["r18"]["mean"] == pytest.approx(MEAN["mce"])
    assert "Differences" not in beside
    status, table, _ = report(tmp_path, "--baseline", "run=vanilla", "--format", "json")
    assert next(g for g in json.loads(table) if g["run"] == "r18")["difference"] == 20.0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--metric", "mean10"], "metric must be one of median10, best, last, got 'mean10'"),
        (["--key", "accuracy/top2"], "no accuracy/top2 was logged"),
        (["--baseline", "objectiv=mce"], "no axis 'objectiv'; did you mean 'objective'?"),
        (["--baseline", "objective=mse"], "no finished run with objective=mse; did you mean 'mce'"),
        (["--baseline", "mce"], "mce"),
        (["--baseline", "objective=mce", "objective=dm"], "objective must be one value"),
        (["--out", "."], "--out must be a file, . is a folder"),
        (["--out", "table.txt"], "--out must end in .md, .csv or .json"),
        (["--format", "tex"], "tex"),
    ],
)
def test_mistakes(report, work, args, says):
    status, table, beside = report(work, *args)
    assert status not in (0, None)
    assert table == ""
    assert says in beside
    assert "Traceback" not in beside


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("result.json", '{"complete": true, "axes": {}}', "'val' must have a list"),
        ("result.json", '{"complete": true, "axes": {}, "val": [1]}', "'val' must have a list"),
        ("result.json", '{"complete": true, "val": {"a": [[1, "x"]]}}', "'val' must have a list"),
        ("result.json", '{"complete": true, "val": {}, "train": {"a": 3}}', "'train' must have"),
        ("result.json", '{"complete": true, "val": {}, "train": {}}', "'axes' must be a dict"),
        ("measured.json", '{"values": 3}', "'values' must have a list of (step, value) by name"),
    ],
)
def test_files_that_are_not_as_they_were_written(report, work, name, text, says):
    file = work / "cutmix-dm-s0" / name
    file.write_text(text, encoding="utf-8")
    status, table, beside = report(work)
    assert (status, table) == (2, "")
    assert beside.strip().splitlines()[0].startswith(f"error: {file}: {says}")
    assert len(beside.strip().splitlines()) == 1


def test_folders_without_a_run(report, work, tmp_path):
    (tmp_path / "empty").mkdir()
    cell(tmp_path / "begun", "cutmix", "mce", 0, [50.0], finished=False, steps=12)
    for folder, says in (
        (work / "cutmix-dm-s0" / "result.json", "is a file; a folder with runs in it was expected"),
        (tmp_path / "wrk", f"no work folder {tmp_path / 'wrk'}"),
        (tmp_path / "empty", "no run in it: no cell.json and no vis_data/scalars.json"),
        (tmp_path / "begun", "no finished run has a value to show\nnot finished, left out: "),
    ):
        status, _, beside = report(folder)
        assert status != 0
        assert says in beside


@pytest.mark.slow
def test_as_a_process(work, start):
    _, header, *rows = start("report", work, "--format", "csv").splitlines()
    assert (header[:16], len(rows)) == ("mixup,objective,", 2)
    failed = start("report", work / "x", expect=2)
    assert failed.strip().startswith("error: no work folder")
    assert len(failed.strip().splitlines()) <= 2


def test_rounding_never_moves_zero_into_an_interval_or_out_of_it():
    """+.23 ± .16 was rounded to +.2 ± .2 on a page, and +.004 ± .003 to +0.00 ± 0.00 in a table."""

    def shown(mean, half):
        return _difference(Group({}, {"0": 1.0}, difference=Difference(mean, half, 5)))

    assert shown(0.23, 0.16) == "+0.23 ± 0.16"
    assert shown(0.004, 0.003) == "+0.004 ± 0.003"
    assert shown(-0.1249, 0.1212) == "-0.125 ± 0.121"
    assert shown(0.126, 0.1345) == "+0.13 ± 0.13"  # 0 is inside, and on the border
    assert shown(0.1351, 0.1349) == "+0.14 ± 0.13"
    assert shown(0.0, 0.0) == "+0.00 ± 0.00"
    assert shown(float("nan"), float("nan")) == "+nan ± nan"
    assert shown(1.25, None) == "+1.25"


# How many comparisons a table has


def closed_testing(ps):
    """What Holm's steps are short for: p of a difference is the largest, over all sets with it, of
    Bonferroni's p that all of the set are nothing."""
    places = range(len(ps))
    sets = [s for k in places for s in itertools.combinations(places, k + 1)]
    return [max(min(1, len(s) * min(ps[j] for j in s)) for s in sets if i in s) for i in places]


def test_holm_is_closed_testing_with_bonferroni():
    # The example that textbooks have: of four, the last and the first are told from nothing.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    draw = random.Random(0)
    for n in (0, 1, 2, 3, 7):
        ps = [draw.random() ** 3 for _ in range(n)]
        assert holm(ps) == pytest.approx(closed_testing(ps))
    assert holm([0.02, 0.02]) == [0.04, 0.04]


def test_each_difference_is_one_of_many(groups, report, work):
    found, beside = groups(work)  # of one nothing is corrected
    assert found["cutmix", "dm"]["p"] == found["cutmix", "dm"]["p_holm"]
    assert "comparisons" not in beside
    assert "Holm" not in report(work)[1]
    levels = {"dm": DM, "dm2": {0: 71.0, 1: 72.5, 2: 70.25, 3: 73.5}}
    found, beside = groups(fill(work, dm2=levels["dm2"]))
    ps = [ttest_rel([v[s] for s in MCE], [*MCE.values()]).pvalue for v in levels.values()]
    assert found["cutmix", "mce"]["p"] is found["cutmix", "mce"]["p_holm"] is None
    for name, p, corrected in zip(levels, ps, closed_testing(ps), strict=True):
        assert found["cutmix", name]["p"] == pytest.approx(p)
        assert found["cutmix", name]["p_holm"] == pytest.approx(corrected)
    assert ps[0] > 0.05 > 2 * ps[1]
    assert "2 comparisons: 1 with p < 0.05 when each stands alone, 1 corrected" in beside
    _, table, _ = report(work)
    assert "| p (Holm) |" in table.splitlines()[0]
    assert f" {2 * ps[1]:.3f} |" in next(row for row in table.splitlines() if " dm2 " in row)


def test_what_is_no_test_does_not_count(groups, work):
    """A diverged run, and a single seed; differences without any spread do."""
    half = {seed: level + 0.5 for seed, level in MCE.items()}
    found, beside = groups(fill(work, same=MCE, half=half, nan={**MCE, 0: math.nan}, one={0: 80.0}))
    assert "3 comparisons: 1 with" in beside
    assert found["cutmix", "same"]["p_holm"] == 1
    assert found["cutmix", "half"]["p_holm"] == 0
    assert found["cutmix", "nan"]["p_holm"] is found["cutmix", "one"]["p_holm"] is None


def test_rounding_leaves_p_on_its_side():
    shown = [_p(value) for value in (None, 0.0004, 0.0384, 0.04996, 0.05, 0.0501, 1.0)]
    assert shown == ["", "< 0.001", "0.038", "0.04996", "0.050", "0.050", "1.000"]
