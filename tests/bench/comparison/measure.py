# SPDX-License-Identifier: MIT OR Apache-2.0
"""One measurement is one process: one row, one allocator."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from .allocators import Allocator

_NAME = re.compile(r"^(?P<row>.+)/iterations:\d+/threads:(?P<threads>\d+)$")


class Failure(Exception):
    """A row did not run to its end: no comparison is worth more than that."""


@dataclass(frozen=True, order=True)
class Row:
    name: str
    threads: int
    filter: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name} x{self.threads}"

    @property
    def is_large(self) -> bool:
        """All of its blocks are of 16 KiB and more, and their sizes vary: churn/64KiB-4MiB."""
        return "KiB-" in self.name


@dataclass(frozen=True)
class Group:
    """Rows of which there is one mean."""
    name: str
    has: Callable[[Row], bool]


ONE_THREAD = Group("one thread", lambda row: row.threads == 1)
TWO_THREADS = Group("two threads", lambda row: row.threads == 2)
MORE_THREADS = Group("four and eight threads", lambda row: row.threads > 2)
LARGE = Group("blocks of 16 KiB to 4 MiB", lambda row: row.is_large and row.threads <= 2)
ALL = Group("all rows", lambda row: True)
BY_THREADS = [ONE_THREAD, TWO_THREADS, MORE_THREADS]


@dataclass(frozen=True)
class Sample:
    nanoseconds: float  # an operation of one thread
    peak_bytes: float


@dataclass(frozen=True)
class Conditions:
    """What is the same for every measurement."""
    program: Path
    scale: float  # of the number of iterations
    real_time: bool  # ahead of everything else on the machine; needs root


@dataclass(frozen=True)
class Steps:
    """Instructions of a malloc and a free."""
    median: int
    mean: float


class Results:
    """Samples by row and allocator; both keep the order in which they were first seen."""

    def __init__(self):
        self.samples = {}  # (row, allocator name): [Sample]
        self.steps = {}  # allocator name: {size and threads, as rsb_pair_steps says them: Steps}

    def add(self, row: Row, allocator: str, sample: Sample) -> None:
        self.samples.setdefault((row, allocator), []).append(sample)

    def rows(self, group: Group = ALL) -> list:
        rows = dict.fromkeys(row for row, _ in self.samples)
        return [row for row in rows if group.has(row)]

    def allocators(self) -> list:
        return list(dict.fromkeys(name for _, name in self.samples))

    def time(self, row: Row, allocator: str) -> float:
        return statistics.median(s.nanoseconds for s in self.samples[row, allocator])

    def memory(self, row: Row, allocator: str) -> float:
        return statistics.median(s.peak_bytes for s in self.samples[row, allocator])

    def times(self, row: Row, allocator: str) -> list:
        return [s.nanoseconds for s in self.samples[row, allocator]]

    def memories(self, row: Row, allocator: str) -> list:
        return [s.peak_bytes for s in self.samples[row, allocator]]


def list_rows(conditions: Conditions, pattern: str) -> list:
    listing = subprocess.run([conditions.program, "--benchmark_list_tests",
                              f"--scale={conditions.scale}"],
                             check=True, capture_output=True, text=True).stdout
    rows = []
    for line in listing.split():
        match = _NAME.match(line)
        row = Row(match["row"], int(match["threads"]), f"^{line}$")
        if re.search(pattern, str(row)):
            rows.append(row)
    return sorted(rows, key=lambda row: row.threads)


def _claim_the_processor() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def measure(conditions: Conditions, row: Row, allocator: Allocator) -> Sample:
    command = [conditions.program, f"--benchmark_filter={row.filter}", "--benchmark_format=json",
               f"--scale={conditions.scale}"]
    child = subprocess.run(command, env=allocator.environment(), capture_output=True, text=True,
                           preexec_fn=_claim_the_processor if conditions.real_time else None)
    if child.returncode != 0:
        raise Failure(f"{row} on {allocator.name} ended with {child.returncode}:\n"
                      f"{child.stderr[-2000:]}")
    [result] = json.loads(child.stdout)["benchmarks"]
    if result["time_unit"] != "ns":
        raise Failure("rsb_bench no longer reports nanoseconds")
    # One thread: the processor's time, which a busy neighbour disturbs least. More: the wall's, for
    # waiting counts; Google Benchmark divides it by the iterations of all, we by those of one.
    nanoseconds = result["cpu_time"] if row.threads == 1 else result["real_time"] * row.threads
    if row.threads == 1 and result["single_threaded"] != 1 and "joined_a_thread" not in result:
        warn_once(f"{allocator.name} makes a thread of its own: its one-thread rows have two")
    return Sample(nanoseconds / result["operations"], result["peak_resident_bytes"])


_STEPS = re.compile(r"^  (?P<threads>\S+) +(?P<size>\d+) bytes: .*= +(?P<median>\d+), mean (?P<mean>\S+)$",
                    re.MULTILINE)


def count_steps(program: Path, allocator: Allocator) -> dict:
    """What rsb_pair_steps counts; the same in every run."""
    child = subprocess.run([program], env=allocator.environment(), capture_output=True, text=True)
    counts = {f"{match['size']} bytes, {match['threads'].replace('-', ' ')}":
              Steps(int(match["median"]), float(match["mean"])) for match in _STEPS.finditer(child.stdout)}
    if child.returncode != 0 or not counts:
        raise Failure(f"{program.name} on {allocator.name} ended with {child.returncode}:\n{child.stderr[-2000:]}")
    return counts


def measure_all(conditions: Conditions, rows: list, allocators: list, rounds: int) -> Results:
    """Round by round, row by row, all allocators one after the other, each time another first."""
    results = Results()
    began = time.monotonic()
    for round_ in range(rounds):
        for number, row in enumerate(rows):
            first = (round_ + number) % len(allocators)
            for allocator in allocators[first:] + allocators[:first]:
                results.add(row, allocator.name, measure(conditions, row, allocator))
        print(f"round {round_ + 1} of {rounds}: {time.monotonic() - began:.0f} s",
              file=sys.stderr, flush=True)
    return results


_warned = set()


def warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        print(f"warning: {message}", file=sys.stderr)
