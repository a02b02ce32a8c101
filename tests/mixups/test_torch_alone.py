"""Mixes as objects, losses and random numbers need torch and nothing else."""

import subprocess
import sys

import torch

from dmmix.mixups import RandomStream, step_generator

ALONE = """
import sys

class Torch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mmengine", "mmcv", "mmpretrain", "torchvision", "numpy",
                                      "pydantic_core", "pydantic", "sklearn", "cv2", "matplotlib"}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Torch())
import torch
from dmmix.functional import DecoupledMixupLoss, Guide
from dmmix.mixups import CutMix, Mixup, PuzzleMix, RandomMix, RandomStream
from dmmix.mixups import current_epoch, step_generator, training_progress

images, labels = torch.rand(6, 3, 8, 8), torch.arange(6)
mix = RandomMix([CutMix(alpha=1.0), Mixup()], per_sample=True)
print(mix(images, labels)[1].shares.sum(1).tolist())
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 6))
print(PuzzleMix().mix(images, labels, guide=Guide(model)).labels.shares.sum(1).tolist())
try:
    RandomMix([dict(type="CutMix")])
except TypeError as error:
    print(error)
print(DecoupledMixupLoss(eta=0.1))
torch.manual_seed(3)
print(step_generator(RandomStream.OWN_MIX).initial_seed(), current_epoch(), training_progress())
"""


def test_they_do(no_runner):
    command = [sys.executable, "-W", "ignore", "-c", ALONE]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    one, other, message, loss, number = done.stdout.splitlines()
    assert one == other == str([1.0] * 6)
    assert message.startswith(
        "expected a mix of dmmix, got the dict {'type': 'CutMix'}: give it as"
    )
    assert loss.startswith("DecoupledMixupLoss(eta=0.1")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        assert number == f"{step_generator(RandomStream.OWN_MIX).initial_seed()} None None"
