# SPDX-License-Identifier: MIT OR Apache-2.0
"""The images of programs and allocators for one board, and how one is run."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
TARGET = "cortex-m4-picolibc"
RUN = [TOP / "toolchains/qemu-semihost", "qemu-system-arm", "-M", "mps2-an386", "--"]

STEP = 256
MOST = 512 * 1024


def build(folder):
    """All of them, in the folder, which may exist."""
    subprocess.run(
        ["cmake", "-S", TOP, "-B", folder, "-DRSB_PORT=mps2", "-DRSB_BUILD_TESTS=ON", "-DRSB_TESTS=bench",
         "-DRSB_POOLS=all", f"-DCMAKE_TOOLCHAIN_FILE={TOP}/toolchains/{TARGET}.cmake"],
        check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", "bench_pools", "-j", str(os.cpu_count())],
                   check=True, stdout=subprocess.DEVNULL)
    return Images(Path(folder) / "tests/bench/pools")


class Images:
    def __init__(self, folder):
        self.folder = Path(folder)

    def names(self):
        """(program, allocator)"""
        return sorted(tuple(path.name.split(".")[1:]) for path in self.folder.glob("pools.*.*") if path.is_file())

    def smallest(self, program, allocator, seeds):
        """For each seed (bytes of the smallest pool, a number made of the program's results)."""
        done = subprocess.run([*RUN, self.folder / f"pools.{program}.{allocator}", str(STEP), str(MOST), *map(str, seeds)],
                              env={**os.environ, "RSB_EMULATOR_SECONDS": str(300 * len(seeds))}, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{program} with {allocator}, seeds {list(seeds)}, ended with {done.returncode}:\n{done.stdout}")
        found = []
        for line in done.stdout.splitlines():
            values = dict(word.split("=") for word in line.split()[1:])
            found.append((int(values["bytes"]), int(values["digest"])))
        return found

    @staticmethod
    def compiler():
        return subprocess.run(["arm-none-eabi-gcc", "--version"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]
