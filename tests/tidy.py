#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs clang-tidy-19 over core, platform and ports: the checks of .clang-tidy, none of which may have a word to say.

    tests/tidy.py              all that this machine's Clang compiles, with the headers that it includes
    tests/tidy.py windows      some groups of the table below
    tests/tidy.py heaps --checks=clang-analyzer-*      more checks
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

FREESTANDING = ["-std=c++20", "-ffreestanding", "-fno-builtin-malloc", "-fno-exceptions", "-fno-rtti", "-Icore/include",
                "-Icore/api", "-I.", "-DRSB_CHECKS=basic", "-DRSB_REALLOC_TO_ZERO=frees", "-DRSB_LOCK=rsb::SpinLock"]


def built(platform, config="default_config.hpp", *options):
    """As the library is compiled for this platform, by this configuration of the built heap."""
    return [*FREESTANDING, f"-Iplatform/{platform}", f'-DRSB_CONFIG_HEADER="{config}"', *options]


WINDOWS = ["--target=x86_64-w64-mingw32"]
AARCH64 = ["--target=aarch64-none-elf", "-Iports/aarch64-16k/include"]

# Group -> options, files.
GROUPS = {
    "heaps": (FREESTANDING, ["tests/compile/heaps.cpp"]),
    "posix": (built("posix"), [
        "core/api/c_api.cpp", "core/api/libc.cpp", "core/api/new.cpp", "platform/libc/glibc.cpp",
        "platform/posix/addresses.cpp", "platform/posix/exit.cpp", "platform/posix/fault_report.cpp",
        "platform/posix/fork.cpp", "platform/posix/loaded_objects.cpp", "platform/posix/process.cpp",
        "platform/posix/report.cpp", "platform/posix/report_text.cpp", "platform/posix/sized_delete.cpp",
        "platform/posix/standard_error.cpp", "platform/posix/writer.cpp"]),
    "posix-full": (built("posix", "default_config.hpp", "-URSB_CHECKS", "-DRSB_CHECKS=full"), [
        "platform/posix/access_report.cpp", "platform/posix/check_at_end.cpp", "platform/posix/leaks.cpp",
        "platform/posix/marked_new.cpp"]),
    "posix-annotated": (built("posix", "annotated_cached_config.hpp", "-URSB_CHECKS", "-DRSB_CHECKS=full"), [
        "core/api/c_api.cpp"]),
    "posix-annotated-address": (
        built("posix", "annotated_default_config.hpp", "-URSB_CHECKS", "-DRSB_CHECKS=full", "-fsanitize=address"), [
            "core/api/c_api.cpp"]),
    "caches": (built("posix", "cached_config.hpp"), ["core/api/c_api.cpp"]),
    "linux-syscall": (built("linux-syscall"), ["core/api/c_api.cpp", "platform/linux-syscall/process.cpp"]),
    "static-pool": (built("static-pool"), ["core/api/c_api.cpp", "platform/static-pool/regions.cpp"]),
    "windows": (built("windows", "default_config.hpp", *WINDOWS), [
        "core/api/c_api.cpp", "platform/windows/errno.cpp", "platform/windows/fault_hook.cpp",
        "platform/windows/fault_report.cpp", "platform/windows/msvcrt.cpp", "platform/windows/process.cpp"]),
    "aarch64-16k": (built("static-pool", "ports/aarch64-16k/bare_metal_config.hpp", *AARCH64), [
        "ports/aarch64-16k/exception.cpp", "ports/aarch64-16k/interrupts.cpp"]),
    "linux-module": ([*FREESTANDING, "-DRSB_LINUX_CACHES", "-DRSB_LINUX_CPUS=4"], ["ports/linux-module/heap.cpp"]),
    "u-boot": (FREESTANDING, ["ports/u-boot/heap.cpp"]),
    "lk": ([*FREESTANDING, "--target=aarch64-none-elf", "-isystemtests/compile/lk"], ["ports/lk/heap.cpp"]),
    "lk-caches": ([*FREESTANDING, "--target=aarch64-none-elf", "-isystemtests/compile/lk", "-DLK_HEAP_CACHES=1"],
                  ["ports/lk/heap.cpp"]),
    "xv6": ([*FREESTANDING, "--target=riscv64-none-elf", "-isystemtests/compile/xv6"], ["ports/xv6/heap.cpp"]),
}
for config in ("plain", "everything", "regions"):
    GROUPS[f"freertos-{config}"] = (
        [*FREESTANDING, "-U__unix__", f"-isystemtests/ports/freertos/{config}", "-isystemtests/ports/freertos/kernel/include"],
        ["ports/freertos/heap_rsb.cpp"])
for config in ("plain", "everything"):
    GROUPS[f"nuttx-{config}"] = (
        [*FREESTANDING, f"-isystemtests/ports/nuttx/{config}", "-isystemtests/ports/nuttx/kernel"],
        ["ports/nuttx/heap_rsb.cpp"])
ZEPHYR = [*FREESTANDING, "-isystemtests/ports/zephyr/include", "-DCONFIG_RSB_MALLOC_ARENA_SIZE=4096"]
ZEPHYR_FILES = [f"ports/zephyr/{name}.cpp" for name in ("sys_heap", "inspect", "malloc", "fault")]
GROUPS["zephyr"] = ([*ZEPHYR, "-DCONFIG_RSB_SYS_HEAP_LEAST=2048", "-DCONFIG_SYS_HEAP_RUNTIME_STATS=1"], ZEPHYR_FILES)
# For C libraries whose headers are not this machine's.
ELSEWHERE = ["ports/aarch64-16k/cores.cpp", "platform/libc/newlib.cpp", "platform/libc/picolibc.cpp"]


def tidy(options, source, checks):
    result = subprocess.run(["clang-tidy-19", "--quiet", *checks, source, "--", *options], cwd=TOP, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    # What it says on standard error is how many warnings it has not shown.
    return result.returncode == 0 and not result.stdout, result.stdout or result.stderr


def main():
    checks = [word for word in sys.argv[1:] if word.startswith("--")]
    groups = [word for word in sys.argv[1:] if not word.startswith("--")] or GROUPS
    runs = [(GROUPS[group][0], source, checks) for group in groups for source in GROUPS[group][1]]

    known = {source for _, sources in GROUPS.values() for source in sources} | set(ELSEWHERE)
    sources = {str(path.relative_to(TOP)) for folder in ("core", "platform", "ports")
               for path in (TOP / folder).rglob("*.cpp") if "firmware" not in path.parts}
    unknown = sorted(sources - known)
    if unknown:
        print("not in the table of tests/tidy.py:", *unknown)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda run: tidy(*run), runs))
    for well, said in results:
        if not well:
            print(said)
    return 0 if not unknown and all(well for well, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
