# SPDX-License-Identifier: MIT OR Apache-2.0
"""perl: hashes, arrays, strings, sorting, patterns, closures, and interpreter threads."""

import pathlib

NEEDS = {"/usr/bin/perl": "perl"}

SCRIPT = pathlib.Path(__file__).with_name("work.pl")


def run(session):
    # Without these two, perl orders hash keys at random in every process.
    fixed = {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}
    for part in ("words", "graph", "closures", "threads"):
        session.command(part, "/usr/bin/perl", SCRIPT, part, environment=fixed)
