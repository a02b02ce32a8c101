"""What the benchmarks share: interleaved timing, memory and traffic."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Step = Callable[[], object]
Clock = Callable[[], float]

#: ``cpu`` is the processor time of this process: workers are not in it.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
#: Seconds that a turn of a step lasts about.
TURN = 0.01


def interleaved(
    steps: dict[str, Step], rounds: int, device: str, clock: Clock = time.perf_counter
) -> Iterator[dict[str, float]]:
    """Seconds of each step, a round at a time.

    Each round gives every step a turn, in a new order, so that whatever else the machine does hits
    all of them alike; compare medians over rounds, not single ones. A turn is one step that does
    not count (after it, code and data of the step are in the caches) and as many as fill
    ``TURN`` seconds, whose mean counts. ``clock`` is what is read on a CPU.
    """
    order = list(steps)
    shuffle = random.Random(0).shuffle
    repeats = {}
    for name in order:
        warm_up = [_seconds(steps[name], 1, device, clock) for _ in range(5)]
        repeats[name] = max(1, round(TURN / max(statistics.median(warm_up), 1e-9)))
    for _ in range(rounds):
        shuffle(order)
        turn = {}
        for name in order:
            steps[name]()
            turn[name] = _seconds(steps[name], repeats[name], device, clock)
        yield turn


def medians(
    rounds: Iterable[dict[str, float]], advance: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """Of each step; ``advance`` is called after each round."""
    kept = [(one, advance())[0] for one in rounds]
    return {name: statistics.median(one[name] for one in kept) for name in kept[0]}


def check_no_synchronisation(steps: Iterable[Step]) -> None:
    """Raises where a step waits for the device."""
    steps = [*steps]
    for step in steps:
        step()  # what is made once may wait
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in steps:
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _seconds(step: Step, repeats: int, device: str, clock: Clock) -> float:
    if device == "cpu":
        start = clock()
        for _ in range(repeats):
            step()
        return (clock() - start) / repeats
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


def bytes_moved(step: Step) -> int:
    """Bytes that a step's operations on tensors read and write, told from their shapes.

    Each operation reads each of its tensors once (one that picks some rows: those) and writes its
    results once, views are free, and a tensor that is expanded counts as large as it is in memory.
    Caches may save some of it, an operation that reads a tensor twice may take more. What other
    libraries (NumPy) do is not seen.
    """
    counter = _Traffic()
    with counter:
        step()
    return counter.bytes


class _Traffic(TorchDispatchMode):
    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        outputs = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        name = func._schema.name.split("::")[-1]
        writes = {a.name for a in func._schema.arguments if a.alias_info and a.alias_info.is_write}
        known = {_place(t) for t in inputs}
        if name in ("gather", "index", "index_select") and outputs:
            inputs = [outputs[0], *inputs[1:]]
        if not writes:
            if any(_place(t) in known for t in outputs):
                return result  # a view
            self.bytes += sum(map(_size, inputs + outputs))
        elif name in ("copy_", "fill_", "zero_") or "out" in writes:
            # What was in the first (the given) tensor is not read.
            self.bytes += sum(map(_size, inputs))
        else:
            self.bytes += sum(map(_size, inputs + outputs))
        return result


def _place(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _size(tensor: torch.Tensor) -> int:
    own = [size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride]
    return tensor.element_size() * (math.prod(own) if tensor.numel() else 0)
