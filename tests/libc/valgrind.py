#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether Valgrind's memcheck says of programs with rsbmalloc what it says of the same with glibc's malloc: nothing of
right ones, and no less of wrong ones.

    valgrind.py PROGRAM LINKED LIBRARY

PROGRAM is watched.c with no allocator but the C library's, LINKED the same with rsb::libc, LIBRARY is to be preloaded.
"""

import os
import re
import subprocess
import sys

# What memcheck says of each case of watched.c; whether it can say so of glibc's malloc too (Valgrind ends a program that
# calls pvalloc there, and glibc has no free_sized).
LOST = r"[\d,]+ bytes in \d+ blocks are definitely lost"
CASES = {
    "all_names": ([], True),
    "more_names": ([], False),
    "leak": ([LOST], True),
    "write_beyond": (["Invalid write of size 1"], True),
    "write_to_old": (["Invalid write of size 1"], True),
    "resize_freed": ([r"Invalid free\(\) / delete / delete\[\] / realloc\(\)"], True),
    "leak_pages": ([LOST], False),
    "write_beyond_pages": (["Invalid write of size 1"], False),
    "free_twice": ([r"Invalid free\(\) / delete / delete\[\] / realloc\(\)"], False),
    "write_to_freed": (["Invalid write of size 1"], False),
}


def check(how, program, case, expected, preload=None):
    environment = dict(os.environ, LC_ALL="C")
    if preload:
        environment["LD_PRELOAD"] = preload
    run = subprocess.run(
        ["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite", program, case],
        env=environment, text=True, capture_output=True, check=False)
    # The first line of each paragraph.
    said = re.findall(r"^==\d+== (?! |Address|\n)(\S.*)$", run.stderr, flags=re.MULTILINE)
    right = (run.returncode == 0 and len(said) == len(expected)
             and all(map(re.match, expected, said)))
    if right and (expected or not run.stderr):
        return 0
    print(f"{case}, {how}: status {run.returncode}, expected {expected}\n{run.stdout}{run.stderr}")
    return 1


def main():
    program, linked, library = sys.argv[1:]
    problems = 0
    for case, (expected, as_glibc) in CASES.items():
        if as_glibc:
            problems += check("glibc", program, case, expected)
        problems += check("linked", linked, case, expected)
        problems += check("preloaded", program, case, expected, library)
    return problems


if __name__ == "__main__":
    sys.exit(main())
