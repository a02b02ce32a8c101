"""tools/benchmarks/throughput.py: what is trained beside what, turns, memory, parts, its table."""

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope


class Clock:
    """A clock that stands still unless it is told to go on."""

    now = 100.0

    def __call__(self):
        return self.now

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throughput(tool):
    return tool("throughput")


@pytest.fixture
def arguments(throughput, monkeypatch):
    def parse(*options):
        monkeypatch.setattr(sys, "argv", ["throughput.py", *map(str, options)])
        return throughput.parse_args()

    return parse


# -- the tool --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_all_contenders_of_a_row(run, tmp_path):
    file = tmp_path / "throughput.json"
    options = ["--rows", "digits", "--seconds", 0.2, "--rounds", 2, "--warm-up", 0, "--threads", 1]
    shown = run("throughput", *options, "--clock", "cpu", "--profile", "--out", file)
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["environment"]["torch"] == torch.__version__
    assert report["environment"]["threads"] == 1
    assert report["options"]["rows"] == ["digits"]
    found = report["rows"]["digits"]["contenders"]
    assert list(found) == ["dmmix", "mmpretrain", "bare loop", "bare loop, dmmix's switches"]
    for name, contender in found.items():
        assert name in shown
        assert len(contender["by_round"]) == 2
        assert min(contender["by_round"]) > 0
        assert contender["iterations"] >= 4
        assert contender["device_memory"] is None
        if sys.platform == "linux":
            assert 5e7 < contender["memory"] < 5e9
    assert found["dmmix"]["dmmix_ratio"] == 1
    parts = report["rows"]["digits"]["profile"]
    assert {"loader", "preprocess", "mix", "draws", "forward", "loss", "backward"} <= set(parts)
    assert {"optimiser", "hooks, logging", "sum of losses", "rest"} <= set(parts)
    assert all(seconds > 0 for seconds in parts.values())


def test_a_contender_that_fails_is_reported(throughput, run, monkeypatch, tmp_path):
    class Failing(throughput.Running):
        def __init__(self, name, contender):
            (tmp_path / "log.txt").write_text("what it printed", encoding="utf-8")
            self.name, self.contender = name, SimpleNamespace(work_dir=str(tmp_path))
            self.pipe, theirs = throughput.multiprocessing.Pipe()
            theirs.send(("failed", "ValueError: no good"))
            self.host = SimpleNamespace(stop=lambda: None)
            self.process = SimpleNamespace(join=lambda *_: None, is_alive=lambda: False)

    monkeypatch.setattr(throughput, "Running", Failing)
    said = []
    monkeypatch.setattr(
        throughput.Console, "print", lambda self, text="", **_: said.append(str(text))
    )
    with pytest.raises(SystemExit) as stop:
        run("throughput", "--rows", "digits")
    assert stop.value.code == 1
    assert any("digits: dmmix: ValueError: no good\nwhat it printed" in text for text in said)


@pytest.mark.slow
def test_a_process_that_fails_says_why(tool, throughput, tmp_path):
    contender = tool("throughput_turns").Contender("bare", "no row", "", str(tmp_path), "cpu")
    running = throughput.Running("bare loop", contender)
    try:
        with pytest.raises(throughput.ContenderFailed, match="AttributeError: 'str'"):
            running.wait_until_warm()
    finally:
        running.end()
    assert not running.process.is_alive()


def test_contenders(tool, throughput, arguments):
    def of(row, *options):
        return throughput.contenders(row, "data", "folder", arguments(*options))

    found = of("digits", "--profile", "--bare-compile")
    bare = ["bare loop", "bare loop, dmmix's switches", "bare loop, compiled, bf16"]
    assert list(found) == ["dmmix", "mmpretrain", *bare, "profile"]
    assert (found["dmmix"].workers, found["mmpretrain"].workers) == (0, 2)
    assert found["dmmix"].switches == tool("throughput_rows").default_step()
    ours = dict(found["dmmix"].switches)
    assert ours.pop("non_finite") == "stop"  # a bare loop looks for no NaN
    fast = dict(ours, compile=True, precision="bf16")
    assert [found[name].switches for name in bare] == [{}, ours, fast]
    assert found["profile"].profile
    assert not found["dmmix"].profile
    assert len({one.work_dir for one in found.values()}) == len(found)
    fast = of("digits", "--precision", "bf16", "--compile")["dmmix"].switches
    assert (fast["precision"], fast["compile"]) == ("bf16", True)
    for options, workers in (([], 2), (["--clock", "cpu"], 0)):
        folder = of("r50_224", *options)
        assert folder["dmmix"].workers == folder["mmpretrain"].workers == workers


