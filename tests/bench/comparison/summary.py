# SPDX-License-Identifier: MIT OR Apache-2.0
"""From samples to tables, ratios and verdicts."""

import csv
import math
from pathlib import Path

from .allocators import OURS, SYSTEM, VARIANTS
from .measure import ALL, BY_THREADS, LARGE, Group, Results, Row

OVER = 1.5  # times the best peer: such a row is named


def geometric_mean(values) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def ratio_of_times(results: Results, one: str, other: str, group: Group) -> float:
    return geometric_mean(results.time(row, one) / results.time(row, other)
                          for row in results.rows(group))


def ratio_of_memory(results: Results, one: str, other: str, group: Group) -> float:
    return geometric_mean(results.memory(row, one) / results.memory(row, other)
                          for row in results.rows(group))


def _table(header: list, body: list) -> str:
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in body]) + "\n"


def _duration(nanoseconds: float) -> str:
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def table_of_times(results: Results, group: Group) -> str:
    names = results.allocators()
    return _table(["row", *names], [[str(row), *(_duration(results.time(row, n)) for n in names)]
                                    for row in results.rows(group)])


def table_of_memory(results: Results) -> str:
    names = results.allocators()
    return _table(["row", *names],
                  [[str(row), *(f"{results.memory(row, n) / 2**20:.1f}" for n in names)]
                   for row in results.rows()])


def table_of_steps(results: Results) -> str:
    """Medians; where the mean is another, for some pairs do the work of others too, it stands beside."""
    names = list(results.steps)
    def cell(steps) -> str:
        return f"{steps.median}" + (f" ({steps.mean:.0f})" if round(steps.mean) != steps.median else "")
    return _table(["a malloc and a free", *names],
                  [[case, *(cell(results.steps[name][case]) for name in names)]
                   for case in results.steps[names[0]]])


def table_against(results: Results, label: str, pairs: list) -> str:
    """Geometric means by group of one allocator ÷ another, a column a pair: (header, one, other)."""
    lines = []
    for what, ratio, groups in (("time", ratio_of_times, [*BY_THREADS, LARGE]),
                                ("peak memory", ratio_of_memory, [*BY_THREADS, LARGE, ALL])):
        for group in groups:
            if results.rows(group):
                lines.append([f"{what}, {group.name}",
                              *(_ratio(ratio(results, one, other, group), 2) for _, one, other in pairs)])
    return _table([label, *(header for header, _, _ in pairs)], lines)


def _ratio(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def summary(results: Results) -> str:
    names = results.allocators()
    parts = []
    if SYSTEM in names:
        parts.append(table_against(results, f"÷ {SYSTEM}", [(name, name, SYSTEM) for name in names]))
    peers = [name for name in names if name not in VARIANTS]
    for ours in VARIANTS:
        if ours in names and peers:
            parts.append(table_against(results, f"{ours} ÷", [(peer, ours, peer) for peer in peers]))
            parts.append(_slow_rows(results, ours, peers))
    if results.steps:
        parts.append(table_of_steps(results))
    return "\n".join(parts)


def _slow_rows(results: Results, ours: str, peers: list) -> str:
    def best(row: Row) -> str:
        return min(peers, key=lambda peer: results.time(row, peer))
    slow = [(results.time(row, ours) / results.time(row, best(row)), row) for row in results.rows()]
    slow = sorted((pair for pair in slow if pair[0] > OVER), reverse=True)
    if not slow:
        return f"{ours}: no row takes over {OVER} × the time of the best peer in it.\n"
    return (f"{ours}: rows that take over {OVER} × the time of the best peer in them:\n\n"
            + "".join(f"- {row}: {ratio:.2f} × {best(row)}\n" for ratio, row in slow))


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
    with open(folder / "instructions.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["pair", "allocator", "median", "mean"])
        for name, counts in results.steps.items():
            out.writerows([case, name, steps.median, steps.mean] for case, steps in counts.items())


def report(results: Results, rounds: int, machine: str, own_programs: str) -> str:
    parts = ["# Allocators compared\n", f"{machine}; medians of {rounds} rounds.\n",
             "## Summary\n", summary(results)]
    for group in BY_THREADS:
        if results.rows(group):
            parts += [f"## Time of an operation, {group.name}\n", table_of_times(results, group)]
    parts += ["## Peak resident memory, MiB\n", table_of_memory(results)]
    if own_programs:
        parts += [f"## {OURS} alone\n", f"```\n{own_programs}```\n"]
    return "\n".join(parts)
