#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares rsbmalloc with the C library's allocator, the packaged ones, and any by path.

Builds what is not built, runs every row of rsb_bench on every allocator, interleaved, and leaves tables
(Markdown, CSV) and plots (SVG) in a folder outside the source tree. README.md says how to read them.
"""

import sys

sys.dont_write_bytecode = True  # nothing is written into the source tree

import argparse
import importlib.util
import os
import platform
import subprocess
import tempfile
from pathlib import Path

from comparison import allocators, measure, plots, summary
from comparison.allocators import Missing

TREE = Path(__file__).resolve().parents[2]
OWN_PROGRAMS = ["rsb_floor", "rsb_footprint", "rsb_worst_case"]  # they need no peer
PAIR_STEPS = "rsb_pair_steps"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(tempfile.gettempdir()) / "rsbmalloc-bench"
    parser.add_argument("--output", type=Path, default=default, metavar="DIR",
                        help="where tables and plots go (default: %(default)s)")
    parser.add_argument("--build", type=Path, metavar="DIR",
                        help="a build folder of the project; made if absent (default: OUTPUT/build)")
    parser.add_argument("--library", action="append", default=[], metavar="NAME=FILE",
                        help="a shared library to measure too, under this name; 'rsbmalloc' and 'caches' stand "
                             "for ours (default: built in OUTPUT/build, and with RSB_CACHES in OUTPUT/build-caches)")
    parser.add_argument("--program", type=Path, metavar="FILE",
                        help="rsb_bench, beside rsb_pair_steps (default: those in the build folder)")
    parser.add_argument("--allocators", default=",".join(allocators.NAMES), metavar="LIST",
                        help="default: %(default)s")
    parser.add_argument("--rows", default="", metavar="REGEX",
                        help="rows to run, by name and threads, such as 'pair/64 x1'")
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 5")
    parser.add_argument("--quick", action="store_true",
                        help="two rounds of a fifth of the iterations: a smoke test, not a measurement")
    parser.add_argument("--real-time", action="store_true",
                        help="run the rows at real-time priority: for a busy machine; needs root")
    parser.add_argument("--rows-only", action="store_true",
                        help="skip the programs that measure rsbmalloc alone")
    return parser.parse_args()


def outside_the_tree(folder: Path) -> Path:
    folder = folder.resolve()
    if folder == TREE or TREE in folder.parents:
        raise Missing(f"{folder} lies in the source tree; results do not belong there")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(folder: Path) -> None:
    """Configures and builds, also when something is built already: sources may have changed."""
    if not (folder / "CMakeCache.txt").exists():
        subprocess.run(["cmake", "-S", TREE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
                        "-DRSB_BUILD_TESTS=ON"], check=True)
    targets = ["rsb_bench", "rsb_shared", PAIR_STEPS, *OWN_PROGRAMS]
    subprocess.run(["cmake", "--build", folder, "--parallel", "--target", *targets], check=True)


def build_with_caches(folder: Path) -> Path:
    subprocess.run(["cmake", "-S", TREE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
                    "-DRSB_CACHES=ON"], check=True)
    subprocess.run(["cmake", "--build", folder, "--parallel", "--target", "rsb_shared"], check=True)
    return find_in(folder, "librsbmalloc.so")


def find_in(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if not found:
        raise Missing(f"{name} is not in {folder}")
    return found[0]


def machine() -> str:
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    pages = huge.read_text().partition("[")[2].partition("]")[0] if huge.exists() else "none"
    return f"{model}, Linux {platform.release()}, transparent huge pages: {pages}"


def run_own_programs(folder: Path) -> str:
    output = ""
    for name in OWN_PROGRAMS:
        child = subprocess.run([find_in(folder, name)], stdout=subprocess.PIPE, text=True)
        output += f"{name}\n{child.stdout}\n"
    return output


def run(arguments: argparse.Namespace) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise Missing("this package is not installed: python3-matplotlib")
    output = outside_the_tree(arguments.output)
    if arguments.real_time and os.geteuid() != 0:
        raise Missing("--real-time needs root")
    libraries = dict(map(allocators.named_library, arguments.library))
    chosen = [allocators.NAMES.get(name, name) for name in arguments.allocators.split(",")]
    names = list(dict.fromkeys([*chosen, *libraries]))
    ours = allocators.OURS in names
    folder, program = arguments.build, arguments.program
    if program is None or (ours and allocators.OURS not in libraries):
        folder = folder or output / "build"
        build(folder)
        program = program or find_in(folder, "rsb_bench")
        libraries.setdefault(allocators.OURS, find_in(folder, "librsbmalloc.so"))
    if allocators.CACHED in names and allocators.CACHED not in libraries:
        libraries[allocators.CACHED] = build_with_caches(output / "build-caches")

    chosen = allocators.find(names, libraries)
    for allocator in chosen:
        allocators.verify(allocator, program)

    rounds = arguments.rounds or (2 if arguments.quick else 5)
    conditions = measure.Conditions(program, 0.2 if arguments.quick else 1, arguments.real_time)
    rows = measure.list_rows(conditions, arguments.rows)
    if not rows:
        raise Missing(f"no row matches {arguments.rows}")
    results = measure.measure_all(conditions, rows, chosen, rounds)
    for allocator in chosen:
        results.steps[allocator.name] = measure.count_steps(find_in(program.parent, PAIR_STEPS), allocator)
    alone = ours and folder is not None and not arguments.rows_only
    own = run_own_programs(folder) if alone else ""

    summary.write_csv(results, output)
    (output / "report.md").write_text(summary.report(results, rounds, machine(), own))
    plots.write_plots(results, output)
    print(summary.summary(results))
    print(own, end="")
    print(f"Tables and plots: {output}")


def main() -> int:
    try:
        run(parse_arguments())
    except Missing as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    except measure.Failure as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
