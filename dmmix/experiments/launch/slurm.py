"""The cells of a sweep as a Slurm job array, through submitit."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dmmix.configuration.errors import UserError
from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.store.state import TO_DO, state_of
from dmmix.suggestions import suggestion_or_all

if TYPE_CHECKING:
    from submitit import Job

__all__ = ["cell_command", "submit"]


def submit(
    cells: Sequence[Cell],
    options: Mapping[str, str],
    processes: int = 1,
    accept_changed: bool = False,
) -> dict[Cell, Job]:
    """Submits what is not finished.

    Args:
        cells: of one sweep.
        options: submitit's, such as ``partition``, ``gpus_per_node``, ``timeout_min`` and
            ``array_parallelism``; ``cluster`` is ``slurm``, or ``local`` or ``debug`` to try it
            without one.
        processes: of each cell, on the node of its job.
        accept_changed: as in :func:`dmmix.experiments.launch.local.run_local`.

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
    folder = (cells[0].folder.parent / "slurm").resolve()
    to_do = [cell for cell in cells if state_of(cell, accept_changed).word in TO_DO]
    try:
        executor = submitit.AutoExecutor(folder / "%j", cluster=cluster)
        executor.update_parameters(**_parameters(options, cells[0].sweep.name))
        with executor.batch():  # one array
            jobs = [
                executor.submit(
                    slurm_job.CellJob(cell_command(c, processes, accept_changed), cwd=os.getcwd())
                )
                for c in to_do
            ]
    except (RuntimeError, ValueError, NameError, AssertionError, FailedJobError) as error:
        raise UserError(f"--slurm: {error}") from error
    return dict(zip(to_do, jobs, strict=True))


def cell_command(cell: Cell, processes: int, accept_changed: bool) -> list[str]:
    """dmmix sweep for this cell alone: the lock, the resuming and the result are its work."""
    command = [sys.executable, "-u", "-m", "dmmix", "sweep", str(cell.sweep.path)]
    command += ["--work-dir", str(cell.folder.parent), "--processes", str(processes)]
    command += ["--only", *(f"{axis}={value}" for axis, value in cell.point.items())]
    return [*command, "--accept-changed"] if accept_changed else command


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
