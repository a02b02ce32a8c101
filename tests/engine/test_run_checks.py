"""What does not fit together is one sentence before the first step."""

import shutil
import uuid
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from dmmix.engine import DumpPredictions, RunChecksHook, dry_run
from dmmix.models import MixupClassifier
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


def test_validation_in_training_goes_by_name_too(run, folders):
    runner = run(folders(val=("bee", "dog")))
    runner.train()
    assert set(runner.val_dataloader.dataset.get_gt_labels()) == {1, 3}


def test_classes_that_the_training_data_does_not_have(run, folders):
    says = (
        r"val_dataloader.dataset has classes that the training data does not have: 'eel', 'fly' "
        r"\(and lacks 'cat', 'dog'\)"
    )
    refused(run(folders(val=("ant", "bee", "eel", "fly"))), says)


def test_classes_that_the_checkpoint_does_not_have(run, folders):
    trained = run(folders())
    trained.train()
    tested = run(folders(val=("ant", "eel")), load_from=f"{trained.work_dir}/epoch_1.pth")
    with pytest.raises(ValueError, match="the checkpoint does not have: 'eel'"):
        tested.test()


def test_some_classes_and_a_checkpoint_without_names(run, folders):
    tested = run(folders(val=("bee", "dog")))
    with pytest.raises(ValueError, match=r"has 2 classes, but model.head.num_classes=4"):
        tested.test()


def test_a_data_set_that_cannot_be_renumbered(run, folders):
    roots = folders(val=("bee", "dog"))
    pipeline = [dict(type="LoadImageFromFile"), dict(type="Resize", scale=(8, 8)),
                dict(type="PackLabels")]  # fmt: skip
    dataset = dict(type="CustomDataset", data_root=roots["val"], pipeline=pipeline, _delete_=True)
    says = r"\(CustomDataset\) numbers its classes otherwise than the training data: 'bee', 'dog'"
    refused(run(roots, {"val_dataloader.dataset": dataset}), says)


# Numbers of classes


@pytest.mark.slow
def test_head_preprocessor_and_data(run, folders):
    refused(run(folders(), {"data_preprocessor.num_classes": 7}),
            "data_preprocessor.num_classes=7, but model.head.num_classes=4")  # fmt: skip
    refused(run(folders(), {"model.head.num_classes": 7}),
            r"train_dataloader.dataset \(DecodedFolder\) has 4 classes, but model.head.num_classes"
            "=7: take model.head.num_classes=4")  # fmt: skip


def test_numbers_of_classes_without_names(run, folders):
    runner = run(folders(), {"model.head.num_classes": 3, "data_preprocessor.num_classes": 3})
    runner.train_dataloader.dataset._metainfo["classes"] = None
    refused(runner, "has labels up to 3, but model.head.num_classes=3: take .*=4")


# Batches


def test_no_batch_in_an_epoch(run, folders):
    options = {"train_dataloader.batch_size": 20, "train_dataloader.drop_last": True}
    refused(run(folders(), options), "train_dataloader has no batch in an epoch: 12 images for "
            "batch_size=20, drop_last=True leaves out the only batch")  # fmt: skip


@pytest.mark.slow
def test_a_last_batch_of_one_image(run, folders):
    says = "the last batch of an epoch has one image .12 images, batch_size=11."
    runner = run(folders(), {"train_dataloader.batch_size": 11})
    refused(runner, says)
    run(folders(), {"train_dataloader.batch_size": 11, "train_dataloader.drop_last": True}).train()
    no_norm = run(folders(), {"train_dataloader.batch_size": 11})
    for name, module in list(no_norm.model.named_modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            parent, _, child = name.rpartition(".")
            setattr(no_norm.model.get_submodule(parent), child, torch.nn.Identity())
    no_norm.train()


# Metrics


@pytest.mark.slow
def test_top_5_of_four_classes(run, folders):
    metrics = dict(type="Accuracy", topk=(1, 5))
    refused(run(folders(), metrics=metrics), r"val_evaluator: Accuracy\(topk=\(1, 5\)\) for 4 cl")
    with pytest.raises(ValueError, match="test_evaluator: Accuracy"):
        run(folders(), metrics=metrics).test()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"default_hooks.checkpoint.save_best": "accuracy/top5"}, "save_best='accuracy/top5'"),
        ({"default_hooks.checkpoint.save_best": ["accuracy/top1", "x"],
          "default_hooks.checkpoint.rule": "greater"}, "save_best='x'"),
        ({"custom_hooks": [dict(type="EarlyStoppingHook", monitor="mixed/top1")]},
         "monitor='mixed/top1'"),
        ({"param_scheduler": [dict(type="mmengine.ReduceOnPlateauLR", monitor="loss")]},
         "param_scheduler.monitor='loss'"),
    ],
)  # fmt: skip
def test_what_nothing_measures(run, folders, options, says):
    runner = run(folders(), options)
    refused(runner, f"{says}, but val_evaluator gives no such metric, only 'accuracy/top1'")


