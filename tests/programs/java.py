# SPDX-License-Identifier: MIT OR Apache-2.0
"""Java: raw blocks that change threads, zlib's states, classes compiled and unloaded, children."""

import pathlib

NEEDS = {"/usr/bin/java": "openjdk-17-jdk-headless", "/usr/bin/javac": "openjdk-17-jdk-headless"}

SOURCE = pathlib.Path(__file__).with_name("runtimes") / "Work.java"


def run(session):
    session.quiet("compile", "/usr/bin/javac", "-d", ".", SOURCE, seconds=300)
    # The three ways in which the virtual machine starts a process.
    for mechanism in ("POSIX_SPAWN", "VFORK", "FORK"):
        option = f"-Djdk.lang.Process.launchMechanism={mechanism}"
        session.command(
            mechanism, "/usr/bin/java", option, "-cp", ".", "Work", session.rounds,
            seconds=300 + 60 * session.rounds,
        )  # fmt: skip
