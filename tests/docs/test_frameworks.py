"""What the pages on other trainers claim in numbers: the same weights as a plain loop."""

import copy

import pytest
import torch
from torch.utils.data import DataLoader, SequentialSampler

from dmmix.functional import DecoupledMixupLoss
from dmmix.mixups import CutMix, set_source
from tests.docs.blocks import ROOT, blocks
from tests.docs.optional import prepare

ACCUMULATED, BATCH, STEPS = 2, 4, 3


def code_of(page):
    names = {}
    for block in blocks(ROOT / "docs/frameworks" / page, "python"):
        exec(block.code, names)
    return names


class Drawn:
    """CutMix from a generator of its own, so that what a trainer draws besides changes nothing."""

    def __init__(self):
        self.cutmix, self.generator = CutMix(alpha=1.0), torch.Generator().manual_seed(0)

    def __call__(self, images, labels):
        mixed = self.cutmix.mix(images, labels, self.generator)
        return mixed.images, mixed.labels


def plain_loop(network, logits_of, data):
    network = copy.deepcopy(network).train()
    optimizer, mix = torch.optim.SGD(network.parameters(), lr=0.1), Drawn()
    batches = iter(DataLoader(data, batch_size=BATCH))
    for _ in range(STEPS):
        for _ in range(ACCUMULATED):
            batch = next(batches)
            images, labels = mix(batch["pixel_values"], batch["labels"])
            loss = DecoupledMixupLoss(eta=0.1)(logits_of(network, images), labels)
            (loss / ACCUMULATED).backward()
        optimizer.step()
        optimizer.zero_grad()
    return network


def far(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


@pytest.fixture
def data():
    images = torch.randn(24, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return [{"pixel_values": images[k], "labels": k % 4} for k in range(24)]


@pytest.mark.parametrize("accepts", [False, True])
def test_accumulation_of_hugging_face(accepts, data, tmp_path, monkeypatch):
    """Without the line of the page the gradient is twice as large, and the test sees it."""
    prepare("transformers", "accelerate")
    from transformers import ResNetConfig, ResNetForImageClassification, TrainingArguments

    monkeypatch.chdir(tmp_path)
    mix_trainer = code_of("huggingface.md")["MixTrainer"]
    torch.manual_seed(0)
    network = ResNetForImageClassification(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=4)
    )

    class InOrder(mix_trainer):
        def _get_train_sampler(self, *args):
            return SequentialSampler(data)

    trainer = InOrder(
        copy.deepcopy(network),
        TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=ACCUMULATED,
            optim="sgd",
            learning_rate=0.1,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=data,
        mix=Drawn(),
        criterion=DecoupledMixupLoss(eta=0.1),
    )
    if accepts:  # what the Trainer finds out by itself
        trainer.model_accepts_loss_kwargs = True
    trainer.train()
    plain = plain_loop(network, lambda network, images: network(images).logits, data)
    assert (far(trainer.model, plain) < 1e-7) is not accepts
    assert far(plain, network) > 1e-2


@pytest.fixture
def source():
    before = set_source(None)
    yield
    set_source(before)


@pytest.mark.parametrize("seeded", [False, True])
def test_a_lightning_run_that_goes_on(seeded, data, tmp_path, monkeypatch, source):
    """With the callback of the page the weights are those of a run that was never stopped."""
    prepare("lightning")
    monkeypatch.chdir(tmp_path)
    names = code_of("lightning.md")
    pairs = [(each["pixel_values"], each["labels"]) for each in data]
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))

    def trained(epochs, seed, checkpoint=None):
        classifier = names["Classifier"](copy.deepcopy(network))
        trainer = names["lightning"].Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[names["SeededMixes"](1)] if seeded else [],
        )
        torch.manual_seed(seed)
        trainer.fit(classifier, DataLoader(pairs, batch_size=BATCH), ckpt_path=checkpoint)
        trainer.save_checkpoint("last.ckpt")
        return classifier

    whole = trained(2, 0)
    trained(1, 0)
    assert (far(whole, trained(2, 7, "last.ckpt")) == 0) is seeded
