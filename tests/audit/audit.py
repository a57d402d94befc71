#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What archives need and define, and what headers include. Says what is wrong, and fails then."""

import argparse
import pathlib
import re
import subprocess
import sys

# What compilers call of their own accord; -nostdlib programs bring it along.
FROM_COMPILER = {"memcpy", "memmove", "memset"}
# Names by which position-independent code addresses its data; not functions.
FROM_LINKER = {"_GLOBAL_OFFSET_TABLE_"}

# The functions that the C library has and rsb::libc replaces.
STANDARD_C = {
    "malloc", "free", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign",
    "posix_memalign", "valloc", "pvalloc", "malloc_usable_size", "free_sized", "free_aligned_sized",
}
# Those that Microsoft's has besides, and that rsb::libc replaces on Windows.
MICROSOFT_C = {
    "_msize", "_expand", "_recalloc", "_aligned_malloc", "_aligned_realloc", "_aligned_recalloc",
    "_aligned_offset_malloc", "_aligned_offset_realloc", "_aligned_offset_recalloc",
    "_aligned_msize", "_aligned_free", "strdup", "_strdup", "wcsdup", "_wcsdup", "_mbsdup",
}
# Those that some C libraries have besides, and that rsb::libc replaces there.
LIBRARY_C = {
    "none": set(),
    "glibc": {"mallinfo", "mallinfo2", "malloc_info", "malloc_stats", "malloc_trim", "mallopt"},
    "picolibc": {"cfree", "mallinfo", "malloc_stats", "malloc_trim", "mallopt", "mstats"},
    "newlib": {
        "_malloc_r", "_free_r", "_calloc_r", "_realloc_r", "_memalign_r", "_valloc_r", "_pvalloc_r",
        "_malloc_usable_size_r", "_mallinfo_r", "_malloc_stats_r", "_malloc_trim_r", "_mallopt_r",
        "_mstats_r", "__malloc_lock", "__malloc_unlock", "mstats",
        "cfree", "mallinfo", "malloc_stats", "malloc_trim", "mallopt",
    },
}
# By which the built heap knows of other fork handlers (platform/posix/fork.cpp).
AT_FORK = {"__register_atfork", "pthread_atfork"}
# By which a process ends past all destructors (platform/posix/exit.cpp).
ENDS = {"_exit", "_Exit"}
# [new.delete] of C++20, mangled where size_t is unsigned long.
STANDARD_NEW = {
    "_Znwm", "_Znam", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
    "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm",
    "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
    "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t",
}
# Those of them that librsbmalloc.so has, by the versions of GNU's C++ library (platform/posix/next_operator.hpp), which
# are symbols themselves.
SIZED_DELETE = {"_ZdlPvm", "_ZdaPvm", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t"}
MARKED_NEW = {name for name in STANDARD_NEW if "nothrow" not in name or name.startswith("_Zn")}
VERSIONS = {"GLIBCXX_3.4", "CXXABI_1.3.9", "CXXABI_1.3.11"}
# What the user may define and the library calls or reads.
USER_DEFINES = {"rsb_pages_acquire", "rsb_pages_release", "rsb_regions", "rsb_random"}


def run(*command):
    command = map(str, command)
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


class Symbols:
    """Of some archives or shared libraries."""

    def __init__(self, nm, files, *options):
        self.all = set()
        self.needed = set()
        self.defined = {file.name: set() for file in files}  # for others to link to
        for line in run(nm, "-A", *options, *files).splitlines():
            match = re.fullmatch(r"(.*?):(?:.*:)?\s*(?:[0-9a-f]+)?\s+([A-Za-z?]) (\S+)", line)
            if match:
                self._add(pathlib.Path(match[1]).name, match[2], match[3].split("@")[0])
        for file, names in self.defined.items():
            if not names:
                sys.exit(f"{file} defines nothing")

    def _add(self, file, kind, name):
        self.all.add(name)
        if kind == "U":
            self.needed.add(name)
        elif kind.isupper() or kind in "ui":
            self.defined[file].add(name)


ARCHIVES = ("librsbmalloc.a", "librsbmalloc-libc.a", "librsbmalloc-new.a")


def freestanding(arguments):
    """Problems with the archives of a build tree for programs without a C library."""
    archives = [arguments.files[0] / name for name in ARCHIVES]
    symbols = Symbols(arguments.nm, archives)
    return (needs(symbols, arguments.may_need) + not_static(symbols)
            + sections(arguments.nm, archives)
            + unexpected_names(symbols, STANDARD_C | LIBRARY_C[arguments.libc]))


def needs(symbols, may_need):
    """Problems with what archives need together."""
    allowed = FROM_COMPILER | FROM_LINKER | set(may_need)
    missing = symbols.needed.difference(*symbols.defined.values())
    return [f"needs {name}" for name in sorted(missing - allowed)]


def not_static(symbols):
    """Problems with what would have to run, or be set up by a system, before the first call."""
    forbidden = {
        "has a guarded static": r"__cxa_guard|_ZGV",
        "is initialised by code": r"_GLOBAL__(sub_)?I",
        "has thread-local data": r"__tls_get_addr|__emutls",
    }
    return [f"{problem}: {name}" for problem, pattern in forbidden.items()
            for name in sorted(symbols.all) if re.match(pattern, name)]


def sections(nm, archives):
    """The same, as sections tell it."""
    found = run(re.sub("nm$", "objdump", nm), "--section-headers", *archives)
    forbidden = ("init_array", "ctors", "preinit_array", "tbss", "tdata")
    return [f"has a section .{name}" for name in forbidden if re.search(rf"\s\.{name}\b", found)]


def names(arguments):
    """Problems with the names that the archives of a build tree define."""
    archives = [arguments.files[0] / name for name in ARCHIVES]
    at_fork = AT_FORK if arguments.libc == "glibc" else set()
    return unexpected_names(Symbols(arguments.nm, archives), STANDARD_C | LIBRARY_C[arguments.libc], at_fork)


def glibc(arguments):
    """Problems with what glibc's allocator has and ours has not: the source says of each why."""
    libc, archive, source = arguments.files
    listing = run(arguments.nm, "--extern-only", "--defined-only", libc)
    member = re.search(r"^malloc\.o:\n((?:.+\n)+)", listing, flags=re.MULTILINE)
    theirs = set(re.findall(r" [A-Z] (\w+)$", member[1], flags=re.MULTILINE)) if member else set()
    ours = Symbols(arguments.nm, [archive]).defined[archive.name]
    comment = re.match(r"(?://.*\n)+", source.read_text())[0]
    said = {name for name in re.findall(r"\b__\w+", comment)}
    problems = [f"{name}: neither ours nor with a reason" for name in sorted(theirs - ours - said)]
    problems += [f"{name}: is none of glibc's" for name in sorted(said - theirs)]
    problems += [f"{name}: is ours" for name in sorted(said & ours)]
    return problems if "malloc" in theirs else ["there is no malloc.o"]


def windows_names(arguments):
    """The same for Windows, where size_t is another type, and functions are called by pointers."""
    archives = [arguments.files[0] / name for name in ARCHIVES]
    symbols = Symbols(arguments.nm, archives)
    for found in symbols.defined.values():  # how the compiler refers to others, and to weak ones
        found -= {name for name in found if re.match(r"\.(refptr|weak)\.", name)}
    pointers = {f"__imp_{name}" for name in MICROSOFT_C | {"malloc", "calloc", "realloc", "free"}}
    return unexpected_names(symbols, STANDARD_C | MICROSOFT_C | pointers)


def standard_new(symbols):
    """STANDARD_NEW as mangled with the size_t of these archives."""
    size = next((size for size in "jy" if f"_Znw{size}" in symbols.all), "m")
    return {re.sub("(?<=_Zn[wa])m|(?<=Pv)m", size, name) for name in STANDARD_NEW}


def unexpected_names(symbols, standard_c=STANDARD_C, at_fork=frozenset()):
    problems = []
    for archive, standard in zip(ARCHIVES, (at_fork, standard_c, standard_new(symbols))):
        found = symbols.defined[archive]
        # Prefixed, or something of namespace rsb.
        ours = {name for name in found if re.match(r"rsb_|_ZZ?NK?3rsb", name)}
        problems += [f"{archive} defines {name}" for name in sorted(found - ours - standard)]
        problems += [f"{archive} lacks {name}" for name in sorted(standard - found)]
    return problems


def shared(arguments):
    """Problems with what the shared library exports, the names of rsb.h, of libc, of ENDS and some operators, no others; and
    with what it needs: the C library alone."""
    library, header = arguments.files
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    declared = set(re.findall(r"\b(rsb_\w+)\s*\([^;]*\)[^;()]*;", text)) - USER_DEFINES
    declared = {name for name in declared if not re.search(rf"typedef[^;]*\b{name}\b", text)}
    expected = declared | STANDARD_C | LIBRARY_C[arguments.libc] | ENDS | {"rsb_replaces_libc"}
    expected |= VERSIONS | (MARKED_NEW if arguments.checks == "full" else SIZED_DELETE)
    if arguments.libc == "glibc":
        expected |= AT_FORK - {"pthread_atfork"}  # which is for static programs
    exported = Symbols(arguments.nm, [library], "--dynamic").defined[library.name]
    needed = re.findall(r"^\s*NEEDED\s+(\S+)$", run(arguments.objdump, "--private-headers", library), re.MULTILINE)
    return ([f"needs {name}" for name in needed if not name.startswith("libc.so")]
            + [f"exports {name}" for name in sorted(exported - expected)]
            + [f"does not export {name}" for name in sorted(expected - exported)])


def imports(arguments):
    """Problems with what a Windows program imports: other DLLs than it may need, or an allocator."""
    text = run(arguments.objdump, "--private-headers", *arguments.files)
    tables = re.split(r"^\s*DLL Name: ", text, flags=re.MULTILINE)[1:]
    if not tables:
        return ["imports nothing, or it cannot be told"]
    problems = []
    may_need = {dll.lower() for dll in arguments.may_need}
    for table in tables:
        dll, rows = table.split("\n", 1)
        if dll.strip().lower() not in may_need:
            problems.append(f"imports {dll.strip()}")
        functions = re.findall(r"^\s+[0-9a-f]+\s+\d+\s+(\w+)\s*$", rows, flags=re.MULTILINE)
        if not functions:
            problems.append(f"what it imports from {dll.strip()} cannot be told")
        problems += [f"imports {name} from {dll.strip()}"
                     for name in functions if name in STANDARD_C | MICROSOFT_C]
    return problems


def headers(arguments):
    """Problems with headers compiled alone, without a C++ library."""
    compiler, include = arguments.files
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    freestanding = ["-std=c++20", "-ffreestanding", "-nostdinc++", "-fno-exceptions", "-fno-rtti"]
    problems = []
    for header in sorted(path for path in (include / "rsb").rglob("*") if path.is_file()):
        name = header.relative_to(include)
        if header.name == "memory_resource.hpp":
            continue  # for hosted users
        modes = [["-x", "c++", *freestanding]]
        if header.suffix == ".h":
            modes.append(["-x", "c", "-std=c11", "-pedantic"])
        for mode in modes:
            source = f'#include "{name}"\n#include "{name}"\n'
            result = subprocess.run(
                [compiler, *mode, *warnings, f"-I{include}", "-fsyntax-only", "-H", "-"],
                input=source, text=True, capture_output=True, check=False)
            if result.returncode != 0:
                problems.append(f"{header.name} does not compile alone:\n{result.stderr}")
            for path in re.findall(r"^\.+ (\S+)$", result.stderr, flags=re.MULTILINE):
                if "/c++/" in path:
                    problems.append(f"{header.name} includes {path}")
        if re.search(r'#include\s*[<"]rsb/platform', header.read_text()):
            problems.append(f"{header.name} names a platform")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--libc", default="none", choices=[*LIBRARY_C, "newlib-nano"])
    parser.add_argument("--checks", default="basic", choices=["off", "basic", "full"])
    parser.add_argument("audit", choices=["freestanding", "names", "windows_names", "glibc",
                                          "shared", "imports", "headers"])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--may-need", nargs="*", default=[])
    arguments = parser.parse_args()
    arguments.libc = arguments.libc.removesuffix("-nano")
    problems = globals()[arguments.audit](arguments)
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
