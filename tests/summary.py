#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs ctest, and says before its closing lines what was tested on which target.

    tests/summary.py ctest [ARGUMENT...]

A target is what precedes the colon of a test's name, with the machine that may follow an @: the
test "aarch64-picolibc: unit.heap@cortex-a53" counts for "aarch64-picolibc on cortex-a53". Test
cases and assertions are those that doctest reports; a test without doctest counts as a test only.
What fuzzers and the soak have counted follows.
"""

import collections
import pathlib
import re
import subprocess
import sys

LOG = pathlib.Path("Testing/Temporary/LastTest.log")
COLUMNS = ("tests", "failed", "test cases", "assertions")


def target_of(test):
    configuration, _, name = test.partition(": ")
    _, _, machine = name.partition("@")
    return f"{configuration} on {machine}" if machine else configuration


def count(log):
    """Target -> column -> number, in the order in which targets first appear; and lines of counts of another kind."""
    counts, others = {}, []
    for line in log:
        if match := re.match(r"\d+/\d+ Testing: (.*)", line):
            test = match[1]
            target = counts.setdefault(target_of(test), collections.Counter())
            target["tests"] += 1
        elif re.match(r"Test Failed\.|Test timeout", line):
            target["failed"] += 1
        elif match := re.match(r"\[doctest\] (test cases|assertions): +(\d+) \|", line):
            target[match[1]] += int(match[2])
        elif re.match(r"(fuzzed|soak): ", line):
            others.append(f"{test}: {line.strip()}")
    return counts, others


def table(counts):
    rows = [("target", *COLUMNS)]
    rows += [(target, *(f"{numbers[column]:,}" for column in COLUMNS))
             for target, numbers in counts.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for target, *numbers in rows:
        yield "  ".join([target.ljust(widths[0]),
                         *(number.rjust(width) for number, width in zip(numbers, widths[1:]))])


def main():
    closing = []
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as ctest:
        for line in ctest.stdout:
            if closing or re.match(r"\d+% tests passed", line):
                closing.append(line)
            else:
                print(line, end="", flush=True)
    # The log has its name once ctest has ended.
    if closing:
        with LOG.open(errors="replace") as log:
            counts, others = count(log)
        print(*table(counts), "", sep="\n")
        if others:
            print(*others, "", sep="\n")
    print(*closing, sep="", end="", flush=True)
    return ctest.returncode


if __name__ == "__main__":
    sys.exit(main())
