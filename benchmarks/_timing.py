"""Times in alternating rounds, and how they are told."""

import gc
import statistics
import time
from dataclasses import dataclass

import torch


@dataclass
class Run:
    """Wall and CPU time of one call, in seconds, and what it returned."""

    seconds: float
    cpu_seconds: float
    result: object


def timed(function, device="cpu"):
    """Call once; what an accelerator still has to do is waited for."""
    gc.collect()
    _synchronize(device)
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    _synchronize(device)
    return Run(time.perf_counter() - wall, time.process_time() - cpu, result)


def alternate(functions, rounds, device="cpu"):
    """Call each function in turn, `rounds` times after a round that warms up: name → runs."""
    runs = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            run = timed(function, device)
            if number:
                runs[name].append(run)
    return runs


def ratios(values, others):
    """Divide round by round."""
    return [a / b for a, b in zip(values, others, strict=True)]


def spread(values, digits=0):
    """Write median (lowest–highest)."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def versus(values, goal, at_least=False):
    """Write what was measured beside its goal."""
    if goal is None:
        return ""
    met = (statistics.median(values) >= goal) if at_least else statistics.median(values) <= goal
    return f"{'≥' if at_least else '≤'} {goal:g}: {'yes' if met else 'NO'}"


def _synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()
