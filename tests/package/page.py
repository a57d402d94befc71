#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Does what a page says, as one would who reads it from the top: in one folder, in order.

    tests/package/page.py run PAGE FOLDER [--after PAGE]...
    tests/package/page.py save PAGE FOLDER
    tests/package/page.py links FOLDER

FOLDER has the library in it, as `rsbmalloc`. A block of code is a file, if the paragraph before it begins with a
name in bold; what follows without a name goes to the end of the same file. A block of `sh` is run, each in a shell of
its own. A block of `text` is what that printed, if the paragraph before it ends in "prints"; other `text` is a drawing.
Only a program of the repository that stands in a block alone is not run: the set-up commands, which have tests of their
own. `--after` saves the files of a page that was read before.

links: every link to a file, and to a heading in it, of all pages below FOLDER leads there.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def blocks_of(text):
    """(language, code, the paragraph before it; empty if a block is there)"""
    end = 0
    for block in BLOCK.finditer(text):
        between = text[end : block.start()].rstrip("\n").split("\n\n")
        yield block[1], block[2], between[-1].strip("\n")
        end = block.end()


def save(page, folder):
    """Its files, by name."""
    files = {}
    name = None
    for language, code, before in blocks_of(page.read_text()):
        named = re.match(r"\*\*`([^`]+)`\*\*", before)
        if named:
            name = named[1]
        if language in ("sh", "text"):
            continue
        if name is None:
            sys.exit(f"{page}: a block of {language or 'no language'} without the name of a file:\n{code}")
        files[name] = files[name] + "\n" + code if name in files and not named else code
    for name, code in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return files


def run(page, folder):
    top = pathlib.Path(__file__).parents[2]
    saved = save(page, folder)
    ran = 0
    said = ""
    for language, code, before in blocks_of(page.read_text()):
        command = code.strip().removeprefix("rsbmalloc/")
        if language == "sh" and not os.access(top / command, os.X_OK):
            print("+", code.strip().replace("\n", "\n+ "), flush=True)
            shell = subprocess.run(
                ["sh", "-eu"], input=code, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False,
            )
            said = shell.stdout
            print(said, flush=True)
            if shell.returncode != 0:
                sys.exit(f"{page}: status {shell.returncode} of\n{code}")
            ran += 1
        if language == "text" and before.rstrip(":").endswith("prints"):
            lines = [line.rstrip() for line in said.splitlines()]
            for line in code.splitlines():
                if not any(fnmatch.fnmatchcase(one, line.replace("[", "[[]").replace("...", "*")) for one in lines):
                    sys.exit(f"{page}: not printed: {line}")
    print(f"{page}: {len(saved)} files, {ran} blocks run")
    if not saved and not ran:
        sys.exit(f"{page}: has no block")


def anchors_of(path):
    headings = HEADING.findall(BLOCK.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(top):
    broken = []
    count = 0
    for page in sorted(top.rglob("*.md")):
        if any(part.startswith("build") for part in page.relative_to(top).parts):
            continue
        for link in LINK.findall(BLOCK.sub("", page.read_text())):
            if "://" in link:
                continue
            count += 1
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists() or anchor and anchor not in anchors_of(target):
                broken.append(f"{page.relative_to(top)}: {link}")
    print("\n".join(broken))
    print(f"{count} links, {len(broken)} of them lead nowhere")
    return 1 if broken or not count else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("run", "save", "links"))
    parser.add_argument("paths", nargs="+", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--after", action="append", default=[], type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.action == "links":
        return links(*arguments.paths)
    for earlier in arguments.after:
        save(earlier, arguments.paths[1])
    {"run": run, "save": save}[arguments.action](*arguments.paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
