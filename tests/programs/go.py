# SPDX-License-Identifier: MIT OR Apache-2.0
"""Go with cgo: C's blocks under goroutines, threads of C, the C library's resolver, children."""

import pathlib

NEEDS = {"/usr/bin/go": "golang-go", "/usr/bin/gcc": "gcc"}

SOURCE = pathlib.Path(__file__).with_name("runtimes") / "work.go"


def run(session):
    session.quiet("compile", "/usr/bin/go", "build", "-o", "work", SOURCE, seconds=300)
    # The first name server that Go asks for a name is otherwise one of its own.
    session.command(
        "work", "./work", session.rounds,
        seconds=300 + 60 * session.rounds, environment={"GODEBUG": "netdns=cgo"},
    )  # fmt: skip
