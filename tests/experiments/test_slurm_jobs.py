"""A sweep as a Slurm job array: what submitit is asked for, by a stand-in for it."""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from dmmix.experiments import launch

AXES = "axes = dict(mixup=['mixup', 'cutmix'], seed=[0, 1], epochs=[5])\n"


class Executor:
    """Keeps what it is asked for; runs nothing."""

    made = None

    def __init__(self, folder, cluster):
        if cluster == "nowhere":
            raise ValueError("AutoExecutor doesn't know any executor named nowhere")
        Executor.made = self
        self.folder, self.cluster = folder, cluster
        self.parameters, self.jobs, self.batches = {}, [], 0

    def update_parameters(self, **parameters):
        self.parameters.update(parameters)

    @contextlib.contextmanager
    def batch(self):
        self.batches += 1
        self.inside = True
        yield
        self.inside = False

    def submit(self, job):
        assert self.inside
        self.jobs.append(job)
        return SimpleNamespace(job_id=f"71_{len(self.jobs) - 1}", exception=lambda: None)

    @staticmethod
    def _typed_parameters():
        return {"name": str, "timeout_min": int, "mem_gb": float, "gpus_per_node": int}


class CommandFunction:
    def __init__(self, command, cwd=None):
        self.command, self.cwd = command, cwd


def forget():
    sys.modules.pop("dmmix.experiments.launch.slurm_job", None)
    if hasattr(launch, "slurm_job"):
        del launch.slurm_job


@pytest.fixture
def submitit(monkeypatch):
    """In the place of submitit and cloudpickle, which need not be installed."""
    modules = {
        name: ModuleType(name)
        for name in ("submitit", "submitit.core", "submitit.core.utils", "submitit.helpers")
    }
    modules["submitit"].AutoExecutor = Executor
    valid = staticmethod(lambda: {"partition", "array_parallelism", "mem_gb", "qos"})
    modules["submitit"].SlurmExecutor = type("SlurmExecutor", (), {"_valid_parameters": valid})
    modules["submitit.core.utils"].FailedJobError = type("FailedJobError", (Exception,), {})
    modules["submitit.helpers"].CommandFunction = CommandFunction
    modules["submitit.helpers"].DelayedSubmission = lambda job: ("again", job)
    modules["cloudpickle"] = ModuleType("cloudpickle")
    modules["cloudpickle"].register_pickle_by_value = lambda module: None
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    Executor.made = None
    forget()
    yield modules["submitit"]
    forget()


@pytest.fixture
def sweep(call, sweep_file, tmp_path):
    return lambda *options: call(
        "sweep", sweep_file(AXES), "--work-dir", tmp_path / "work", *options
    )


def test_one_array_with_a_job_for_each_cell(submitit, sweep, tmp_path):
    done = sweep("--slurm", "partition=gpu", "gpus_per_node=1", "timeout_min=600", "mem_gb=8")
    assert (done.status, done.err) == (0, "")
    executor = Executor.made
    assert (executor.batches, len(executor.jobs)) == (1, 4)
    assert executor.cluster == "slurm"
    assert executor.folder == tmp_path / "work" / "slurm" / "%j"
    assert executor.parameters == dict(
        name="small", slurm_partition="gpu", gpus_per_node=1, timeout_min=600, mem_gb=8.0
    )
    assert isinstance(executor.parameters["mem_gb"], float)
    assert "job 71_2: cutmix-s0-5ep" in done.out
    assert "4 of 4 cells submitted" in done.out


def test_a_job_is_the_sweep_for_its_cell_alone(submitit, sweep, call, stand_in, started, tmp_path):
    sweep("--slurm", "--processes", 2, "--accept-changed")
    job = Executor.made.jobs[3]
    assert job.command == [
        *[sys.executable, "-u", "-m", "dmmix", "sweep", str(tmp_path / "small.py")],
        *["--work-dir", str(tmp_path / "work"), "--processes", "2"],
        *["--only", "mixup=cutmix", "seed=1", "epochs=5", "--accept-changed"],
    ]
    assert job.cwd == str(tmp_path)
    assert job.checkpoint() == ("again", job)  # where it is preempted
    stand_in("log(1, 5)\n")
    assert call("sweep", *job.command[5:]).status == 0
    assert started() == ["cutmix-s1-5ep"]


def test_only_what_is_left_is_submitted(submitit, sweep, make_cells, stand_in, train):
    stand_in("log(1, 5)\n")
    train(make_cells(AXES, {"mixup": ["mixup"]}))
    assert "2 of 4 cells submitted" in sweep("--slurm").out
    assert "seed=0" in Executor.made.jobs[0].command
    assert all("mixup=cutmix" in job.command for job in Executor.made.jobs)


def test_jobs_limits_how_many_run_at_a_time(submitit, sweep):
    sweep("--slurm", "--jobs", 3)
    assert Executor.made.parameters["slurm_array_parallelism"] == 3
    sweep("--slurm", "array_parallelism=8", "--jobs", 3)
    assert Executor.made.parameters["slurm_array_parallelism"] == 8


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("partitoin=gpu", "no option 'partitoin'; did you mean 'partition'?"),
        ("cluster=nowhere", "AutoExecutor doesn't know any executor named nowhere"),
    ],
)
def test_mistakes(submitit, sweep, option, says):
    wrong = sweep("--slurm", option)
    assert wrong.status == 2
    assert f"error: --slurm: {says}" in wrong.err


def test_a_debug_job_that_fails_is_the_status(submitit, sweep, monkeypatch):
    assert sweep("--slurm", "cluster=debug").status == 0
    failed = SimpleNamespace(job_id="1", exception=lambda: RuntimeError("no"))
    monkeypatch.setattr(Executor, "submit", lambda self, job: failed)
    assert sweep("--slurm", "cluster=debug").status == 1


@pytest.mark.parametrize("absent", ["submitit", "cloudpickle"])
def test_without_submitit(absent, submitit, sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    wrong = sweep("--slurm", "partition=gpu")
    assert wrong.status == 2
    wanted = "--slurm needs submitit: in the checkout of dmmix, pip install -e '.[sweep]'"
    assert f"error: {wanted}" in wrong.err
    assert absent in wrong.err
    assert "Traceback" not in wrong.err
    assert Executor.made is None


@pytest.mark.slow
def test_the_real_submitit_runs_a_cell(start, sweep_file, tmp_path):
    pytest.importorskip("submitit")
    text = "axes = dict(mixup=['cutmix'], epochs=[1])\n"
    options = [sweep_file(text), "--work-dir", tmp_path / "work"]
    said = start("sweep", *options, "--slurm", "cluster=debug", "timeout_min=5")
    assert "1 of 1 cells submitted" in said
    assert (tmp_path / "work" / "cutmix-1ep" / "result.json").exists()
