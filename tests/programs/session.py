# SPDX-License-Identifier: MIT OR Apache-2.0
"""One run of one program: its processes, its servers, and what was seen of them."""

import difflib
import os
import pathlib
import signal
import subprocess
import time


class Failure(Exception):
    """Something that fails the test; the text says what."""


class Session:
    """Runs commands in one folder and one clean environment, and remembers what they gave.

    The environment is the same on every machine and in both runs, LD_PRELOAD apart. Every command
    has a time limit, and whatever it started is killed when it is over or the limit is reached.
    """

    def __init__(self, folder, extra_environment, preload, rounds):
        self.folder = pathlib.Path(folder)
        self.rounds = rounds
        self.observed = {}
        self.servers = []
        temporary = self.folder / "tmp"
        temporary.mkdir()
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(temporary),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **extra_environment,
        }
        if preload:
            self.environment["LD_PRELOAD"] = str(preload)

    def observe(self, name, value):
        """Adds something that both runs must have in common: bytes, text or a number."""
        if name in self.observed:
            raise Failure(f"the test observes '{name}' twice")
        self.observed[name] = value if isinstance(value, bytes) else str(value).encode()

    def command(self, name, *argv, stdin=b"", seconds=60, environment=None, accept=(0,)):
        """Runs a command to its end; observes its output, its errors and its exit status."""
        result = self.quiet(
            name, *argv, stdin=stdin, seconds=seconds, environment=environment, accept=accept
        )
        self.observe(f"{name}: output", result.stdout)
        self.observe(f"{name}: errors", result.stderr)
        self.observe(f"{name}: exit status", result.returncode)
        return result.stdout

    def quiet(self, name, *argv, stdin=b"", seconds=60, environment=None, accept=(0,)):
        """Runs a command whose output is not the same each time; observes nothing.

        An exit status that is not in `accept` fails the test all the same.
        """
        process = self._start(argv, environment, subprocess.PIPE)
        try:
            stdout, stderr = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{name}: not finished after {seconds} s") from None
        finally:
            end_group(process)
        if process.returncode not in accept:
            raise Failure(f"{name}: {ending(process.returncode)}\n{tail(stdout)}{tail(stderr)}")
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    def server(self, name, *argv, ready, seconds=20):
        """Starts a server, with its output in a file, and returns once `ready()` is true."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = self._start(argv, None, output)
        self.servers.append(process)
        limit = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise Failure(f"{name}: {ending(process.returncode)}\n{tail(log.read_bytes())}")
            if time.monotonic() > limit:
                raise Failure(f"{name}: not ready after {seconds} s\n{tail(log.read_bytes())}")
            time.sleep(0.02)
        return process

    def require_clean_exit(self, name, process, seconds=20):
        """Waits for a server that was told to stop."""
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{name}: still running {seconds} s after it was told to stop") from None
        if status != 0:
            log = (self.folder / f"{name}.log").read_bytes()
            raise Failure(f"{name}: {ending(status)}\n{tail(log)}")

    def close(self):
        for process in self.servers:
            end_group(process)

    def require_same(self, other):
        """Fails with the first lines that differ, if the other run observed anything else."""
        if not self.observed:
            raise Failure("the test observes nothing")
        names = list(dict.fromkeys([*self.observed, *other.observed]))
        differences = [
            f"{name} differs:\n{difference(self.observed.get(name), other.observed.get(name))}"
            for name in names
            if self.observed.get(name) != other.observed.get(name)
        ]
        if differences:
            raise Failure("\n".join(differences))

    def _start(self, argv, environment, output):
        return subprocess.Popen(
            [str(argument) for argument in argv],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.PIPE if output == subprocess.PIPE else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE if output == subprocess.PIPE else subprocess.STDOUT,
            start_new_session=True,
        )


def end_group(process):
    """Kills a process and all that it started (its process group), and reaps it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def ending(status):
    if status >= 0:
        return f"exit status {status}"
    return f"killed by {signal.Signals(-status).name}"


def tail(output, lines=25):
    return "".join(
        f"    {line}\n" for line in output.decode(errors="replace").splitlines()[-lines:]
    )


def difference(plain, preloaded, lines=20):
    if plain is None or preloaded is None:
        return f"    only observed {'without' if preloaded is None else 'with'} the library"
    texts = [
        text.decode(errors="backslashreplace").replace("\r", "\\r").split("\n")
        for text in (plain, preloaded)
    ]
    diff = list(difflib.unified_diff(*texts, "without the library", "with it", lineterm="", n=1))
    return "\n".join(f"    {line[:200]}" for line in diff[:lines])
