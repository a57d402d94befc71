# SPDX-License-Identifier: MIT OR Apache-2.0
"""From samples to tables, ratios and verdicts."""

import csv
import math
from pathlib import Path

from .allocators import OURS, SYSTEM, VARIANTS
from .measure import Results


def geometric_mean(values) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def ratio_of_times(results: Results, one: str, other: str, threads: int) -> float:
    return geometric_mean(results.time(row, one) / results.time(row, other)
                          for row in results.rows(threads))


def ratio_of_memory(results: Results, one: str, other: str, threads=None) -> float:
    return geometric_mean(results.memory(row, one) / results.memory(row, other)
                          for row in results.rows(threads))


def _table(header: list, body: list) -> str:
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in body]) + "\n"


def _duration(nanoseconds: float) -> str:
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def table_of_times(results: Results, threads: int) -> str:
    names = results.allocators()
    return _table(["row", *names], [[row.name, *(_duration(results.time(row, n)) for n in names)]
                                    for row in results.rows(threads)])


def table_of_memory(results: Results) -> str:
    names = results.allocators()
    return _table(["row", *names],
                  [[str(row), *(f"{results.memory(row, n) / 2**20:.1f}" for n in names)]
                   for row in results.rows()])


def table_against_system(results: Results) -> str:
    """Geometric means of all allocators, the C library's own being 1."""
    names = results.allocators()
    lines = [["time, one thread", *(ratio_of_times(results, n, SYSTEM, 1) for n in names)],
             ["time, two threads", *(ratio_of_times(results, n, SYSTEM, 2) for n in names)],
             ["peak memory", *(ratio_of_memory(results, n, SYSTEM) for n in names)]]
    return _table([f"÷ {SYSTEM}", *names], [[label, *(_ratio(value, 2) for value in values)]
                                            for label, *values in lines])


def _ratio(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _verdict(value: float, limit: float) -> str:
    if math.isnan(value):
        return "not measured"
    return f"{value:.3f} ({'meets' if value <= limit else 'MISSES'} {limit})"


def summary(results: Results) -> str:
    names = results.allocators()
    parts = []
    if SYSTEM in names:
        parts.append(table_against_system(results))
    peers = [name for name in names if name not in VARIANTS]
    for ours in VARIANTS:
        if ours not in names or not peers:
            continue
        parts.append(_table(
            [f"{ours} ÷ peer", *peers],
            [["time, one thread", *(_verdict(ratio_of_times(results, ours, p, 1), 1.0)
                                    for p in peers)],
             ["time, two threads", *(_ratio(ratio_of_times(results, ours, p, 2), 3) for p in peers)],
             ["peak memory", *(_verdict(ratio_of_memory(results, ours, p), 1.0) if p == SYSTEM
                               else f"{ratio_of_memory(results, ours, p):.3f}" for p in peers)]]))
    if OURS in names and "mimalloc" in names:
        parts.append(_slow_rows(results, "mimalloc", 1.5))
    return "\n".join(parts)


def _slow_rows(results: Results, peer: str, limit: float) -> str:
    slow = [(results.time(row, OURS) / results.time(row, peer), row) for row in results.rows(1)]
    slow = sorted((pair for pair in slow if pair[0] > limit), reverse=True)
    if not slow:
        return f"No one-thread row is over {limit} × {peer}.\n"
    return (f"One-thread rows over {limit} × {peer}:\n\n"
            + "".join(f"- {row.name}: {ratio:.2f}\n" for ratio, row in slow))


def write_csv(results: Results, folder: Path) -> None:
    with open(folder / "samples.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["row", "threads", "allocator", "round", "nanoseconds", "peak_bytes"])
        for (row, name), samples in results.samples.items():
            for number, sample in enumerate(samples, 1):
                out.writerow([row.name, row.threads, name, number, f"{sample.nanoseconds:.3f}",
                              int(sample.peak_bytes)])
    with open(folder / "medians.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["row", "threads", "allocator", "nanoseconds", "peak_bytes"])
        for row, name in results.samples:
            out.writerow([row.name, row.threads, name, f"{results.time(row, name):.3f}",
                          int(results.memory(row, name))])


def report(results: Results, rounds: int, machine: str, own_programs: str) -> str:
    parts = ["# Allocators compared\n", f"{machine}; medians of {rounds} rounds.\n",
             "## Summary\n", summary(results)]
    if results.rows(1):
        parts += ["## Time of an operation, one thread\n", table_of_times(results, 1)]
    if results.rows(2):
        parts += ["## Time of an operation, two threads\n", table_of_times(results, 2)]
    parts += ["## Peak resident memory, MiB\n", table_of_memory(results)]
    if own_programs:
        parts += [f"## {OURS} alone\n", f"```\n{own_programs}```\n"]
    return "\n".join(parts)
