# SPDX-License-Identifier: MIT OR Apache-2.0
"""Rust: containers that change threads, alignments of all kinds, unwinding, children."""

import pathlib

NEEDS = {"/usr/bin/rustc": "rustc-web"}

SOURCE = pathlib.Path(__file__).with_name("runtimes") / "work.rs"


def run(session):
    session.quiet("compile", "/usr/bin/rustc", "-O", SOURCE, "-o", "work", seconds=300)
    session.command("work", "./work", session.rounds, seconds=300 + 60 * session.rounds)
