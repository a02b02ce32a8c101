"""The cells of a sweep as a Slurm job array, through submitit."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dmmix.configuration.errors import UserError
from dmmix.experiments.launch.plan import CellRun, Plan
from dmmix.suggestions import suggestion_or_all

if TYPE_CHECKING:
    from submitit import Job


def submit(plan: Plan, options: Mapping[str, str]) -> dict[CellRun, Job[str]]:
    """Submits what is not finished.

    Args:
        plan: of one sweep; its jobs are as many as run at a time.
        options: submitit's, such as ``partition``, ``gpus_per_node``, ``timeout_min`` and
            ``array_parallelism``; ``cluster`` is ``slurm``, or ``local`` or ``debug`` to try it
            without one.

    Returns:
        By cell, its job; without those that are finished, changed or running.

    Raises:
        UserError: submitit is not installed, there is no Slurm, or an unknown option.
    """
    try:
        import cloudpickle
        import submitit
        from submitit.core.utils import FailedJobError

        from dmmix.experiments.launch import slurm_job
    except ImportError as error:
        raise UserError(
            f"--slurm needs submitit: in the checkout of dmmix, pip install -e '.[sweep]' ({error})"
        ) from error
    cloudpickle.register_pickle_by_value(slurm_job)

    cluster = options.get("cluster", "slurm")
    # The folder is named in the jobs, which may start elsewhere.
    folder = (plan.folder / "slurm").resolve()
    if plan.jobs > 1:
        options = {"array_parallelism": str(plan.jobs), **options}
    to_do = plan.to_do
    try:
        executor = submitit.AutoExecutor(folder / "%j", cluster=cluster)
        executor.update_parameters(**_parameters(options, plan.sweep.name))
        with executor.batch():  # one array
            jobs = [
                executor.submit(slurm_job.CellJob(_command(run, plan), cwd=os.getcwd()))
                for run in to_do
            ]
    except (RuntimeError, ValueError, NameError, AssertionError, FailedJobError) as error:
        raise UserError(f"--slurm: {error}") from error
    return dict(zip(to_do, jobs, strict=True))


def _command(run: CellRun, plan: Plan) -> list[str]:
    """dmmix sweep for this cell alone: the lock, the resuming and the result are its work."""
    command = [sys.executable, "-u", "-m", "dmmix", "sweep", str(plan.sweep.path)]
    command += ["--work-dir", str(plan.folder), "--processes", str(plan.processes)]
    command += ["--only", *(f"{axis}={value}" for axis, value in run.cell.point.items())]
    command += ["--small-checkpoints"] * plan.small_checkpoints
    return [*command, *["--accept-changed"] * run.accept_changed]


def _parameters(options: Mapping[str, str], name: str) -> dict[str, Any]:
    """With the prefix that submitit wants for what only Slurm knows."""
    from submitit import AutoExecutor, SlurmExecutor

    generic = set(AutoExecutor._typed_parameters())
    known = generic | set(SlurmExecutor._valid_parameters())
    parameters: dict[str, Any] = {"name": name}
    for key, text in options.items():
        if key == "cluster":
            continue
        bare = key.removeprefix("slurm_")
        if bare not in known:
            near = suggestion_or_all(bare, sorted(known))
            raise UserError(f"--slurm: no option {key!r}{near}")
        value: Any = int(text) if text.isdigit() else text
        if bare == "mem_gb":
            value = float(text)
        parameters[bare if bare in generic else f"slurm_{bare}"] = value
    return parameters
