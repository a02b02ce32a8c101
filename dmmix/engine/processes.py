"""Several processes: joining them without a GPU, where mmengine's launchers fail; acting as one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.model import is_model_wrapper
from torch import nn

_DEFAULT_PORT = "29500"
T = TypeVar("T")


def init_cpu_processes(launcher: str, cfg: dict) -> None:
    """Joins the processes that ``launcher`` started over gloo, where there is no GPU.

    Does nothing for ``launcher='none'``. Where there is a GPU it only looks at the environment:
    mmengine does the rest then. ``cfg`` (the run's config) gets the wrapper that fits modules on
    the CPU.

    Raises:
        RuntimeError: the environment holds none of the launcher's variables.
    """
    if launcher == "none" or dist.is_initialized():
        return
    environment = launched_environment(launcher, os.environ)
    if torch.cuda.is_available():
        return
    os.environ.update(environment)
    dist.init_process_group("gloo")
    wrapper = {"type": "MMDistributedDataParallel", "broadcast_buffers": False}
    wrapper.update(cfg.get("model_wrapper_cfg") or {})
    wrapper["device_ids"] = None  # where the key is absent, mmengine fills in a GPU
    cfg["model_wrapper_cfg"] = wrapper


def leave_processes() -> None:
    """Waits until every process has come this far and leaves the group; call it when all went well.

    Does nothing where no group was joined. A process that failed must not call it: the others may
    be waiting for it elsewhere.
    """
    if not dist.is_initialized():
        return
    if dist.get_backend() == "gloo":
        # A thread of gloo lets go of a collective's tensors a moment after the collective has
        # returned, and needs the interpreter for that. Where it comes too late, when the
        # interpreter is closing down, it aborts the process. Destroying the group does not wait
        # for the thread as long as a DDP module holds it; so give it time.
        for _ in range(3):
            dist.barrier()
            time.sleep(0.05)
    else:
        dist.barrier()
    dist.destroy_process_group()


#: By launcher: its variables of the rank, the number of processes and the rank on the machine, and
#: what starts processes that have them.
_LAUNCHERS = {
    "pytorch": ("RANK", "WORLD_SIZE", "LOCAL_RANK", "torchrun (tools/dist_train.sh)"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "srun (tools/slurm_train.sh)"),
    "mpi": (*(f"OMPI_COMM_WORLD_{of}" for of in ("RANK", "SIZE", "LOCAL_RANK")), "mpirun"),
}


def launched_environment(launcher: str, environ: Mapping[str, str]) -> dict[str, str]:
    """``RANK``, ``WORLD_SIZE`` and the rest, as torch.distributed reads them."""
    if launcher not in _LAUNCHERS:
        raise ValueError(f"launcher must be none, pytorch, slurm or mpi, got {launcher!r}")
    *needed, start = _LAUNCHERS[launcher]
    missing = [name for name in needed if name not in environ]
    if missing:
        raise RuntimeError(
            f"--launcher {launcher} needs the process to be started by {start}: "
            f"{', '.join(missing)} not set"
        )
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    found = {name: environ[source] for name, source in zip(names, needed, strict=True)}
    nodes = environ.get("SLURM_NODELIST", "") if launcher == "slurm" else ""
    host = environ.get("MASTER_ADDR") or _first_host(nodes)
    return {**found, "MASTER_ADDR": host, "MASTER_PORT": environ.get("MASTER_PORT", _DEFAULT_PORT)}


def _first_host(nodes: str) -> str:
    """Slurm writes ``node[1-4]``; its own tool spells it out."""
    if "[" not in nodes and "," not in nodes:
        return nodes or "127.0.0.1"
    shown = subprocess.run(
        ["scontrol", "show", "hostnames", nodes],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return shown.stdout.split()[0]


def on_master(function: Callable[[], T]) -> T:
    """What the function gives on the master, on all ranks; what it raises, they all raise.

    Ranks that went on alone would wait for the others without end.
    """
    outcome: list = [None, None]
    if is_main_process():
        try:
            outcome = [function(), None]
        except Exception as error:
            outcome = [None, error]
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def network_of(model: nn.Module) -> Any:
    """The module itself, without what wraps it where training is distributed."""
    return model.module if is_model_wrapper(model) else model
