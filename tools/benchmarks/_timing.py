"""What the benchmarks share: interleaved timing, peak memory, and where a number comes from."""

from __future__ import annotations

import datetime
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator

import torch

__all__ = ["environment", "interleaved", "medians", "peak_extra_memory"]

Step = Callable[[], object]

#: Seconds that a turn of a step lasts about.
TURN = 0.01


def interleaved(steps: dict[str, Step], rounds: int, device: str) -> Iterator[dict[str, float]]:
    """Seconds of each step, a round at a time.

    Each round gives every step a turn, in a new order, so that whatever else the machine does hits
    all of them alike; compare medians over rounds, not single ones. A turn is one step that does
    not count (after it, code and data of the step are in the caches) and as many as fill
    ``TURN`` seconds, whose mean counts.
    """
    order = list(steps)
    shuffle = random.Random(0).shuffle
    repeats = {}
    for name in order:
        warm_up = [_seconds(steps[name], 1, device) for _ in range(5)]
        repeats[name] = max(1, round(TURN / statistics.median(warm_up)))
    for _ in range(rounds):
        shuffle(order)
        turn = {}
        for name in order:
            steps[name]()
            turn[name] = _seconds(steps[name], repeats[name], device)
        yield turn


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def _seconds(step: Step, repeats: int, device: str) -> float:
    if device == "cpu":
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        return (time.perf_counter() - start) / repeats
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    for _ in range(repeats):
        step()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3 / repeats


def peak_extra_memory(step: Step, device: str) -> int:
    """Bytes that a step holds at most beyond what was there before it, in a run of its own."""
    step()
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    # The profiler sees each call of the allocator, also those inside an operation.
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def environment(device: str) -> dict[str, str | int]:
    """Versions, date and machine, for the record."""
    found: dict[str, str | int] = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }
    if device != "cpu":
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = str(torch.version.cuda)
    try:
        import triton
    except ImportError:
        return found
    return found | {"triton": triton.__version__}
