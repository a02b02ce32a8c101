"""What does not fit together is one sentence before the first step."""

import shutil
import uuid
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from dmmix.engine import DumpPredictions, dry_run
from dmmix.registry import DATASETS
from tests.datasets.pictures import picture, save
from tests.engine import small

pytestmark = pytest.mark.openmmlab

CLASSES = ("ant", "bee", "cat", "dog")


def write(folder, classes, count=3):
    """One colour a class, the same in each folder, so that a network can know them."""
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            image = picture(12, 12, i) // 8
            image[..., 0] += 50 * CLASSES.index(name) if name in CLASSES else 7
            save(folder / name / f"{i}.png", image)
    return str(folder)


@pytest.fixture
def folders(tmp_path):
    """``folders(test classes)``: train, val and test folder."""

    def make(val=CLASSES, train=CLASSES):
        root = tmp_path / uuid.uuid4().hex
        return {"train": write(root / "train", train), "val": write(root / "val", val)}

    return make


@pytest.fixture
def run(tmp_path):
    """``run(folders, key=...)``: a runner of a small network."""

    def build(roots, options=None, metrics=None, **more):
        metrics = metrics or dict(type="Accuracy", topk=(1,))

        def loader(folder, test):
            dataset = dict(type="DecodedFolder", data_root=folder, size=8, test_mode=test)
            return small.loader(dataset, 6, shuffle=not test)

        return small.runner(
            tmp_path / "work" / uuid.uuid4().hex,
            None,
            options,
            model=small.model(channels=3, classes=4),
            data_preprocessor=dict(type="MixupDataPreprocessor", num_classes=4),
            train_dataloader=loader(roots["train"], False),
            val_dataloader=loader(roots["val"], True),
            test_dataloader=loader(roots["val"], True),
            val_cfg=dict(), test_cfg=dict(), val_evaluator=metrics, test_evaluator=metrics,
            default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1)),
            **more,
        )  # fmt: skip

    return build


def refused(runner, says, error=ValueError):
    for start in (runner.train, lambda: dry_run(runner)):
        with pytest.raises(error, match=says):
            start()
    assert runner.iter == 0


