# SPDX-License-Identifier: MIT OR Apache-2.0
"""The boards, the images built for them, and how an image is run."""

import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
SEMIHOST = TOP / "toolchains/qemu-semihost"

# Every instruction takes 1,024 ns of the board's time: the most that QEMU offers.
COUNTING = ["-icount", "shift=10"]


class Target:
    """A board. Its name is that of its toolchain file."""

    def __init__(self, name, port, binutils, emulator):
        self.name = name
        self.port = port
        self.binutils = binutils
        self.emulator = emulator

    def configure_and_build(self, build):
        """In the folder `build`, which may exist."""
        subprocess.run(
            ["cmake", "-S", TOP, "-B", build, f"-DRSB_PORT={self.port}", "-DRSB_BUILD_TESTS=ON",
             "-DRSB_TESTS=bench", f"-DCMAKE_TOOLCHAIN_FILE={TOP}/toolchains/{self.name}.cmake"],
            check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", build, "--target", "bench_target", "-j", str(os.cpu_count())],
                       check=True, stdout=subprocess.DEVNULL)
        return Images(self, Path(build) / "tests/bench/target")


TARGETS = [
    Target("cortex-m4-picolibc", "mps2", "arm-none-eabi-", "qemu-system-arm -M mps2-an386"),
    Target("cortex-m3-picolibc", "mps2", "arm-none-eabi-", "qemu-system-arm -M mps2-an385"),
    # Armv6-M: a Cortex-M3 knows all of its instructions.
    Target("cortex-m0plus-picolibc", "mps2", "arm-none-eabi-", "qemu-system-arm -M mps2-an385"),
    Target("aarch64-picolibc", "aarch64-16k", "aarch64-linux-gnu-",
           "qemu-system-aarch64 -M virt -cpu cortex-a53 -m 128M"),
    Target("riscv64-picolibc", "riscv64-virt", "riscv64-linux-gnu-",
           "qemu-system-riscv64 -M virt -bios none -m 128M"),
]


def target_named(name):
    for target in TARGETS:
        if target.name == name:
            return target
    raise SystemExit(f"no target named {name}; there are: {' '.join(t.name for t in TARGETS)}")


class Images:
    """What one build made for one target."""

    def __init__(self, target, folder):
        self.target = target
        self.folder = Path(folder)

    def allocators(self):
        """Names of the allocators that have an image."""
        names = {p.name.partition(".")[2] for p in self.folder.glob("target.*") if p.is_file()}
        return names - {"none"}

    def run(self, allocator, mode, *numbers, counting=True):
        """The lines that the driver prints, as dictionaries of numbers."""
        command = [SEMIHOST, *self.target.emulator.split(), *(COUNTING if counting else []), "--",
                   self.folder / f"target.{allocator}", mode, *map(str, numbers)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{self.target.name}: {allocator} {mode} {numbers} ended with "
                             f"{done.returncode}:\n{done.stdout}")
        lines = []
        for line in done.stdout.splitlines():
            pairs = (word.split("=") for word in line.split()[1:])
            lines.append({key: int(value) for key, value in pairs})
        return lines

    def sections(self, allocator):
        """Bytes of code (.text and .rodata; .got is constant too), of .data and of .bss, above those of the image without an allocator."""
        own, none = (self._sections(name) for name in (allocator, "none"))
        return [a - b for a, b in zip(own, none)]

    def _sections(self, name):
        output = subprocess.run([f"{self.target.binutils}size", "-A", self.folder / f"target_size.{name}"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        bytes_of = {}
        for line in output.splitlines():
            words = line.split()
            if line.startswith(".") and not line.startswith(".debug"):
                bytes_of[words[0]] = int(words[1])
        groups = [{".text", ".rodata", ".got"}, {".data", ".tdata", ".init_array"}, {".bss", ".tbss"}]
        strangers = set(bytes_of) - set().union(*groups)
        if strangers:
            raise SystemExit(f"{self.target.name}: target_size.{name} has sections that size.ld does not know: "
                             + " ".join(sorted(strangers)))
        return [sum(size for section, size in bytes_of.items() if section in group) for group in groups]

    def compiler(self):
        """The first line of its --version."""
        return subprocess.run([f"{self.target.binutils}g++", "--version"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]