def test_ratios_are_medians_over_rounds(throughput):
    def turns(*rates):
        return [{"images": 2 * rate, "seconds": 2.0, "iterations": 3} for rate in rates]

    memory = {"dmmix": dict(memory=300, device_memory=None)}
    memory["bare loop"] = dict(memory=200, device_memory=7)
    found = throughput.summary(
        {"dmmix": turns(10, 40, 30), "bare loop": turns(20, 50, 10)}, memory
    )["contenders"]
    assert found["dmmix"]["images_per_second"] == 30
    bare = found["bare loop"]
    assert bare["images_per_second"] == 20
    assert bare["dmmix_ratio"] == 0.8  # of 0.5, 0.8, 3.0; the medians' is 1.5
    assert bare["dmmix_ratio_range"] == [0.5, 3.0]
    assert bare["iterations"] == 9
    assert (bare["dmmix_memory_ratio"], bare["dmmix_device_memory_ratio"]) == (1.5, None)


# -- turns and their limit -------------------------------------------------------------------------


class Pipe:
    """Gives these commands, fifty seconds after it is asked; what is sent is kept."""

    def __init__(self, clock, *commands):
        self.clock, self.commands, self.sent = clock, list(commands), []

    def send(self, message):
        self.sent.append(message)

    def recv(self):
        self.clock.tick(50)
        return self.commands.pop(0)


def train(tool, clock, *commands, **options):
    """Trains, a second and ten images an iteration, until it is told to stop: iterations."""
    pipe, counts = Pipe(clock, *commands, ("stop", None)), iter(range(1000))
    turns = tool("throughput_turns").Turns(pipe, "cpu", clock=clock, **options)

    def forever():
        for _ in counts:
            clock.tick(1)
            turns.after_iteration(10)

    with pytest.raises(tool("throughput_turns").Stop):
        forever()
    return next(counts), pipe.sent


def test_turns(tool, clock):
    """The wait between them does not count."""
    iterations, sent = train(
        tool, clock, ("run", 4), ("run", 0.5), lead_in=3, warm_up=2.5, warm_iterations=5
    )
    # 5 to be warm; lead-in 3, turn 4; lead-in 3, turn of at least 2.
    assert iterations == 5 + 3 + 4 + 3 + 2
    assert sent == [
        ("ready", None),
        ("ran", {"images": 40, "seconds": 4.0, "iterations": 4}),
        ("ran", {"images": 20, "seconds": 2.0, "iterations": 2}),
    ]
    assert train(tool, clock, warm_up=20, warm_iterations=2)[0] == 20


def test_rows_share_the_time_that_is_left_and_turns_that_of_their_row(throughput, clock):
    limit = throughput.TimeLimit(10, rows=3, clock=clock)
    limit.next_row()
    assert limit.left() == 200
    clock.tick(60)  # 540 s for two rows
    limit.next_row()
    assert limit.left() == 270
    assert limit.turn(4, 10) == 4
    assert limit.turn(40, 10) == pytest.approx(0.7 * 27)
    clock.tick(300)  # longer than it should: 240 s for the last
    assert limit.left() == limit.turn(4, 10) == 0
    limit.next_row()
    assert limit.left() == 240
    limit = throughput.TimeLimit(None, rows=2, clock=clock)
    limit.next_row()
    assert limit.turn(4, 10**6) == 4


def test_rounds_are_cut_short_when_time_is_up(throughput, arguments, clock):
    asked = []

    def run(seconds):
        asked.append(seconds)
        clock.tick(20)
        return {"seconds": seconds}

    limit = throughput.TimeLimit(1, rows=1, clock=clock)
    limit.next_row()
    running = {name: SimpleNamespace(run=run) for name in ("dmmix", "bare loop")}
    args = arguments("--rounds", 5, "--seconds", 100)
    turns = throughput.take_turns(running, args, limit, "digits", lambda **_: None)
    # Rounds begin at 0 s and at 40 s, and each is finished, so that all have the same turns.
    assert {name: len(said) for name, said in turns.items()} == {"dmmix": 2, "bare loop": 2}
    assert asked == pytest.approx([0.7 * 60 / 10, 0.7 * 40 / 9, 0.7 * 20 / 8, 0])


def test_who_is_not_warm_in_time_is_reported(throughput):
    class Slow(throughput.Running):
        def __init__(self):
            self.name, self.pipe = "mmpretrain", SimpleNamespace(poll=lambda seconds: seconds > 9)

    with pytest.raises(throughput.ContenderFailed, match=r"mmpretrain: not warm.*minutes"):
        Slow().wait_until_warm(5)


# -- memory ----------------------------------------------------------------------------------------


def process(proc, pid, anon=0, shmem=0, files=0):
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "smaps_rollup").write_text(
        f"00-ff ---p 00 [rollup]\nPss:  9999 kB\nPss_Anon:  {anon} kB\nPss_Shmem:  {shmem} kB\n",
        encoding="utf-8",
    )
    (proc / str(pid) / "status").write_text(
        f"Name:\tpython\nRssFile:\t  {files} kB\n", encoding="utf-8"
    )