@pytest.mark.slow
def test_what_is_measured_is_chosen_by(run, folders):
    mixed = dict(type="MixedAccuracyHook", mixup=dict(type="CutMix"))
    for name, hooks in (("accuracy/top1", []), ("auto", []), ("mixed/top1", [mixed])):
        options = {"default_hooks.checkpoint.save_best": name, "custom_hooks": hooks,
                   "default_hooks.checkpoint.rule": "greater"}  # fmt: skip
        run(folders(), options).train()
    single = dict(type="SingleLabelMetric")
    options["default_hooks.checkpoint.save_best"] = "single-label/f1-score"
    options["custom_hooks"] = []
    run(folders(), options, metrics=single).train()


def test_metrics_of_a_hook_of_your_own(run, folders):
    class Own(Hook):
        priority = "HIGH"

        def after_val_epoch(self, runner, metrics=None):
            metrics["own"] = 1.0

    options = {"default_hooks.checkpoint.save_best": "own",
               "default_hooks.checkpoint.rule": "greater"}  # fmt: skip
    runner = run(folders(), options)
    runner.register_hook(Own())
    runner.train()


# Labels


def unlabelled(folder):
    return dict(type="DecodedFolder", data_root=folder, size=8, test_mode=True, with_label=False)


@pytest.mark.parametrize("which", ["train", "val"])
def test_no_labels(run, folders, which):
    roots = folders()
    options = {f"{which}_dataloader.dataset.with_label": False}
    refused(run(roots, options), rf"{which}_dataloader.dataset \(DecodedFolder\) has no labels")


def test_nothing_is_measured_on_test_data_without_labels(run, folders):
    roots = folders()
    runner = run(roots, {"test_dataloader.dataset.with_label": False})
    assert runner.test() == {}


def test_tools_test_logged_an_accuracy_of_images_without_labels(run, folders, tmp_path):
    roots = folders()
    out = str(tmp_path / "all.pkl")
    hook = dict(type="MixedAccuracyHook", mixup=dict(type="CutMix"))
    runner = run(
        roots, {"test_dataloader.dataset.with_label": False, "custom_hooks": [hook]},
        metrics=[dict(type="Accuracy"), dict(type="SingleLabelMetric")],
    )  # fmt: skip
    runner.test_evaluator.metrics.append(DumpPredictions(out, runner.test_dataloader))
    assert runner.test() == {}
    found = mmengine.load(out)
    assert [entry["sample_idx"] for entry in found] == list(range(12))
    dataset = runner.test_dataloader.dataset
    for i, entry in enumerate(found):
        assert entry["img_path"] == dataset.get_data_info(i)["img_path"]
        assert entry["pred_score"].shape == (4,)
        assert "gt_label" not in entry


def test_names_of_predicted_images(run, folders, tmp_path):
    def predicted(options=None):
        out = str(tmp_path / f"{uuid.uuid4().hex}.pkl")
        runner = run(folders(), options)
        runner.test_evaluator.metrics.append(DumpPredictions(out, runner.test_dataloader))
        assert runner.test()["accuracy/top1"] >= 0
        return mmengine.load(out)

    for entry in predicted():
        name = Path(entry["img_path"]).parent.name
        assert CLASSES.index(name) == int(entry["gt_label"])
    shuffled = predicted({"test_dataloader.sampler.shuffle": True})
    assert all("img_path" not in entry for entry in shuffled)
    subset = predicted({"test_dataloader.dataset.subset": dict(labels_per_class=1, seed=3)})
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
def test_lists_of_classes_were_concatenated(run, folders, tmp_path, monkeypatch, pipeline):
    seen = []
    loss = MixupClassifier.loss

    def look(self, inputs, labels):
        seen.append(labels.clone())
        return loss(self, inputs, labels)

    monkeypatch.setattr(MixupClassifier, "loss", look)
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
    assert seen[0].tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1]]
    assert set(outputs) == {"loss", "loss_bce"}  # a mixed accuracy would say nothing


def test_a_loss_of_shares_and_multi_label_data(run, folders, tmp_path):
    options = {"train_dataloader.dataset": multi_label(tmp_path, [dict(type="PackInputs")]),
               "train_dataloader.collate_fn.type": "pseudo_collate"}  # fmt: skip
    refused(run(folders(), options), "is multi-label, and DecoupledMixupLoss is for shares")


@pytest.mark.parametrize("kind", ["DecodedImages", "InMemory"])
def test_multi_label_data_for_one_class_an_image(tmp_path, kind):
    dataset = multi_label(tmp_path, [])
    dataset.pop("_delete_")
    dataset.pop("pipeline")
    with DATASETS.switch_scope_and_registry("dmmix") as registry:
        source = registry.build(dataset)
        if kind == "InMemory":
            for info in (infos := [source.get_data_info(i) for i in range(len(source))]):
                info["img"] = np.zeros((4, 4, 3), np.uint8)
            source.data_list, source.serialize_data = infos, False
        with pytest.raises(TypeError, match=rf"{kind} takes one class an image, sample 0 of Multi"):
            registry.build(dict(type=kind, dataset=source))


def test_it_is_always_there(run, folders):
    assert sum(isinstance(hook, RunChecksHook) for hook in run(folders()).hooks) == 1


def test_an_empty_class_folder_is_not_to_be_removed(run, folders, tmp_path):
    roots = folders()
    shutil.rmtree(f"{roots['val']}/bee")
    (tmp_path / roots["val"] / "bee").mkdir()
    with pytest.raises(ValueError, match="allow_empty=True") as caught:
        run(roots).train()
    assert "remove" not in str(caught.value)
