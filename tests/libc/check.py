#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether programs are linked with rsbmalloc's allocator and nothing of the C and C++ libraries'.

    check.py --keep FILE COMMAND...    runs COMMAND, which links a program, and keeps it in FILE
    check.py --link FILE --how HOW     links the same in other ways, and says what is wrong

HOW is one of
    orders    objects and archives in other orders: each program has our allocator alone
    without   without our archives: this check must notice, or it would notice nothing
    removed   our archives with one name less, for each name that the program needs: the same
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# What allocators of C libraries define. (reallocf and the like are written in terms of these.)
FAMILY = re.compile(
    r"(_?(malloc|free|calloc|realloc|memalign|valloc|pvalloc|malloc_usable_size|malloc_stats"
    r"|malloc_trim|mallinfo|mallopt|mstats)(_r)?"
    r"|reallocarray|aligned_alloc|posix_memalign|cfree|__malloc_\w+"
    r"|_Z(nw|na|dl|da)\w+)")  # operator new and delete: [new.delete]
OURS = re.compile(r"librsbmalloc(-libc|-new)?\.a")


def is_ours(file):
    return OURS.fullmatch(pathlib.Path(file.partition("(")[0]).name) is not None


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=False)


class Link:
    """One program, linked: what went wrong, and which files define and refer to the family."""

    def __init__(self, command):
        self.defined_by = {}  # name -> object, or archive(member)
        self.needed_by = {}   # name -> the others that mention it
        with tempfile.TemporaryDirectory() as folder:
            place = command.index("-o") + 1
            link_map = pathlib.Path(folder, "map")
            linker = run(*command[:place], f"{folder}/program", *command[place + 1:],
                         "-Wl,--strip-all", "-Wl,--no-demangle", "-Wl,--cref",
                         f"-Wl,-Map={link_map}")
            self.error = linker.stderr[:1000] if linker.returncode else ""
            self._read(link_map.read_text() if link_map.exists() else "")

    def _read(self, link_map):
        _, _, table = link_map.partition("\nCross Reference Table\n")
        name = None
        for line in table.splitlines():
            match = re.fullmatch(r"(\S*)\s+(\S.*)", line)
            if match and match[1] and match[2] != "File":
                name = match[1]
                self.defined_by[name] = match[2]
                self.needed_by[name] = []
            elif match and name:
                self.needed_by[name].append(match[2])
        self.defined_by = {name: file for name, file in self.defined_by.items()
                           if FAMILY.fullmatch(name)}

    def foreign(self):
        return {name: file for name, file in self.defined_by.items() if not is_ours(file)}

    def problems(self):
        if self.error:
            return [self.error]
        problems = [f"{name} is of {file}" for name, file in sorted(self.foreign().items())]
        return problems if "malloc" in self.defined_by else problems + ["there is no malloc"]


def orders(command):
    """Name -> command, for orders in which the same could be linked."""
    def is_object(i):
        return re.search(r"\.o(bj)?$", command[i]) and command[i - 1] != "-o"

    objects = [word for i, word in enumerate(command) if is_object(i)]
    rest = [word for i, word in enumerate(command) if not is_object(i)]
    first = next(i for i in range(len(command)) if is_object(i))
    before, behind = command[:first], rest[first:]
    options = [word for word in rest if not is_ours(word)]
    archives = list({pathlib.Path(word).name: word for word in rest if is_ours(word)}.values())
    result = {
        "by CMake": command,
        "by CMake, objects in reverse": before + objects[::-1] + behind,
        "by CMake, objects last": before + behind + objects,
        "by CMake, C library first": before + ["-lc"] + objects + behind,
        "by CMake, C library second": before + objects + ["-lc"] + behind,
        "by hand": options + objects + archives,
        "by hand, archives first": options + archives + objects,
        "by hand, in a group with the C library":
            options + ["-Wl,--start-group", *objects, *archives, "-lc", "-Wl,--end-group"],
        "by hand, whole archives":
            options + ["-Wl,--whole-archive", *archives, "-Wl,--no-whole-archive"] + objects,
    }
    if not any("librsbmalloc-new.a" in word for word in command):  # too much of the C++ library
        result["by hand, all sections kept"] = (
            options + objects + archives + ["-Wl,--no-gc-sections"])
    return result


def check_orders(command, _):
    return [f"{name}: {problem}" for name, other in orders(command).items()
            for problem in Link(other).problems()]


def check_without(command, _):
    """The prefixed names stay, which the program calls. (Such a program need not link: no other library has all that
    ours has.)"""
    link = Link(command)
    others = Link([word for word in command
                   if not word.startswith("-Wl,-u,rsb_replaces")
                   and not re.search(r"librsbmalloc-(libc|new)\.a$", word)])
    expected = {"malloc", "free", "_Znwj", "_Znwm"} & set(link.defined_by)
    return link.problems() + [f"{name} of another library goes unnoticed"
                              for name in sorted(expected - set(others.foreign()))]


def check_removed(command, objcopy):
    link = Link(command)
    needed = [name for name, file in sorted(link.defined_by.items())
              if is_ours(file) and not all(map(is_ours, link.needed_by[name]))]
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name in needed:
            archive = link.defined_by[name].partition("(")[0]
            copy = f"{folder}/{pathlib.Path(archive).name}"
            run(objcopy, f"--redefine-sym={name}=rsb_removed", archive, copy)
            others = [copy if pathlib.Path(word).name == pathlib.Path(archive).name else word
                      for word in command]
            if not Link(others).problems():
                problems.append(f"without our {name} all is well")
    print(len(needed), "names:", *needed)
    return problems if needed else ["no name is needed"]


def main():
    if sys.argv[1] == "--keep":
        pathlib.Path(sys.argv[2]).write_text(json.dumps(sys.argv[3:]))
        return subprocess.call(sys.argv[3:])
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--objcopy", default="objcopy")
    parser.add_argument("--link", type=pathlib.Path, required=True)
    parser.add_argument("--how", choices=("orders", "without", "removed"), required=True)
    arguments = parser.parse_args()
    command = json.loads(arguments.link.read_text())
    problems = globals()[f"check_{arguments.how}"](command, arguments.objcopy)
    return "\n".join(problems) or 0


if __name__ == "__main__":
    sys.exit(main())
