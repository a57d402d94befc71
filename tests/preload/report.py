#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""With RSB_STATS each process reports once when it ends, and a child of vfork not at all.

    report.py preloaded PROGRAM LIBRARY [ENDS]   PROGRAM is endings.c, and LIBRARY reports
    report.py linked PROGRAM                     PROGRAM is linked with an archive

ENDS is a library whose destructor, which runs after LIBRARY's, calls _exit.
"""

import collections
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

STATUS = 3
NUMBERS = ["live_blocks", "live_bytes", "large_blocks", "large_bytes", "used_bytes", "peak_used_bytes", "free_bytes",
           "kept_bytes", "acquired_bytes", "peak_acquired_bytes", "metadata_bytes", "acquisitions", "releases",
           "failures", "longest_run_bytes", "largest_block_bytes", "deferred_blocks", "reserved_pages",
           "cached_blocks", "cached_bytes"]
BIN = ["slot_bytes", "spans", "slots", "live"]

# Scene -> reports of a program that is linked with the archive, and of one to which the library is preloaded.
SCENES = {
    "return": (1, 1),
    "exit": (1, 1),
    "quick_exit": (1, 1),
    "_exit": (0, 1),
    "_Exit": (0, 1),
    "_exit in exit": (0, 1),
    "forgets": (1, 1),
    "closes": (0, 1),
    "vfork": (1, 1),
    "vfork and exec": (2, 2),
    "posix_spawn": (2, 2),
    "fork and exit": (2, 2),
    "fork and _exit": (0, 2),
    "fork past all handlers": (1, 1),
    "threads": (0, 1),
    "inside a call": (0, 0),
}

# What a program may be called -> what that is in the report.
NAMES = {
    b"plain": "plain",
    b"/some/where/plain": "plain",
    b'"quoted" \\': '"quoted" \\',
    b"\x01\t\n\r\x1f\x7f": "\x01\t\n\r\x1f\x7f",
    "\u00fcn\u00ef\u20ac\U0001f600\uffff".encode(): "\u00fcn\u00ef\u20ac\U0001f600\uffff",
    b"\xff\xfe\x80": "\ufffd" * 3,
    b"long\xc0\xafer\xe0\x80\xaf\xf0\x8f\xbf\xbf": "long\ufffd\ufffder" + "\ufffd" * 7,
    b"\xed\xa0\x80.\xed\x9f\xbf": "\ufffd" * 3 + ".\ud7ff",
    b"\xf4\x90\x80\x80\xf5": "\ufffd" * 5,
    b"\xe2\x82\xe2\x82a\xf0\x9f\x98": "\ufffd" * 4 + "a" + "\ufffd" * 3,
    b"": "",
    "\u00e9".encode() * 200: "\u00e9" * 127 + "\ufffd",  # as long as a file's name may be
}

problems = []


def require(holds, what):
    if not holds:
        problems.append(what)


class Runner:
    def __init__(self, program, preload):
        self.program = program
        self.preload = preload

    def run(self, scene, value, **options):
        """The status, and what was said on standard error."""
        environment = {name: text for name, text in os.environ.items()
                       if name not in ("RSB_STATS", "LD_PRELOAD")}
        if value is not None:
            environment["RSB_STATS"] = value
        if self.preload:
            environment["LD_PRELOAD"] = ":".join(self.preload)
        name = options.pop("name", b"program")
        with subprocess.Popen([name, scene], executable=self.program, env=environment,
                              stderr=options.pop("stderr", subprocess.PIPE), **options) as process:
            _, said = process.communicate(timeout=60)
            self.pid = process.pid
        return process.returncode, said

    def reports(self, scene, **options):
        """The status, and the reports as JSON."""
        status, said = self.run(scene, "json", **options)
        lines = [line for line in said.splitlines(keepends=True) if line.startswith(b"{")]
        # What children leave to be said afterwards.
        self.reports_after_waiting = said.rpartition(b"waited\n")[2].count(b"{\"program")
        require(all(line.endswith(b"}\n") for line in lines), f"{scene}: reports are lines: {said}")
        return status, [json.loads(line) for line in lines]


def check_numbers(scene, report):
    bins = report["bins"]
    require(list(report) == ["program", "pid", *NUMBERS, "bins"], f"{scene}: keys are {list(report)}")
    require(all(list(one) == BIN for one in bins), f"{scene}: a bin's keys are {bins}")
    if scene == "threads":
        return
    large, large_bytes = report["large_blocks"], report["large_bytes"]
    require(large >= 2 and large_bytes >= 120_000, f"{scene}: {large} large blocks of {large_bytes} bytes")
    require(sum(one["live"] for one in bins) + large == report["live_blocks"], f"{scene}: blocks add up: {report}")
    require(sum(one["live"] * one["slot_bytes"] for one in bins) + large_bytes == report["live_bytes"],
            f"{scene}: bytes add up: {report}")


def check_scenes(runner):
    for scene, expected in SCENES.items():
        status, reports = runner.reports(scene)
        expected = expected[bool(runner.preload)]
        require(status == STATUS, f"{scene}: status {status}")
        require(len(reports) == expected, f"{scene}: {len(reports)} reports, not {expected}")
        pids = collections.Counter(report["pid"] for report in reports)
        require(set(pids.values()) <= {1}, f"{scene}: once for each process: {pids}")
        require(not reports or runner.pid in pids, f"{scene}: not by the process itself")
        require(runner.reports_after_waiting == (expected != 0), f"{scene}: not by the process itself at its end")
        for report in reports:
            check_numbers(scene, report)
    require(runner.reports("signal")[1] == [], "a report of what a signal ended")
    said = runner.run("quick_exit", "1")[1]
    require(re.match(rb"handler\nrsbmalloc: program, pid", said), f"first quick_exit's handlers, then the report: {said}")


def check_values(runner):
    for value in None, "", "0":
        require(runner.run("exit", value) == (STATUS, b""), f"RSB_STATS={value}: is off")
    for value in "1", "00", "yes", "JSON":
        status, said = runner.run("exit", value)
        require(status == STATUS and said.startswith(f"rsbmalloc: program, pid {runner.pid}\n".encode()),
                f"RSB_STATS={value}: {said}")


def check_table(runner):
    """The same numbers, of a program that allocates the same each time."""
    said = runner.run("exit", "1")[1].decode()
    report = runner.reports("exit")[1][0]
    lines = [line.split()[1:] for line in said.splitlines()]
    title = next(i for i, line in enumerate(lines) if line[0] == "slot")
    rows = lines[title + 1:]
    in_caches = f" {report['cached_bytes'] // 1024} KiB of them in caches\n"
    require((in_caches in said) == (report["cached_bytes"] != 0), f"what is in caches, if there is some: {said}{report}")
    bins = [[one[key] for key in BIN] + [one["live"] * one["slot_bytes"]] for one in report["bins"]]
    require(rows[:-1] == [[str(number) for number in one] for one in bins], f"rows as bins: {said}{report}")
    require(rows[-1] == ["large", "-", "-", str(report["large_blocks"]), str(report["large_bytes"])],
            f"large blocks in a row: {said}{report}")


def check_names(runner):
    for name, expected in NAMES.items():
        found = runner.reports("exit", name=name)[1][0]["program"]
        require(found == expected, f"{name}: {found!r}, not {expected!r}")
        lines = runner.run("exit", "1", name=name)[1].splitlines()
        require(all(line.startswith(b"rsbmalloc: ") for line in lines), f"{name}: lines {lines[:3]}")
    run_tool = subprocess.run([sys.executable, "-m", "json.tool"], input=runner.run("exit", "json", name=b'"\xff\n')[1],
                              capture_output=True, check=False)
    require(run_tool.returncode == 0, f"json.tool: {run_tool.stderr}")


def check_in_vain(runner):
    """That nobody reads what is said, or that no more can be written, changes no ending."""
    for scene in "exit", "_exit", "quick_exit":
        reader, writer = os.pipe()
        os.close(reader)
        expected = -13 if scene == "quick_exit" else STATUS  # whose handler writes, too
        status, _ = runner.run(scene, "1", stderr=writer)
        os.close(writer)
        require(status == expected, f"{scene}: status {status} when nobody reads")
    with tempfile.TemporaryFile() as file:
        status, _ = runner.run(
            "exit", "1", stderr=file, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        require(status == STATUS, f"status {status} when a file may be no larger")
        require(os.fstat(file.fileno()).st_size == 100, "what may be written is")


def check_strangers(runner):
    """A process that wants no report makes no system call for it; and a file of the program's is none of ours."""
    for scene in "exit without getpid", "_exit without getpid":
        status, said = runner.run(scene, None)
        require((status, said) == (STATUS, b""), f"{scene}: status {status}, {said}")
    for _ in range(5):  # or another process has got the number meanwhile
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "file")
            # Opened there, for nobody else may hold it.
            status, _ = runner.run("replaces the file", "1", stderr=None,
                                   preexec_fn=lambda: os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), 2))
            require(status == STATUS, f"replaces the file: status {status}")
            require(os.path.getsize(name) == 0, "a report in the program's own file")


def check_handlers(runner):
    """One that interrupts the heap ends the process as it likes."""
    seen = collections.Counter()
    for scene in "handler", "handler among threads":
        for _ in range(40):
            status, reports = runner.reports(scene)
            require(status == STATUS, f"{scene}: status {status}")
            seen[len(reports)] += 1
    print("reports of a handler that ends the process:", dict(seen))
    require(set(seen) <= {0, 1}, f"handlers: {seen}")


def main():
    how, program, *preload = sys.argv[1:]
    runner = Runner(program, preload[:1])
    check_scenes(runner)
    check_values(runner)
    check_names(runner)
    check_in_vain(runner)
    check_strangers(runner)
    if how == "linked":
        check_table(runner)
    else:
        check_handlers(runner)
    if len(preload) > 1:
        status, reports = Runner(program, preload).reports("return")
        require(status == 9, f"ended after all destructors of the library: status {status}")
        require(len(reports) == 1, f"{len(reports)} reports by exit and _exit")
    return "\n".join(problems) or 0


if __name__ == "__main__":
    sys.exit(main())
