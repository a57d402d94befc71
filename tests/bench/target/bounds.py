#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares the instructions that rsbmalloc takes on a board with those of bounds.txt, exactly.

  bounds.py TARGET FOLDER      FOLDER: where the target's images are

Ends with 1 if they differ, and prints what is new.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
from images import Images, target_named

FILE = Path(__file__).resolve().parent / "bounds.txt"
ACCEPT = "tests/bench/target/run --accept --targets"
OPERATIONS = 20_000
HEAD = """\
# Instructions a call: what bounds.py measures on a board in short runs of the reference workload, and in the
# checkerboard of 16-byte blocks. It must be the same in every run. After a change that is meant to change them:
#
#   {accept} TARGET
#
# target configuration case: malloc mean worst, free mean worst, failing malloc worst
"""


def is_ours(allocator):
    return allocator in ("heap-off", "heap-basic", "small-off", "small-basic", "words-off", "words-basic")


def measured(images):
    """The lines of one target."""
    lines = [f"{images.target.name} compiler: {images.compiler()}"]
    for allocator in sorted(filter(is_ours, images.allocators())):
        for name, pool in ("64K", 65536), ("1M", 1048576):
            for line in images.run(allocator, "churn", pool, OPERATIONS, 1, 50, 70):
                numbers = [round(line[key] / 100) if key.endswith("mean") else line[key] for key in
                           ("malloc.mean", "malloc.worst", "free.mean", "free.worst")]
                numbers.append(line.get("fail.worst", "-"))
                lines.append(f"{images.target.name} {allocator} {name}/{line['fill']}%: "
                             + " ".join(map(str, numbers)))
        c, = images.run(allocator, "checker", 1048576)
        lines.append(f"{images.target.name} {allocator} checkerboard: - {c['malloc16']} - "
                     f"{max(c['free.first_half'], c['free.second_half'])} {c['malloc64']}")
    return lines


def read():
    """The lines of all targets."""
    if not FILE.exists():
        return []
    return [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


def of_target(lines, name):
    return [line for line in lines if line.split()[0] == name]


def accept(images):
    """Replaces the target's lines."""
    name = images.target.name
    others = [line for line in read() if line not in of_target(read(), name)]
    lines = sorted(others + measured(images), key=lambda line: line.split()[0])
    FILE.write_text(HEAD.format(accept=ACCEPT) + "\n".join(lines) + "\n")
    print(f"{FILE}: {name} is new")


def main():
    images = Images(target_named(sys.argv[1]), sys.argv[2])
    name = images.target.name
    images.run("none", "selftest")
    expected = of_target(read(), name)
    compilers = [line.partition("compiler: ")[2] for line in expected if " compiler: " in line]
    if compilers != [images.compiler()]:
        print(f"{FILE.name} was made with another compiler, and counts depend on it:\n"
              f"  there: {compilers[0] if compilers else 'nothing for ' + name}\n  here:  {images.compiler()}\n"
              f"To accept what this one makes: {ACCEPT} {name}")
        return 1

    found = measured(images)
    if found == expected:
        return 0
    print(f"Instructions changed: - expected, + found (malloc mean worst, free mean worst, failing malloc worst)")
    for line in expected:
        if line not in found:
            print("-", line)
    for line in found:
        if line not in expected:
            print("+", line)
    print(f"To accept them: {ACCEPT} {name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
