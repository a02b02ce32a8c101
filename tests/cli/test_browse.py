"""dmmix browse: a sheet of all mixes on a config's data."""

import pytest
import torch
from matplotlib.image import imread

from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def drawn(monkeypatch, request):
    """What the command gave to draw_gallery, which draws it where ``drawn`` is asked to."""
    from dmmix import visualization

    calls, draw = [], visualization.draw_gallery

    def keep(path, images, rows, class_names, title="", **options):
        calls.append(dict(images=images, rows=dict(rows), names=class_names, **options))
        if getattr(request, "param", False):
            draw(path, images, rows, class_names, title, **options)

    monkeypatch.setattr(visualization, "draw_gallery", keep)
    return calls


@pytest.mark.parametrize("drawn", [True], indirect=True)
def test_a_sheet_of_all_methods(call, dm, drawn, tmp_path):
    from dmmix.visualization.sheet import registered_mixes

    result = call("browse", dm, "--out", "new/sheet.png", "--num", 4)
    assert result.status == 0, result.err
    assert "methods drawn: new/sheet.png" in result.out
    assert imread(tmp_path / "new" / "sheet.png").std() > 0.05
    (sheet,) = drawn
    assert sheet["masks"]
    shown = {name.split("\n")[0] for name in sheet["rows"]}
    noted = {note.split()[0] for note in sheet["notes"] if "is left out" in note}
    assert shown | noted == set(registered_mixes())


def test_images_are_those_of_the_data_denormalised(call, dm, drawn):
    from dmmix.datasets import Digits

    result = call("browse", dm, "--methods", "CutMix", "Mixup", "--num", 10)
    assert result.status == 0, result.err
    (sheet,) = drawn
    images, labels = sheet["images"], sheet["labels"]
    assert sorted(labels.tolist()) == list(range(10))  # one of each class first
    data = Digits(split="train", labels_per_class=10)
    for image, label in zip(images, labels, strict=True):
        same = [
            int(sample["gt_label"])
            for sample in data
            if (torch.from_numpy(sample["img"]).permute(2, 0, 1) / 255 - image).abs().max() < 1e-5
        ]
        assert same == [int(label)]
    for mixed in sheet["rows"].values():
        assert mixed.images.min() > -1e-5
        assert mixed.images.max() < 1 + 1e-5
        second = mixed.labels.classes[:, 1]
        partner = images[[labels.tolist().index(k) for k in second.tolist()]]
        mask = mixed.mask.float()
        torch.testing.assert_close(
            mixed.images, mask * images + (1 - mask) * partner, rtol=0, atol=1e-5
        )


def test_more_images_than_classes_and_the_seed(call, dm, drawn):
    for seed in (1, 1, 2):
        assert call("browse", dm, "--num", 13, "--methods", "CutMix", "--seed", seed).status == 0
    one, same, other = drawn
    assert sorted(one["labels"].bincount().tolist()) == [1] * 7 + [2] * 3
    assert torch.equal(one["images"], same["images"])
    assert torch.equal(one["rows"]["CutMix"].images, same["rows"]["CutMix"].images)
    assert not torch.equal(one["images"], other["images"])


@pytest.fixture
def asking():
    """A registered mix that looks at the model; what it has seen."""
    from dmmix.mixups import Mixup
    from dmmix.registry import MIXUPS

    seen = []

    class AskingMix(Mixup):
        needs = frozenset({"activation"})

        def ask(self, guide, images, labels, draws):
            seen.append(guide.class_weight().clone())

    MIXUPS.register_module(module=AskingMix, force=True)
    yield seen
    MIXUPS.module_dict.pop("AskingMix", None)


def test_guided_methods_ask_the_model_of_the_config(call, dm, asking, drawn, tmp_path):
    result = call("browse", dm, "--methods", "AskingMix", "--num", 3)
    assert result.status == 0, result.err
    assert drawn[0]["notes"] == [
        "Guided methods ask the untrained network of the config (no --checkpoint)."
    ]
    assert asking[-1].std() < 0.02  # as the config initialises it

    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    from dmmix.registry import MODELS

    with DefaultScope.overwrite_default_scope("dmmix"):
        model = MODELS.build(Config.fromfile(dm).model)
    torch.nn.init.constant_(model.head.fc.weight, 7.0)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    result = call("browse", dm, "--methods", "AskingMix", "--checkpoint", "weights.pth")
    assert result.status == 0, result.err
    assert drawn[1]["notes"] == []
    assert (asking[-1] == 7).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--methods", "CutMx"], "--methods: no method 'CutMx'; did you mean 'CutMix'?"),
        (["--methods", "zzz"], "--methods: no method 'zzz'; there are "),
        (["--num", 1], "--num must be at least 2, so that there is a partner, got 1"),
        (["--num", 101], "--num 101: the training data has only 100 images"),
        (["--seed", -1], "--seed must be 0 or more and below 2**32, got -1"),
        (["--out", "sheet.jpg"], "--out must end in .png, got sheet.jpg"),
        (["--checkpoint", "absent.pth"], "no checkpoint absent.pth"),
        (["--cfg-options", "modle.x=1"], "--cfg-options modle.x: the config has no key 'modle'"),
        (["--cfg-options", "model.type=Absent"], "unknown type 'Absent'"),
        (["--cfg-options", "train_dataloader.dataset=None"], "no train_dataloader.dataset to take"),
    ],
)
def test_mistakes(call, dm, options, says):
    assert says in error_of(call("browse", dm, *options))
