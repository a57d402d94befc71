#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Says what has to be built for the tests that ctest would run, in the folder that tests/run made.

    tests/needed.py [ARGUMENT of ctest...]

A line for each configuration: its name, and targets of ninja. A test needs the built files that its
command, its ENVIRONMENT and its REQUIRED_FILES name. One that names none of them, and has no
REQUIRED_FILES (which may be files of the sources), may need anything: all of its configuration.
"""

import collections
import json
import os
import re
import subprocess
import sys


def selected(arguments):
    """Test -> whether it says what it needs by REQUIRED_FILES, and all words in which it could."""
    listing = subprocess.run(
        ["ctest", "--show-only=json-v1", *arguments], check=True, capture_output=True, text=True,
        env={**os.environ, "RSB_NAME_COMMANDS": "1"}).stdout
    for test in json.loads(listing)["tests"]:
        if "_NOT_BUILT-" in test["name"]:
            continue  # doctest's: what that program's tests will be is listed, too
        properties = {each["name"]: each["value"] for each in test.get("properties", [])}
        required = properties.get("REQUIRED_FILES", [])
        yield test["name"], bool(required), [
            *test.get("command", []), *properties.get("ENVIRONMENT", []), *required]


def outputs(configuration):
    """What ninja can make, relative to the configuration's folder."""
    listing = subprocess.run(["ninja", "-C", configuration, "-t", "targets", "all"],
                             check=True, capture_output=True, text=True).stdout
    return {line.rpartition(": ")[0] for line in listing.splitlines()}


def needed(arguments):
    """Configuration -> targets."""
    known = {}
    targets = collections.defaultdict(set)
    for name, says, words in selected(arguments):
        configuration = name.partition(": ")[0]
        if not os.path.exists(f"{configuration}/build.ninja"):
            continue  # nothing of it is built
        if configuration not in known:
            known[configuration] = outputs(configuration)
        folder = re.escape(os.path.abspath(configuration))
        paths = {path for word in words for path in re.findall(folder + "/([^\\s:;,='\"]+)", word)}
        built = paths & known[configuration]
        targets[configuration] |= built or (set() if says else {"all"})
    return targets


def main():
    for configuration, targets in needed(sys.argv[1:]).items():
        if targets:
            print(configuration, *(["all"] if "all" in targets else sorted(targets)))


if __name__ == "__main__":
    main()