TOP_5 = dict(type="Accuracy", topk=(1, 5))
STOP = [dict(type="EarlyStoppingHook", monitor="mixed/top1")]
PLATEAU = [dict(type="mmengine.ReduceOnPlateauLR", monitor="loss")]
FILES = [dict(type="LoadImageFromFile"), dict(type="Resize", scale=(8, 8)), dict(type="PackLabels")]
CUSTOM = dict(type="CustomDataset", data_root="VAL", pipeline=FILES, _delete_=True)
SAVES, NOTHING = "default_hooks.checkpoint", "but val_evaluator gives no such metric, only 'acc"
DATA = r"_dataloader.dataset \(DecodedFolder\) has"
#: Options and what is said; ``val`` are classes of the validation data.
WRONG = [
    (dict(val=("ant", "bee", "eel", "fly")), r"data does not have: 'eel', 'fly' \(and lacks 'cat'"),
    (
        {"val": ("bee", "dog"), "val_dataloader.dataset": CUSTOM},
        r"\(CustomDataset\) numbers its classes otherwise than the training data: 'bee', 'dog'",
    ),
    ({"data_preprocessor.num_classes": 7}, "num_classes=7, but model.head.num_classes=4"),
    ({"model.head.num_classes": 7}, f"train{DATA} 4 classes, but model.head.num_classes=7: take"),
    (
        {"train_dataloader.batch_size": 20, "train_dataloader.drop_last": True},
        "train_dataloader has no batch in an epoch: 12 images for batch_size=20, drop_last=True le",
    ),
    ({"train_dataloader.batch_size": 11}, "epoch has one image .12 images, batch_size=11."),
    (dict(metrics=TOP_5), r"val_evaluator: Accuracy\(topk=\(1, 5\)\) for 4 cl"),
    ({f"{SAVES}.save_best": "accuracy/top5"}, f"save_best='accuracy/top5', {NOTHING}"),
    ({SAVES: dict(save_best=["accuracy/top1", "x"], rule="less")}, f"save_best='x', {NOTHING}"),
    ({"custom_hooks": STOP}, f"monitor='mixed/top1', {NOTHING}"),
    ({"param_scheduler": PLATEAU}, f"param_scheduler.monitor='loss', {NOTHING}"),
    ({"train_dataloader.dataset.with_label": False}, f"train{DATA} no labels"),
    ({"val_dataloader.dataset.with_label": False}, f"val{DATA} no labels"),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
def test_what_is_wrong(run, folders, options, says):
    options = dict(options)
    roots = folders(val=options.pop("val", CLASSES))
    if "val_dataloader.dataset" in options:
        options["val_dataloader.dataset"] = dict(CUSTOM, data_root=roots["val"])
    refused(run(roots, options, options.pop("metrics", None)), says)


@pytest.mark.parametrize(
    ("classes", "trains", "says"),
    [
        (("ant", "eel"), True, "the checkpoint does not have: 'eel'"),
        (("bee", "dog"), False, r"has 2 classes, but model.head.num_classes=4"),
    ],
)
def test_what_is_wrong_with_test_data(run, folders, classes, trains, says):
    """Beside a checkpoint, and beside none that has names."""
    options = {}
    if trains:
        trained = run(folders())
        trained.train()
        options = dict(load_from=f"{trained.work_dir}/epoch_1.pth")
    with pytest.raises(ValueError, match=says):
        run(folders(val=classes), **options).test()
    with pytest.raises(ValueError, match="test_evaluator: Accuracy"):
        run(folders(), metrics=TOP_5).test()


# Classes by name


def right_net(runner):
    """Makes the network right on every image: the first channel tells the class."""

    def know(inputs, *args, **kwargs):
        level = inputs[:, 0].flatten(1).float().mean(dim=1)
        nearest = ((level - 18) / 50).round().long().clamp(0, 3)
        return torch.nn.functional.one_hot(nearest, 4).float() * 20

    runner.model.extract_feat = lambda inputs, **kwargs: inputs
    runner.model.head.forward = know
    return runner


@pytest.mark.slow
@pytest.mark.parametrize("classes", [CLASSES, ("bee", "dog"), ("dog",), ("cat", "ant", "dog")])
def test_a_test_folder_with_some_classes_gave_0_to_33_percent(run, folders, classes):
    trained = run(folders())
    trained.train()
    checkpoint = f"{trained.work_dir}/epoch_1.pth"
    tested = right_net(run(folders(val=classes), load_from=checkpoint))
    assert tested.test()["accuracy/top1"] == 100
    assert tested.test_dataloader.dataset.metainfo["classes"] == CLASSES
    validated = right_net(run(folders(val=classes), load_from=checkpoint))
    assert validated.val()["accuracy/top1"] == 100
    again = run(folders(val=classes))
    again.train()
    labels = set(again.val_dataloader.dataset.get_gt_labels())
    assert labels == {CLASSES.index(name) for name in classes}


def test_numbers_of_classes_without_names(run, folders):
    runner = run(folders(), {"model.head.num_classes": 3, "data_preprocessor.num_classes": 3})
    runner.train_dataloader.dataset._metainfo["classes"] = None
    refused(runner, "has labels up to 3, but model.head.num_classes=3: take .*=4")


@pytest.mark.slow
def test_a_last_batch_of_one_image_that_is_left_out_or_meets_no_norm(run, folders):
    run(folders(), {"train_dataloader.batch_size": 11, "train_dataloader.drop_last": True}).train()
    no_norm = run(folders(), {"train_dataloader.batch_size": 11})
    for name, module in list(no_norm.model.named_modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            parent, _, child = name.rpartition(".")
            setattr(no_norm.model.get_submodule(parent), child, torch.nn.Identity())
    no_norm.train()


# Metrics


class Own(Hook):
    priority = "HIGH"

    def after_val_epoch(self, runner, metrics=None):
        metrics["own"] = 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("accuracy/top1", None),
        ("auto", None),
        ("mixed/top1", None),
        ("own", None),
        ("single-label/f1-score", dict(type="SingleLabelMetric")),
    ],
)
def test_what_is_measured_is_chosen_by(run, folders, name, metrics):
    mixed = dict(type="MixedAccuracyHook", mixup=dict(type="CutMix"))
    options = {"default_hooks.checkpoint.save_best": name,
               "custom_hooks": [mixed] * (name == "mixed/top1"),
               "default_hooks.checkpoint.rule": "greater"}  # fmt: skip
    runner = run(folders(), options, metrics=metrics)
    if name == "own":
        runner.register_hook(Own())
    runner.train()
    assert next(Path(runner.work_dir).glob("best_*.pth"))


# Labels


