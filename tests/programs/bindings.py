# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which library each process took its malloc from, in the dynamic linker's own words.

LD_DEBUG=bindings has the dynamic linker write one file a process, with one line for each symbol
that it bound: "binding file USER to PROVIDER: normal symbol `malloc'". That covers every process
that a run starts, however short-lived, and does not ask the library under test for its opinion.
"""

import os
import re

from session import Failure

# What allocates or takes back blocks. If one of these came from another library than the rest,
# a block could be freed by an allocator that does not know it.
FUNCTIONS = (
    b"malloc calloc realloc free aligned_alloc memalign posix_memalign valloc pvalloc "
    b"reallocarray malloc_usable_size"
).split()

BINDING = re.compile(
    rb"binding file (.+) \[\d+\] to (.+) \[\d+\]: \w+ symbol `(" + b"|".join(FUNCTIONS) + rb")'"
)


def environment(folder):
    return {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(folder / "process")}


def require_all(folder, library):
    """Fails unless every process took every malloc function from the library; counts processes."""
    served = 0
    for record in sorted(folder.iterdir()):
        lines = record.read_bytes()
        if b"transferring control" not in lines:
            continue  # killed by its parent before its first instruction
        found = bound(lines)
        if not any(symbol == b"malloc" for _, _, symbol in found):
            raise Failure(f"a process bound malloc to nothing: {record.name}")
        for user, provider, symbol in found:
            if provider != os.fsencode(library) and not leads_to(library, provider, symbol, lines):
                raise Failure(f"{text(user)} took {text(symbol)} from {text(provider)}")
        served += 1
    if not served:
        raise Failure("no record of any process")
    return served


def leads_to(library, provider, symbol, lines):
    """Whether a program that offers `symbol` to its libraries only passes on their calls.

    A program that is not position-independent and takes the address of free, say, has all others
    call free through its own table, which is bound when first used: at the latest by the time the
    program ends in good order.
    """
    if b"calling fini" not in lines:
        return True
    return (provider, os.fsencode(library), symbol) in bound(lines)


def require_none(folder, library):
    """Fails if a process took a malloc function from the library."""
    for record in folder.iterdir():
        if any(provider == os.fsencode(library) for _, provider, _ in bound(record.read_bytes())):
            raise Failure("the library was in use in the run that should do without it")


def bound(lines):
    return {match.groups() for match in BINDING.finditer(lines)}


def text(name):
    return os.fsdecode(name)
