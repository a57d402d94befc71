#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks that every block of code of a page stands in a file that a test compiles or runs.

    tests/package/readme.py PAGE FOLDER...

The language after the opening fence tells where to look: the block must be, word for word, lines of a file of one of
the folders with that suffix; or else the name of a program in the repository. Blocks marked text are
drawings.
"""

import os
import pathlib
import re
import sys

SUFFIXES = {"c": ".c", "cpp": ".hpp .cpp", "cmake": "CMakeLists.txt .cmake", "sh": ".sh"}


def main():
    top = pathlib.Path(__file__).parents[2]
    page = pathlib.Path(sys.argv[1]).read_text()
    files = [path for folder in sys.argv[2:] for path in pathlib.Path(folder).iterdir()]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    failures = [
        f"{language or 'without a language'}:\n{code}"
        for language, code in blocks
        if language != "text"
        and not is_in_a_file(language, code, files)
        and not os.access(top / code.strip(), os.X_OK)
    ]
    for failure in failures:
        print(f"no file has this block, {failure}")
    print(f"{len(blocks)} blocks, {len(failures)} of them in no file")
    return 1 if failures or not blocks else 0


def is_in_a_file(language, code, files):
    suffixes = tuple(SUFFIXES.get(language, "nothing").split())
    return any(
        path.name.endswith(suffixes) and f"\n{code}" in f"\n{path.read_text()}" for path in files
    )


if __name__ == "__main__":
    sys.exit(main())
