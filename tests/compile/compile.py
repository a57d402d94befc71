#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""compile.py headers|calls|links|hosts|fences PROJECT: what compilers say of the headers, for many processors.

headers: all of them, and what they define instantiated, with warnings as errors; no code is made.
calls:   on processors without atomic instructions no function of a library takes their place.
hosts:   ports to kernels of others, against what they include of those, as the folders here have it.
links:   a program without rsb_fault() and rsb_errno() links, however far from address 0 it lies.
fences:  a lock that is a register orders memory: after it is taken, and before it is given back.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wold-style-cast", "-Werror"]
FREESTANDING = ["-std=c++20", "-ffreestanding", "-nostdinc++", "-fno-exceptions", "-fno-rtti"]

# Of Clang, with options.
TARGETS = [
    "x86_64", "i686", "x86_64-linux-gnux32", "x86_64-w64-mingw32", "aarch64", "armv7a-none-eabi",
    "thumbv6m-none-eabi", "thumbv7m-none-eabi", "thumbv8m.base-none-eabi", "thumbv8m.main-none-eabi",
    "riscv32 -march=rv32imac", "riscv32 -march=rv32im", "riscv32 -march=rv32emac -mabi=ilp32e",
    "riscv32 -march=rv32e -mabi=ilp32e", "riscv64", "riscv64 -march=rv64i",
    "m68k", "powerpc", "powerpc64", "powerpc64le", "mips", "mipsel", "mips64", "s390x", "sparcv9",
    "wasm32", "wasm64",
]
# Where sizes have 16 bits there is SmallHeap alone: the general heap says so.
TARGETS_OF_16_BITS = ["avr -mmcu=atmega1284", "msp430"]
NOT_OF_CLANG_14 = {"m68k", "riscv32 -march=rv32emac -mabi=ilp32e", "riscv32 -march=rv32e -mabi=ilp32e"}

# Those that the targets of toolchains/ use, and Xtensa's, which Debian's Clang has no driver for.
GCCS = [
    "g++", "g++ -m32", "g++ -mx32", "aarch64-linux-gnu-g++", "s390x-linux-gnu-g++",
    "m68k-linux-gnu-g++", "m68k-linux-gnu-g++ -m68000", "x86_64-w64-mingw32-g++",
    "arm-none-eabi-g++ -mthumb -mcpu=cortex-m0plus", "arm-none-eabi-g++ -mthumb -mcpu=cortex-m3",
    "arm-none-eabi-g++ -mthumb -mcpu=cortex-m23", "arm-none-eabi-g++ -mthumb -mcpu=cortex-m33",
    "riscv64-linux-gnu-g++", "riscv64-unknown-elf-g++ -march=rv32imac -mabi=ilp32",
    "riscv64-unknown-elf-g++ -march=rv32im -mabi=ilp32",
    "riscv64-unknown-elf-g++ -march=rv32e -mabi=ilp32e", "xtensa-lx106-elf-g++",
]

WITHOUT_ATOMICS = [
    "clang++-19 --target=thumbv6m-none-eabi", "clang++-14 --target=thumbv6m-none-eabi",
    "clang++-19 --target=riscv32 -march=rv32im", "clang++-14 --target=riscv32 -march=rv32im",
    "clang++-19 --target=riscv32 -march=rv32e -mabi=ilp32e", "clang++-19 --target=riscv64 -march=rv64im",
    "arm-none-eabi-g++ -mthumb -mcpu=cortex-m0plus",
    "riscv64-unknown-elf-g++ -march=rv32im -mabi=ilp32", "xtensa-lx106-elf-g++",
]
WITHOUT_ATOMICS_OF_16_BITS = [f"clang++-19 --target={target}" for target in TARGETS_OF_16_BITS]
# And one that has atomics, but no instruction that finds a bit.
WITHOUT_BIT_SCAN = ["clang++-19 --target=thumbv8m.base-none-eabi"]
# What may take the place of an instruction: for memory, arithmetic, the end.
MAY_CALL = re.compile(r"rsb_\w+|abort|(__aeabi_)?mem(cpy|clr|set|move)[48]?|__do_copy_data"
                      r"|__aeabi_u?idiv(mod)?|__u?(div|mod|mul|divmod)[qhsd]i[34]"
                      r"|__mspabi_(div|rem|mpy|sll|srl)[ilu]*|__gnu_thumb1_case_\w+")

FAR = ["clang++-19 --target=riscv64", "clang++-14 --target=riscv64",
       "riscv64-unknown-elf-g++ -march=rv64imac -mabi=lp64"]


