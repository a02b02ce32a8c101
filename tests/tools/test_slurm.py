"""tools/slurm_train.sh and tools/slurm_test.sh on a cluster of one node, started here."""

import json
import os
import shutil
import socket
import subprocess
import time

import pytest
import torch

from dmmix.engine.processes import launched_environment

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sinfo", "scancel")
CONFIG = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SelectType=select/cons_tres
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=local Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, tool_environment):
    """What srun's environment needs to reach a cluster of one node with two CPUs."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root can start munged and slurmd")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    controller, daemon = free_ports(2)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(folder=folder, controller=controller, daemon=daemon), encoding="utf-8"
    )

    environment = {**tool_environment, "SLURM_CONF": str(config)}
    munge = {
        "--key-file": "munge.key",
        "--socket": "munge.socket",
        "--pid-file": "munged.pid",
        "--log-file": "munged.log",
        "--seed-file": "munged.seed",
    }
    commands = {
        "munged": ["--foreground", "--force", *(f"{k}={folder / v}" for k, v in munge.items())],
        "slurmctld": ["-D", "-f", config],
        "slurmd": ["-D", "-N", "localhost", "-f", config],
    }
    daemons = []
    try:
        for name, options in commands.items():
            with (folder / f"{name}.out").open("w", encoding="utf-8") as log:
                command = [shutil.which(name), *map(str, options)]
                daemons.append(
                    subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
                )
            if name == "munged":
                wait_for((folder / "munge.socket").exists, folder)
        wait_for(lambda: state(environment) == "idle", folder)
        yield {"SLURM_CONF": str(config)}
    finally:
        if len(daemons) == len(commands):
            subprocess.run(["scancel", "--user=root"], env=environment, timeout=30, check=False)
            # Steps are processes of their own; they end when their job has.
            deadline = time.monotonic() + 10
            while state(environment) not in ("idle", "") and time.monotonic() < deadline:
                time.sleep(0.2)
        for process in reversed(daemons):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def state(environment):
    command = ["sinfo", "--noheader", "--format=%T"]
    shown = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    return shown.stdout.strip()


def wait_for(ready, folder, seconds=60):
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            logs = [
                f"{p.name}:\n{p.read_text(encoding='utf-8')[-1000:]}"
                for p in sorted(folder.glob("*.[lo]*g*"))
            ]
            raise AssertionError("the cluster did not start\n" + "\n".join(logs))
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes over gloo, without a GPU")
def test_two_tasks_train_and_test(cluster, root, start_tool, tmp_path):
    config = root / "configs" / "quickstart" / "digits_cutmix_dm.py"
    environment = {
        **cluster,
        **{"GPUS": "2", "GPUS_PER_NODE": "0", "CPUS_PER_TASK": "1"},
        "SRUN_ARGS": "--overcommit --time=10",
    }
    work = tmp_path / "work"
    options = ["--cfg-options", "train_cfg.max_epochs=2", "default_hooks.checkpoint.interval=1"]
    start_tool(
        *["slurm_train.sh", "local", "train", config, work, *options],
        MASTER_PORT=str(free_ports(1)[0]),
        **environment,
    )
    checkpoint = torch.load(work / "epoch_2.pth", weights_only=False)
    # 100 images in batches of 20, in each of two tasks.
    assert checkpoint["meta"]["iter"] == 2 * 3
    assert checkpoint["random_states"]["world_size"] == 2

    start_tool(
        *["slurm_test.sh", "local", "test", config, work / "epoch_2.pth"],
        *["--work-dir", tmp_path / "tested", "--out", tmp_path / "metrics.json"],
        MASTER_PORT=str(free_ports(1)[0]),
        **environment,
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    (log,) = work.glob("*/vis_data/scalars.json")
    validated = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    for name in ("accuracy/top1", "mixed/top2"):
        assert metrics[name] == pytest.approx(validated[name])


@pytest.mark.slow
@pytest.mark.slurm
def test_a_sweep_as_a_job_array(cluster, root, start_tool, tmp_path):
    pytest.importorskip("submitit")
    sweep = tmp_path / "two.py"
    sweep.write_text(
        "recipes = {'digits': 'quickstart/digits_vanilla.py'}\n"
        "axes = dict(mixup=['cutmix'], objective=['mce', 'dm_ce'], epochs=[2])\n",
        encoding="utf-8",
    )
    common = [sweep, "--work-dir", tmp_path / "work"]
    said = start_tool(
        *["sweep.py", *common, "--slurm", "partition=local", "timeout_min=10", "cpus_per_task=1"],
        **cluster,
    )
    assert "2 of 2 cells submitted" in said
    results = [
        tmp_path / "work" / f"cutmix-{name}-2ep" / "result.json" for name in ("mce", "dm_ce")
    ]
    logs = tmp_path / "work" / "slurm"
    deadline = time.monotonic() + 240
    while not all(result.is_file() for result in results):
        if time.monotonic() > deadline:
            shown = [
                path.read_text(encoding="utf-8")[-1000:] for path in sorted(logs.rglob("*.[oe]*"))
            ]
            raise AssertionError("the cells did not end\n" + "\n".join(shown))
        time.sleep(0.5)
    assert all(json.loads(result.read_text(encoding="utf-8"))["complete"] for result in results)
    arrays = {folder.name.partition("_")[0] for folder in logs.iterdir() if folder.is_dir()}
    assert len(arrays) == 1  # both are tasks of one job
    assert "0 of 2 cells submitted" in start_tool("sweep.py", *common, "--slurm", **cluster)


# What the launchers tell a process


@pytest.mark.parametrize(
    ("launcher", "names", "host"),
    [
        ("pytorch", ("RANK", "WORLD_SIZE", "LOCAL_RANK"), "127.0.0.1"),
        ("slurm", ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"), "node7"),
        ("mpi", [f"OMPI_COMM_WORLD_{n}" for n in ("RANK", "SIZE", "LOCAL_RANK")], "127.0.0.1"),
    ],
)
def test_the_environment_of_a_launched_process(launcher, names, host):
    expected = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    given = dict(zip(names, expected.values(), strict=True), SLURM_NODELIST="node7")
    place = {"MASTER_ADDR": host, "MASTER_PORT": "29500"}
    assert launched_environment(launcher, given) == {**expected, **place}
    address = {"MASTER_ADDR": "10.0.0.5", "MASTER_PORT": "1234"}
    assert launched_environment(launcher, {**given, **address}) == {**expected, **address}
    for name in names:
        partial = {k: v for k, v in given.items() if k != name}
        with pytest.raises(RuntimeError, match=f"--launcher {launcher} .*: {name} not set"):
            launched_environment(launcher, partial)


def test_a_list_of_nodes_is_spelt_out_by_slurm(monkeypatch):
    asked = []

    def scontrol(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="gpu03\ngpu04\ngpu11\n")

    monkeypatch.setattr(subprocess, "run", scontrol)
    given = {"SLURM_PROCID": "0", "SLURM_NTASKS": "3", "SLURM_LOCALID": "0"}
    nodes = {"SLURM_NODELIST": "gpu[03-04,11]"}
    assert launched_environment("slurm", {**given, **nodes})["MASTER_ADDR"] == "gpu03"
    assert asked == [["scontrol", "show", "hostnames", "gpu[03-04,11]"]]


def test_an_unknown_launcher():
    with pytest.raises(ValueError, match="launcher must be none, pytorch, slurm or mpi, got 'ray'"):
        launched_environment("ray", {})
