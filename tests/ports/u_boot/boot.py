#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Boots what build.sh built, in QEMU, and has U-Boot do what takes memory.

    boot.py commands    environment, FIT image, filesystems, network, and command.c's checks
    boot.py misuse      what the heap catches is said, and nobody goes on
    boot.py ut          U-Boot's unit tests end as they do with its own allocator
"""

import os
import re
import select
import shlex
import subprocess
import sys
import time
import zlib

PROMPT = b"\n=> "
MIB = 1 << 20
RAM = 0x42000000  # where what is loaded goes, and where what is unpacked
FAR = 0x48000000


class Machine:
    """A machine that has come to U-Boot's prompt."""

    def __init__(self, image, *options):
        self.said = b""
        self.qemu = subprocess.Popen(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "512M", "-bios", image, "-display", "none",
             "-monitor", "none", "-serial", "stdio", "-no-reboot", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.boot = self.until(PROMPT, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()

    def until(self, end, seconds):
        """What is said next, up to `end`."""
        deadline = time.monotonic() + seconds
        while end not in self.said:
            ready, _, _ = select.select([self.qemu.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.qemu.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                sys.exit(f"{self.said.decode(errors='replace')}\nFAILED: no {end} {'in time' if not ready else ''}")
            self.said += more.replace(b"\r", b"")
        before, _, self.said = self.said.partition(end)
        text = before.decode(errors="replace")
        print(*(line if len(line) < 120 else f"{line[:100]}..." for line in text.split("\n")), sep="\n", flush=True)
        return text

    def start(self, command):
        self.qemu.stdin.write(command.encode() + b"\n")
        self.qemu.stdin.flush()

    def run(self, command, seconds=60):
        self.start(command)
        return self.until(PROMPT, seconds)

    def expect(self, command, *words, seconds=60):
        """What it says has all of the words."""
        said = self.run(command, seconds)
        for word in words:
            if word not in said:
                sys.exit(f"FAILED: {command} did not say {word}")
        return said


def contents(count, seed):
    """Bytes that differ, and can be compressed a little."""
    words = (f"{seed} {i * 2654435761 % 999983}\n" for i in range(count))
    return "".join(words).encode()


def crc(data):
    return f"{zlib.crc32(data):08x}"


def run(command, **options):
    subprocess.run(shlex.split(command), check=True, **options)


FIT = """/dts-v1/;
/ {
  description = "of the test";
  #address-cells = <1>;
  images {
    kernel { data = /incbin/("large.gz"); type = "kernel"; arch = "arm64"; os = "linux"; compression = "gzip";
             load = <0x48000000>; entry = <0x48000000>; hash-1 { algo = "sha256"; }; hash-2 { algo = "crc32"; }; };
    script { data = /incbin/("script"); type = "script"; compression = "none"; hash-1 { algo = "sha1"; }; };
  };
  configurations { default = "conf"; conf { kernel = "kernel"; }; };
};
"""


def make_files():
    """Files in tftp, and disks that have them; returns their contents."""
    files = {"large": contents(200_000, 1), "small": contents(100, 2)}
    files["script"] = b"echo script ran\nsetenv from_script 1\n"
    os.makedirs("tftp/folder", exist_ok=True)
    for name, data in files.items():
        with open(f"tftp/{name}", "wb") as file:
            file.write(data)
    for i in range(300):  # a folder of several blocks
        with open(f"tftp/folder/a file with a long name, {i}", "w", encoding="ascii") as file:
            file.write(str(i))
    run("gzip -nkf tftp/large")
    with open("tftp/fit.its", "w", encoding="ascii") as file:
        file.write(FIT)
    path = f"{os.getcwd()}/build/scripts/dtc:{os.environ['PATH']}"
    run("../build/tools/mkimage -f fit.its fit.itb", cwd="tftp", env={**os.environ, "PATH": path})
    with open("tftp/fit.itb", "rb") as file:
        files["fit.itb"] = file.read()

    for name in ("fat.img", "ext4.img"):
        if os.path.exists(name):
            os.remove(name)
    run("mformat -C -i fat.img -T 65536 ::")
    run("mcopy -i fat.img -s tftp/large tftp/small tftp/folder ::")
    run("mke2fs -q -t ext4 -d tftp ext4.img 32M")
    return files


def check_environment(machine):
    for i in range(0, 400, 5):
        machine.run("; ".join(f"setenv v{j} {'x' * (j % 97)}{j}" for j in range(i, i + 5)))
    machine.expect("printenv v399 v111", f"v399={'x' * (399 % 97)}399", f"v111={'x' * 14}111")
    machine.run(f"env export -t {RAM:x}")
    machine.run("env default -a")
    machine.expect("printenv v399", "not defined")
    machine.run(f"env import -t {RAM:x} ${{filesize}}")
    machine.expect("printenv v399", f"v399={'x' * (399 % 97)}399")
    machine.expect("env grep -e 'v39[0-4]'", "v390=", "v394=")
    machine.expect("for i in a b c; do setenv l $i$l; done; echo =$l=", "=cba=")
    machine.run(f"env export -t {RAM:x}; fatwrite virtio 0 {RAM:x} /saved ${{filesize}}")


def check_filesystems(machine, files):
    for kind, disk in (("fat", 0), ("ext4", 1)):
        device = f"virtio {disk}"
        machine.expect(f"{kind}ls {device} /folder", "a file with a long name, 299")
        for name in ("small", "large"):
            for _ in range(3):
                machine.expect(f"{kind}load {device} {RAM:x} /{name}", f"{len(files[name])} bytes read")
                machine.expect(f"crc32 {RAM:x} ${{filesize}}", crc(files[name]))
        machine.expect(f"load {device} {RAM:x} '/folder/a file with a long name, 217'; md.b {RAM:x} 3", "32 31 37")
    machine.expect(f"fatwrite virtio 0 {RAM:x} /written 100000; mw.b {RAM:x} 0 100000", "1048576 bytes written")
    machine.expect(f"fatload virtio 0 {RAM:x} /written", "1048576 bytes read")
    machine.expect(f"md.b {RAM:x} 3", "32 31 37")


def check_network(machine, files):
    machine.expect("dhcp", "DHCP client bound", "10.0.2.15")
    for name in ("large", "fit.itb"):
        machine.expect(f"tftpboot {RAM:x} {name}", "done")
        machine.expect(f"crc32 {RAM:x} ${{filesize}}", crc(files[name]))


def check_fit(machine, files):
    """What check_network() has loaded last."""
    machine.expect(f"iminfo {RAM:x}", "sha256+", "crc32+", "sha1+")
    machine.expect(f"source {RAM:x}:script; printenv from_script", "script ran", "from_script=1")
    machine.expect(f"imxtract {RAM:x} kernel {FAR:x}", "Uncompressing part 0 ... OK")
    large = crc(files["large"])
    machine.expect(f"crc32 {FAR:x} {len(files['large']):x}", large)
    machine.expect(f"bootm start {RAM:x}#conf; bootm loados; crc32 {FAR:x} {len(files['large']):x}", "sha256+",
                   "Uncompressing Kernel Image", large)


def commands(image):
    files = make_files()
    options = []
    for name in ("fat", "ext4"):
        options += ["-drive", f"if=none,id={name},format=raw,file={name}.img"]
    options += ["-device", "virtio-blk-device,drive=ext4", "-device", "virtio-blk-device,drive=fat"]
    options += ["-netdev", "user,id=net,tftp=tftp", "-device", "virtio-net-device,netdev=net"]
    with Machine(image, *options) as machine:
        machine.expect("rsbtest", "rsbtest: 0 failures")
        check_environment(machine)
        check_filesystems(machine, files)
        check_network(machine, files)
        check_fit(machine, files)
        machine.expect("rsbtest", "rsbtest: 0 failures")
    with Machine(image, *options) as machine:  # what was written is there
        machine.run(f"fatload virtio 0 {RAM:x} /saved; env import -t {RAM:x} ${{filesize}}")
        machine.expect("printenv v399", f"v399={'x' * (399 % 97)}399")
        machine.expect("rsbtest more", "rsbtest: 0 failures")


def misuse(image):
    for kind, fault in (("double", "double free"), ("foreign", "freed pointer is not from this heap"),
                        ("interior", "freed pointer points into a block, not at its start")):
        with Machine(image) as machine:
            machine.start(f"rsbtest {kind}")
            machine.until(f"malloc: {fault}: 0".encode(), 20)
            machine.until(b"resetting ...", 20)


def unit_tests(image):
    """How each of U-Boot's unit tests ended."""
    with Machine(image) as machine:
        said = machine.run("ut all", seconds=200)
    ends = re.findall(r"^(?:Test: .*|.*(?:failed|Failures|Leak|skipped|lost|gained|Expected).*)$", said, re.M)
    if len([line for line in ends if line.startswith("Test: ")]) < 90:
        sys.exit("FAILED: hardly a test ran")
    # How those of time end, which compare two clocks of the emulator: on a busy machine this way or that.
    return [line for line in ends if line.strip() not in ("Test failed", "Test passed")]


def ut(image):
    ours, own = unit_tests(image), unit_tests("own.bin")
    if ours != own:
        differing = [pair for pair in zip(ours, own) if pair[0] != pair[1]]
        sys.exit(f"FAILED: {len(ours)} lines, with U-Boot's own {len(own)}; such as {differing[:5]}")
    print(f"{len(ours)} lines are the same")


if __name__ == "__main__":
    {"commands": commands, "misuse": misuse, "ut": ut}[sys.argv[1]]("rsb.bin" if len(sys.argv) < 3 else sys.argv[2])