def test_memory_of_a_tree(tool, monkeypatch, tmp_path):
    memory = tool("throughput_memory")
    monkeypatch.setattr(memory, "PROC", tmp_path)
    monkeypatch.setattr(memory, "_tree", lambda pid: [pid, 2, 3])  # 3 has just ended
    process(tmp_path, 1, anon=10, shmem=1, files=100)
    process(tmp_path, 2, anon=20, files=300)
    process(tmp_path, 6, anon=1000)  # somebody else's
    assert memory.tree_memory(1) == 1024 * (10 + 1 + 20 + 300)
    monkeypatch.undo()
    assert memory.tree_memory(2**22 + 1) is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_peak_is_kept(tool):
    """Of a process and its child; others, that other tests left, may go at any moment."""
    code = (
        "import subprocess, sys\n"
        "print(flush=True), input()\n"
        "code = 'held = bytearray(b\"1\") * 40_000_000; print(flush=True); input()'\n"
        "pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child = subprocess.Popen([sys.executable, '-c', code], **pipes)\n"
        "child.stdout.readline()\n"
        "print(flush=True), input()\n"
        "child.communicate()\n"
        "print(flush=True), input()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    memory = tool("throughput_memory")
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        peak, seen = memory.PeakMemory(process.pid, every=0.005), []
        peak.stop()
        for _ in range(3):
            process.stdout.readline()
            peak.look()
            seen.append(peak.peak)
            now = memory.tree_memory(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
        assert seen[2] == seen[1] >= seen[0] + 38_000_000
        assert now < seen[2] - 38_000_000


# -- parts -----------------------------------------------------------------------------------------


@pytest.fixture
def parts(tool, clock):
    return tool("throughput_profile").Parts("cpu", clock)


def test_a_part_is_what_it_takes_without_those_inside(parts, clock):
    inner = parts.timed("inner", lambda: clock.tick(3))

    def work():
        clock.tick(1)
        inner()
        clock.tick(0.5)
        inner()

    outer = parts.timed("outer", work)
    clock.tick(7)
    parts.reset()
    for _ in range(2):
        clock.tick(0.25)
        outer()
    assert parts.read(2) == {"loader": 0.25, "outer": 1.5, "inner": 6.0}


def test_parts_may_be_read_and_reset_inside_of_one(parts, clock):
    parts.timed("hooks", lambda: (clock.tick(2), parts.reset(), clock.tick(5)))()
    clock.tick(1)
    assert parts.read(1) == {"hooks": 5.0, "loader": 1.0}


def test_a_part_that_fails_ends(parts, clock):
    def fail():
        clock.tick(2)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        parts.timed("broken", fail)()
    clock.tick(1)
    assert parts.read(1) == {"broken": 2.0, "loader": 1.0}


# -- what is trained -------------------------------------------------------------------------------


def configs(tool, name):
    row = tool("throughput_rows").ROWS[name]
    place = dict(data="data", work_dir="work", workers=3, cuda=False)
    ours = tool("throughput_rows").ours(row, step={"compile": True}, **place)
    return row, ours, tool("throughput_peers").stock(row, alpha=0.2, **place)


@pytest.mark.parametrize("name", ["digits", "cifar_small", "r18_cifar", "r50_224"])
def test_both_train_the_same(tool, name):
    row, ours, stock = configs(tool, name)
    assert ours.model.type == "MixupClassifier"
    assert stock.model.type == "ImageClassifier"
    assert ours.model.backbone == stock.model.backbone == row.backbone
    assert ours.model.neck == stock.model.neck
    for key in ("num_classes", "in_channels", "init_cfg"):
        assert ours.model.head[key] == stock.model.head[key]
    for key in ("num_classes", "mean", "std"):
        assert ours.data_preprocessor[key] == stock.data_preprocessor[key]
    assert ours.model.mixup == dict(type="CutMix", alpha=stock.model.train_cfg.augments.alpha)
    for key in ("batch_size", "sampler", "num_workers"):
        assert ours.train_dataloader[key] == stock.train_dataloader[key]
    assert ours.optim_wrapper == stock.optim_wrapper
    assert ours.param_scheduler.type == stock.param_scheduler.type
    assert ours.param_scheduler.T_max == stock.param_scheduler.T_max
    assert ours.default_hooks.logger.interval == stock.default_hooks.logger.interval
    for cfg in (ours, stock):
        assert cfg.default_hooks.checkpoint is None
        assert cfg.get("val_dataloader") is None
        assert cfg.work_dir == "work"
    assert ours.step == {**tool("throughput_rows").default_step(), "compile": True}


@pytest.mark.parametrize("name", ["digits", "cifar_small", "r18_cifar", "r50_224"])
def test_batches_are_augmented_as_the_peers_images(tool, name):
    row, ours, stock = configs(tool, name)
    loader, theirs = ours.train_dataloader.dataset, stock.train_dataloader.dataset
    transforms = ours.data_preprocessor.batch_transforms
    if name == "r50_224":  # a folder: cut to size in the workers
        assert loader.times == theirs.times
        files = dict(data_root="data", ann_file="labels.txt", classes="data/classes.txt")
        assert loader.dataset == dict(type="DecodedFolder", **files, size=row.size)
        theirs = theirs.dataset.pipeline[1:]
        assert not ours.data_preprocessor.to_rgb  # DecodedFolder makes RGB, LoadImageFromFile BGR
        assert stock.data_preprocessor.to_rgb
    else:
        assert loader.type == "InMemory"
        theirs = theirs.pipeline
        crop = dict(crop_size=row.size, padding=theirs[0].padding)
        assert transforms.pop(0) == dict(type="BatchRandomCrop", **crop)
    assert theirs[0].get("crop_size", theirs[0].get("scale")) == row.size
    flips = [dict(type="BatchRandomFlip", prob=each.prob) for each in theirs[1:-1]]
    assert transforms == flips
    assert len(flips) == (name != "digits")


def test_images_in_memory_are_those_of_the_file(tool, tmp_path):
    row = tool("throughput_rows").ROWS["cifar_small"].but(images=25)
    data = tool("throughput_rows").write_data(row, tmp_path)
    with np.load(data) as file:
        images, labels = file["x_train"], file["y_train"]
    assert (images.shape, images.dtype, labels.max()) == ((25, 32, 32, 3), np.uint8, 9)
    found = tool("throughput_peers").ImagesInMemory(data, pipeline=[])
    assert len(found) == 25
    for k in range(25):
        assert np.array_equal(found[k]["img"], images[k])
        assert found[k]["gt_label"] == labels[k]


def test_a_folder_of_files(tool, tmp_path):
    row = tool("throughput_rows").ROWS["r50_224"].but(images=12)
    data = tool("throughput_rows").write_data(row, tmp_path)
    files = sorted((tmp_path / "images").rglob("*.jpg"))
    assert len(files) == 12
    assert cv2.imread(str(files[0])).shape == (375, 500, 3)
    assert 2e4 < files[0].stat().st_size < 3e5
    config = tool("throughput_peers")._dataset(row, data)
    place = dict(data=data, work_dir="work", workers=0, cuda=False, step={})
    ours = tool("throughput_rows").ours(row, **place).train_dataloader.dataset
    for scope, what in (("mmpretrain", config), ("dmmix", ours)):
        with DefaultScope.overwrite_default_scope(scope):
            found = importlib.import_module(f"{scope}.registry").DATASETS.build(what)
        assert len(found) == row.length == 12 * 128
        # What DmmixRunner compares with the head.
        assert len(found.metainfo["classes"]) == row.num_classes
    assert [found.dataset[k]["labels"] for k in range(12)] == list(range(12))


@pytest.mark.parametrize(
    "switches",
    [{}, dict(channels_last=True, fused_optimizer=True), dict(precision="bf16")],
    ids=["plain", "switched", "bf16"],
)
def test_the_bare_loop_learns_its_batch(tool, monkeypatch, switches):
    made, seen = [], []
    sgd = torch.optim.SGD
    monkeypatch.setattr(
        tool("throughput_peers").torch.optim, "SGD", lambda *a, **k: made.append(k) or sgd(*a, **k)
    )
    net = tool("throughput_peers")._Net
    forward = net.forward

    def watched(self, images):
        logits = forward(self, images)
        seen.append((images, logits, self.backbone.layer1[0].conv1.weight))
        return logits

    monkeypatch.setattr(net, "forward", watched)
    step = tool("throughput_peers").bare_step(
        tool("throughput_rows").ROWS["digits"], "cpu", switches
    )
    losses = [float(step().detach()) for _ in range(8)]
    assert losses[-1] < losses[0]
    assert bool(made[0]["fused"]) is switches.get("fused_optimizer", False)
    assert (made[0]["lr"], made[0]["momentum"], made[0]["weight_decay"]) == (0.1, 0.9, 1e-4)
    images, logits, weight = seen[0]
    assert weight.is_contiguous(memory_format=torch.channels_last) is (
        switches.get("channels_last", False)
    )
    assert images.shape == (20, 1, 8, 8)
    assert logits.shape == (20, 10)
    low = switches.get("precision") == "bf16"
    assert logits.dtype == (torch.bfloat16 if low else torch.float32)