# Files of ports, what is there of their hosts, compilers, and options.
HOSTS = [
    (["lk/heap.cpp"], [HERE / "lk"],
     ["aarch64-linux-gnu-g++", "clang++-19 --target=aarch64", "clang++-19 --target=armv7a-none-eabi",
      "riscv64-unknown-elf-g++ -march=rv64imac -mabi=lp64", "g++"], ["", "-DLK_HEAP_CACHES=1"]),
    (["xv6/heap.cpp"], [HERE / "xv6"],
     ["riscv64-unknown-elf-g++ -march=rv64imac -mabi=lp64 -mcmodel=medany", "clang++-19 --target=riscv64"], [""]),
    (["zephyr/sys_heap.cpp", "zephyr/inspect.cpp", "zephyr/malloc.cpp", "zephyr/fault.cpp"],
     [HERE.parent / "ports/zephyr/include", HERE / "zephyr"],
     ["aarch64-linux-gnu-g++", "riscv64-unknown-elf-g++ -march=rv32imac -mabi=ilp32",
      "arm-none-eabi-g++ -mthumb -mcpu=cortex-m0plus", "clang++-19 --target=thumbv8m.main-none-eabi"],
     ["-DCONFIG_RSB_SYS_HEAP_LEAST=2048 -DCONFIG_RSB_MALLOC_ARENA_SIZE=4096",
      "-DCONFIG_RSB_SYS_HEAP_LEAST=0 -DCONFIG_SYS_HEAP_RUNTIME_STATS=1 -DCONFIG_SYS_HEAP_LISTENER=1"
      " -DCONFIG_RSB_MALLOC_ARENA_SIZE=-1 -DCONFIG_SRAM_BASE_ADDRESS=0x20000000 -DCONFIG_SRAM_SIZE=64"]),
]

# And what its cores order memory and devices by.
FENCES = [
    ("arm-none-eabi-g++ -mthumb -mcpu=cortex-m0plus", "dmb"), ("clang++-19 --target=thumbv6m-none-eabi", "dmb"),
    ("riscv64-unknown-elf-g++ -march=rv32im -mabi=ilp32", "fence"), ("clang++-19 --target=riscv32 -march=rv32im", "fence"),
]


class Compiler:
    def __init__(self, include):
        self.include = f"-I{include}"
        self.problems = []

    def run(self, what, command):
        try:
            result = subprocess.run(list(map(str, command)), text=True, capture_output=True, check=False)
        except FileNotFoundError as error:
            self.problems.append(f"{what}: {error}")
            return None
        if result.returncode != 0:
            self.problems.append(f"{what}:\n{result.stderr}")
            return None
        return result.stdout

    def compile(self, compiler, source, lock, *options):
        command = [*compiler.split(), *FREESTANDING, *options, f"-DRSB_LOCK=rsb::{lock}", self.include,
                   HERE / source]
        return self.run(f"{compiler} of {source}", command)


def headers(compiler):
    runs = [(f"clang++-19 --target={target}", "heaps.cpp") for target in TARGETS]
    runs += [(f"clang++-19 --target={target}", "small_heap.cpp") for target in TARGETS_OF_16_BITS]
    runs += [(f"clang++-14 --target={t}", "heaps.cpp") for t in TARGETS if t not in NOT_OF_CLANG_14]
    for command, source in runs:
        compiler.compile(command, source, "SpinLock", *WARNINGS, "-fsyntax-only")
    for command in GCCS:
        compiler.compile(command, "heaps.cpp", "SpinLock", *WARNINGS, "-Wuseless-cast", "-fsyntax-only")


def calls(compiler):
    runs = [(command, "heaps.cpp") for command in WITHOUT_ATOMICS + WITHOUT_BIT_SCAN]
    runs += [(command, "small_heap.cpp") for command in WITHOUT_ATOMICS_OF_16_BITS]
    runs += [(command, "two_cores.cpp") for command in WITHOUT_ATOMICS]
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "made.o"
        for command, source in runs:
            if compiler.compile(command, source, "InterruptLock<rsb::CoreInterrupts>", "-Os", "-c",
                                "-o", made) is None:
                continue
            lines = compiler.run("nm", ["nm", "--undefined-only", made]).splitlines()
            names = [line.split()[-1] for line in lines]
            compiler.problems += [f"{command} of {source} calls {name}" for name in names
                                  if not MAY_CALL.fullmatch(name)]


def fences(compiler):
    for command, fence in FENCES:
        made = compiler.compile(command, "two_cores.cpp", "NoLock", *WARNINGS, "-Os", "-S", "-o", "-")
        for function, order in (("take_register", ["l(dr|w)", fence]), ("give_register", [fence, "s(tr|w)"])):
            body = re.search(rf"^{function}:(.*?)^\s*\.size\s+{function}", made or "", re.DOTALL | re.MULTILINE)
            if not body or not re.search(r"\s.*?\n\s*".join(order) + r"\s", body[1], re.DOTALL):
                compiler.problems.append(f"{command}: {function} does not order: {body and body[1]}")


def hosts(compiler):
    for files, folders, commands, variants in HOSTS:
        includes = [f"-I{folder}" for folder in folders]
        runs = [(file, command, variant) for file in files for command in commands for variant in variants]
        for file, command, variant in runs:
            compiler.compile(command, f"../../ports/{file}", "NoLock", *WARNINGS, *variant.split(),
                             *includes, "-fsyntax-only")


def links(compiler):
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "made.o"
        for command in FAR:
            if compiler.compile(command, "start.cpp", "NoLock", "-mcmodel=medany", "-O1", "-c",
                                "-o", made) is None:
                continue
            compiler.run(f"lld with {command}", [
                "ld.lld-19", "-Ttext=0x80400000", "-Tdata=0x80800000", made, "-o", made.with_suffix(".elf")])


def main():
    compiler = Compiler(pathlib.Path(sys.argv[2]) / "core/include")
    {"headers": headers, "calls": calls, "links": links, "hosts": hosts,
     "fences": fences}[sys.argv[1]](compiler)
    sys.exit("\n".join(compiler.problems) or 0)


main()
