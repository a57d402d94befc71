#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""RSB_STATS=leaks says who has allocated what lives at the end; with checks full, what is wrong then is a fault.

    ends_full.py LEVEL PROGRAM WAITS [LIBRARY]   PROGRAM is ends_full.c, WAITS waits.c; LIBRARY is preloaded, or PROGRAM
                                                 is linked with an archive; LEVEL is that of its checks
"""

import os
import re
import signal
import subprocess
import sys

STATUS = 3
ROUNDS_OF_THREADS = 20

problems = []


def require(holds, what):
    if not holds:
        problems.append(what)


def run(command, library, scene, stats):
    """The status, and the lines of standard error."""
    environment = {name: text for name, text in os.environ.items() if name not in ("RSB_STATS", "LD_PRELOAD")}
    if stats is not None:
        environment["RSB_STATS"] = stats
    if library:
        environment["LD_PRELOAD"] = library
    # Standard error is a pipe: standard output goes there, too, so that faults may be told.
    program, waits = command
    ended = subprocess.run([program, scene, waits], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False, timeout=100)
    return ended.returncode, ended.stdout.decode().splitlines()


SITE = re.compile(r"rsbmalloc: +(\d+) +(\d+) (others|0x[0-9a-f]+ \((\S+)\+0x[0-9a-f]+(?: (\w+))?\))")


def sites_of(said):
    """(blocks, bytes, function) of each line but the first three."""
    found = [SITE.fullmatch(line) for line in said[3:]]
    require(all(found), f"lines of call sites: {said}")
    return [(int(one[1]), int(one[2]), one[3] if one[3] == "others" else one[5]) for one in found if one]


def check_leaks(program, library):
    for scene in ("exit", "_exit", "_exit beside a constructor") if library else ("exit",):
        status, said = run(program, library, scene, "leaks")
        require(status == STATUS, f"{scene}: status {status}, {said}")
        sites = sites_of(said)
        require((1, 20000, "keep_much") in sites and (10, 1000, "keep_often") in sites, f"{scene}: {said}")
        require([one[1] for one in sites] == sorted((one[1] for one in sites), reverse=True), f"by bytes: {said}")
        total = f"{sum(one[0] for one in sites)} live blocks of {sum(one[1] for one in sites)} bytes, from {len(sites)} calls"
        require(said[1] == f"rsbmalloc: {total}", f"{scene}: {total}: {said}")
    _, said = run(program, library, "many places", "leaks")
    sites = sites_of(said)
    require(len(sites) == 51 and sites[-1][2] == "others", f"at most 50 lines, and the others: {said}")
    require(int(said[1].split()[1]) == sum(one[0] for one in sites), f"none is left out: {said}")
    _, said = run(program, library, "freed", "leaks")
    require(not {"keep_much", "keep_often"} & {one[2] for one in sites_of(said)}, f"what is freed: {said}")


def check_without_full(program, library):
    status, said = run(program, library, "exit", "leaks")
    require(status == STATUS and len(said) == 2 and "RSB_CHECKS=full" in said[1], f"without full: {status} {said}")
    status, said = run(program, library, "behind a block", None)
    require((status, said) == (STATUS, []), f"without full: {status} {said}")


def check_end(program, library):
    for scene in "exit", "_exit", "many places", "freed", "behind a block, _exit":
        require(run(program, library, scene, None) == (STATUS, []), f"{scene}: {run(program, library, scene, None)}")
    for _ in range(ROUNDS_OF_THREADS):
        ended = run(program, library, "threads", None)
        require(ended == (STATUS, []), f"threads: {ended}")
    for scene, sentence in {"behind a block": "memory behind the block was written to",
                            "a freed block": "free block was written to",
                            "behind a block in a child": "memory behind the block was written to"}.items():
        status, said = run(program, library, scene, None)
        expected = STATUS if scene.endswith("child") else -signal.SIGABRT
        require(status == expected, f"{scene}: status {status}, {said}")
        require(said and said[0].startswith(f"rsbmalloc: {sentence} (address 0x"), f"{scene}: {said}")
        require(said[1:2] == ["  found when the program ended"], f"{scene}: {said}")
        require(any(re.search(r"  in a block of 100 bytes at 0x", line) for line in said), f"{scene}: {said}")
        require(any(re.search(r"  allocated by 0x\w+ \(\S+ keep_often\)", line) for line in said), f"{scene}: {said}")
    status, said = run(program, library, "before a block", None)
    require(status == -signal.SIGABRT, f"before a block: status {status}, {said}")
    sentence = "rsbmalloc: memory before the block was written to (address 0x"
    require(said and said[0].startswith(sentence), f"before a block: {said}")
    require(said[1:2] == ["  found when the program ended"], f"before a block: {said}")


def check_beside_constructor(program, library):
    """A thread that opens a library, and waits there, does not hold up a report."""
    status, said = run(program, library, "freed twice beside a constructor", None)
    require(status == -signal.SIGABRT, f"beside a constructor: status {status}, {said}")
    require(any(re.search(r"  allocated by 0x\w+ \(\S+ keep_often\)", line) for line in said), f"allocated by: {said}")
    require(any(re.search(r"  released by 0x\w+ \(\S+ main\)", line) for line in said), f"released by: {said}")
    require(any(re.search(r"  #\d 0x\w+ \(\S+ main\)", line) for line in said), f"a backtrace: {said}")


def main():
    level, *program = sys.argv[1:4]
    library = sys.argv[4:]
    library = library[0] if library else None
    if level == "full":
        check_leaks(program, library)
        check_end(program, library)
        check_beside_constructor(program, library)
    else:
        check_without_full(program, library)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
