#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares the smallest pools of some programs with those of bounds.txt, exactly.

  bounds.py FOLDER             FOLDER: where the images are
  bounds.py FOLDER --accept    writes bounds.txt anew

Ends with 1 if they differ, and prints what is new.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
from images import Images

FILE = Path(__file__).resolve().parent / "bounds.txt"
SEEDS = [1, 2]
CASES = [(program, allocator) for program in ("cjson", "lua-json") for allocator in ("small-basic", "words-basic")]
HEAD = """\
# Bytes of the smallest pool in which a program ends well, seeds 1 and 2, in steps of 256. They must be the same in every
# run. After a change that is meant to change them: tests/bench/pools/run --accept
"""


def main():
    images = Images(sys.argv[1])
    found = [f"compiler: {images.compiler()}"]
    for program, allocator in CASES:
        smallest = images.smallest(program, allocator, SEEDS)
        found.append(f"{program} {allocator}: " + " ".join(str(size) for size, _ in smallest))
    if "--accept" in sys.argv:
        FILE.write_text(HEAD + "\n".join(found) + "\n")
        return 0
    expected = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    if found == expected:
        return 0
    print("The smallest pools changed (or the compiler, on which they depend): - expected, + found")
    for line in expected:
        if line not in found:
            print("-", line)
    for line in found:
        if line not in expected:
            print("+", line)
    print("To accept them: tests/bench/pools/run --accept")
    return 1


if __name__ == "__main__":
    sys.exit(main())