@pytest.fixture
def predicted(run, folders, tmp_path):
    """``predicted(key=...)``: the entries of the file, the metrics and the data set."""

    def test(options=None, **more):
        out, runner = str(tmp_path / f"{uuid.uuid4().hex}.pkl"), run(folders(), options, **more)
        runner.test_evaluator.metrics.append(DumpPredictions(out, runner.test_dataloader))
        metrics = runner.test()
        return mmengine.load(out), metrics, runner.test_dataloader.dataset

    return test


def test_tools_test_logged_an_accuracy_of_images_without_labels(predicted):
    hook = dict(type="MixedAccuracyHook", mixup=dict(type="CutMix"))
    options = {"test_dataloader.dataset.with_label": False, "custom_hooks": [hook]}
    both = [dict(type="Accuracy"), dict(type="SingleLabelMetric")]
    found, metrics, dataset = predicted(options, metrics=both)
    assert metrics == {}
    assert [entry["sample_idx"] for entry in found] == list(range(12))
    for i, entry in enumerate(found):
        assert entry["img_path"] == dataset.get_data_info(i)["img_path"]
        assert entry["pred_score"].shape == (4,)
        assert "gt_label" not in entry


def test_names_of_predicted_images(predicted):
    for entry in predicted()[0]:
        name = Path(entry["img_path"]).parent.name
        assert CLASSES.index(name) == int(entry["gt_label"])
    shuffled = predicted({"test_dataloader.sampler.shuffle": True})[0]
    assert all("img_path" not in entry for entry in shuffled)
    few = dict(labels_per_class=1, seed=3)
    subset = predicted({"test_dataloader.dataset.subset": few})[0]
    assert len({entry["sample_idx"] // 3 for entry in subset}) == 4


def multi_label(tmp_path, pipeline):
    file = {"metainfo": {"classes": list(CLASSES)}, "data_list": []}
    for i, classes in enumerate([[0, 2], [1], [], [0, 1, 3]] * 3):
        save(tmp_path / f"{i}.png", picture(8, 8, i))
        file["data_list"].append({"img_path": f"{i}.png", "gt_label": classes})
    mmengine.dump(file, str(tmp_path / "multi.json"))
    return dict(type="MultiLabelDataset", data_root=str(tmp_path), ann_file="multi.json",
                data_prefix="", pipeline=[dict(type="LoadImageFromFile"), *pipeline],
                _delete_=True)  # fmt: skip


@pytest.mark.parametrize(
    "pipeline", [[dict(type="PackInputs")], [dict(type="PackLabels", num_classes=4)]]
)
def test_lists_of_classes_were_concatenated(run, folders, tmp_path, trained_on, pipeline):
    options = {
        "train_dataloader.dataset": multi_label(tmp_path, pipeline),
        "train_dataloader.batch_size": 4,
        "train_dataloader.sampler.shuffle": False,
        "train_dataloader.collate_fn.type": (
            "pseudo_collate" if pipeline[0]["type"] == "PackInputs" else "default_collate"
        ),
        "model.head.loss": dict(type="DecoupledMixupBCELoss", _delete_=True),
        "model.mixup": dict(type="CutMix", _delete_=True),
    }
    runner = run(folders(), options)
    outputs = dry_run(runner)
    assert trained_on[0][1].tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1]]
    assert set(outputs) == {"loss", "loss_bce"}  # a mixed accuracy would say nothing
    del options["model.head.loss"]
    refused(run(folders(), options), "is multi-label, and DecoupledMixupLoss is for shares")


def test_multi_label_data(tmp_path):
    dataset = multi_label(tmp_path, [])
    dataset.pop("_delete_")
    dataset.pop("pipeline")
    with DATASETS.switch_scope_and_registry("dmmix") as registry:
        source = registry.build(dataset)
        found = registry.build(dict(type="DecodedImages", dataset=source))
        assert found.get_gt_labels()[:2].tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
        for info in (infos := [source.get_data_info(i) for i in range(len(source))]):
            info["img"] = np.zeros((4, 4, 3), np.uint8)
        source.data_list, source.serialize_data = infos, False
        with pytest.raises(TypeError, match=r"InMemory takes one class an image, sample 0 of Mult"):
            registry.build(dict(type="InMemory", dataset=source))


def test_an_empty_class_folder_is_not_to_be_removed(run, folders, tmp_path):
    roots = folders()
    shutil.rmtree(f"{roots['val']}/bee")
    (tmp_path / roots["val"] / "bee").mkdir()
    with pytest.raises(ValueError, match="allow_empty=True") as caught:
        run(roots).train()
    assert "remove" not in str(caught.value)
