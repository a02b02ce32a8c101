"""The cells of a sweep on this machine, some at a time."""

from __future__ import annotations

import time

from dmmix.experiments.launch.plan import CellRun, Plan
from dmmix.experiments.launch.progress import Progress
from dmmix.experiments.launch.show import Lines
from dmmix.experiments.launch.small import make_small
from dmmix.experiments.launch.training import Training


def run_local(plan: Plan, show: Lines, pause: float = 0.5) -> bool:
    """Trains what is not finished.

    Returns:
        Whether all cells are finished, or trained by somebody else at this moment.

    Raises:
        KeyboardInterrupt: after the processes have been ended.
    """
    progress = Progress(plan)
    for run in plan.in_state("changed"):
        show.say(
            f"{run.name}: {run.state.note} than the sweep has now; it is left as it is. Move "
            f"{run.folder} away to train it anew, or take it as it is with --accept-changed"
        )
    if plan.small_checkpoints:
        for run in plan.in_state("finished"):
            _make_small(run, show)
    queue, free = plan.to_do, [*plan.environments]
    active: list[tuple[Training, dict[str, str]]] = []
    try:
        while queue or active:
            while queue and free:
                run = queue.pop(0)
                training = Training.start(run, free[0], plan.processes)
                if training is None:
                    now = progress.runs[run.name] = run.again()
                    show.say(f"{run.name}: {_words(now)}")
                    continue
                active.append((training, free.pop(0)))
                progress.began(training)
                begun = f" from {run.unit} {training.first_step}" if training.first_step else ""
                show.say(f"{run.name}: training{begun}")
            for entry in [entry for entry in active if entry[0].process.poll() is not None]:
                training, environment = entry
                run = progress.ended(training)
                active.remove(entry)
                free.append(environment)
                show.say(_end_message(run) + progress.summary())
                if plan.small_checkpoints:
                    _make_small(run, show)
            show.update(progress)
            if active:
                time.sleep(pause)
    finally:
        # All are told to end before the first is waited for.
        for training, _ in active:
            training.terminate()
        for training, _ in active:
            training.stop()
    return all(run.state.word in ("finished", "running") for run in progress.runs.values())


def _make_small(run: CellRun, show: Lines) -> None:
    if said := make_small(run):
        show.say(said)


def _end_message(run: CellRun) -> str:
    if run.result is not None:
        key, metric, value = run.cell.sweep.key, run.cell.sweep.metric, run.result["value"]
        known = ", ".join(sorted(run.logged.val)) or "nothing"
        shown = f"no {key} was logged ({known} was)" if value is None else f"{value:.2f}"
        return f"{run.name}: finished, {metric} {key} {shown}"
    failure = run.failure or {}
    tail = "\n".join(f"    {line}" for line in failure.get("last_lines", ()))
    what = f"failed with status {failure.get('status')}"
    return f"{run.name}: {what}; the end of {run.folder / 'train.log'}:\n{tail}\n"


def _words(run: CellRun) -> str:
    return f"{run.state.word} ({run.state.note})" if run.state.note else run.state.word
