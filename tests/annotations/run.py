#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether AddressSanitizer or Valgrind's memcheck says of each case of cases.cpp what it should: of right ones nothing.

    run.py address|valgrind PROGRAM [CASE...]
"""

import re
import signal
import subprocess
import sys

RIGHT = ("right", "regions")

# Case -> what memcheck says, and of which block: in the first line, and in the one that begins with "Address".
BEHIND, BEFORE, FREED = "0 bytes after a.* block of size {} alloc'd", "{} bytes before a.* block of size {} alloc'd", \
    "{} bytes inside a.* block of size {} free'd"
READ, WRITE = "Invalid read of size 1", "Invalid write of size 1"
CASES = {
    "read_behind": (READ, BEHIND.format(13)),
    "write_behind": (WRITE, BEHIND.format(13)),
    "read_behind_nothing": (READ, BEHIND.format(0)),
    "read_tail_end": (READ, "7 bytes after a.* block of size 40 alloc'd"),
    "read_behind_aligned": (READ, BEHIND.format(100)),
    "read_behind_large": (READ, BEHIND.format("99,997")),
    "read_before": (READ, BEFORE.format(1, 13)),
    "write_before": (WRITE, BEFORE.format(1, 13)),
    "read_far_before": (READ, BEFORE.format(24, 13)),
    "read_before_aligned": (READ, "is "),  # memcheck knows no block as far from it
    "read_before_large": (READ, BEFORE.format(1, "100,000")),
    "read_freed": (READ, FREED.format(0, 13)),
    "write_freed": (WRITE, FREED.format(12, 13)),
    "read_freed_large": (READ, FREED.format("50,000", "100,000")),
    "read_old": (READ, FREED.format(0, 13)),
    "read_taken_away": (READ, BEHIND.format(90)),
    "read_behind_grown": (READ, BEHIND.format(95)),
}
UNDEFINED = r"Conditional jump or move depends on uninitialised value\(s\)"
UNDEFINED_CASES = ("decide_undefined", "decide_undefined_growth", "decide_undefined_copy", "decide_undefined_again")


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=400)


def valgrind(program, case):
    """What it should say and does not, or the other way round; none: all is well."""
    said = run("valgrind", "-q", "--soname-synonyms=somalloc=nouserintercepts", program, case)
    paragraphs = re.findall(r"^==\d+== (?! |\n)(\S.*)$", said.stderr, flags=re.MULTILINE)
    addresses = re.findall(r"^==\d+==  Address 0x[0-9a-f]+ (.*)$", said.stderr, flags=re.MULTILINE)
    if case in RIGHT:
        well = said.returncode == 0 and said.stderr == ""
    elif case in UNDEFINED_CASES:
        well = len(paragraphs) == 1 and re.match(UNDEFINED, paragraphs[0])
    else:
        sentence, place = CASES[case]
        if said.returncode == -signal.SIGSEGV:  # what has guard pages
            paragraphs = [each for each in paragraphs if not each.startswith("Process terminating")]
        well = paragraphs == [sentence] and len(addresses) == 1 and re.search(place, addresses[0])
    return None if well else said


def address(program, case):
    said = run(program, case)
    if case in RIGHT or case in UNDEFINED_CASES:  # which it does not look at
        well = said.returncode == 0 and said.stderr == ""
    else:
        access = "WRITE" if case.startswith("write") else "READ"
        # Not known as poison where the memory behind the next 8 bytes is another's: a block's whose end is no multiple.
        well = (said.returncode != 0
                and re.search(r"ERROR: AddressSanitizer: (use-after-poison|unknown-crash) ", said.stderr)
                and f"\n{access} of size 1 at {said.stdout.strip()} " in said.stderr)
    return None if well else said


def main():
    tool, program, *chosen = sys.argv[1:]
    known = run(program).stdout.split()
    unknown = set(known) ^ {*CASES, *UNDEFINED_CASES, *RIGHT}
    if unknown - {"regions"}:
        print(f"not in both the program and the table here: {sorted(unknown)}")
        return 1
    problems = 0
    for case in chosen or known:
        said = {"valgrind": valgrind, "address": address}[tool](program, case)
        if said is None:
            continue
        problems += 1
        print(f"{case}: status {said.returncode}\n{said.stdout}{said.stderr}")
    return problems != 0


if __name__ == "__main__":
    sys.exit(main())
