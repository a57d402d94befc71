#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether memcheck has nothing to say of real programs that allocate by a preloaded library with annotations, and does
say what is wrong in one that is.

    programs.py LIBRARY python|git|redis
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

SOME_PYTHON = """
import collections, json, re, sqlite3, threading, zlib
def work():
    words = [str(n) * (n % 40) for n in range(3000)]
    text = json.dumps(collections.Counter(words))
    assert zlib.decompress(zlib.compress(text.encode())).decode() == text
    assert len(re.findall('[0-9]+', text)) > 3000
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
base = sqlite3.connect(':memory:')
base.execute('create table numbers (n integer primary key, text)')
base.executemany('insert into numbers values (?, ?)', ((n, 'x' * n) for n in range(500)))
assert base.execute('select sum(length(text)) from numbers').fetchone() == (124750,)
"""

# One that reads a byte behind a block, and one of a block that was freed: of which memcheck may name another one that
# was freed there before.
WRONG_PYTHON = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
block = libc.malloc(13)
ctypes.string_at(block + 13, 1)
libc.free(ctypes.c_void_p(block))
ctypes.memmove(ctypes.create_string_buffer(1), block, 1)
"""

REDIS_WORK = """
for i = 1, 1000 do
  redis.call('SET', 'key' .. i, string.rep('x', i % 200))
  redis.call('RPUSH', 'list', i) redis.call('HSET', 'hash', i, i) redis.call('ZADD', 'sorted', i, i)
end
for i = 1, 1000, 2 do redis.call('DEL', 'key' .. i) redis.call('APPEND', 'key' .. (i + 1), i) end
return redis.call('DBSIZE')
"""


class Watched:
    """Runs commands under memcheck, in a folder of its own."""

    def __init__(self, library, folder):
        self.folder = folder
        self.log = folder / "memcheck"
        self.log.mkdir()
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONMALLOC": "malloc",
            "GIT_CONFIG_NOSYSTEM": "1"}
        self.watched = {"LD_PRELOAD": library, "RSB_STATS": "json"}

    def start(self, *command):
        # Not as for other allocators, whose functions it replaces by its own.
        memcheck = ["valgrind", "-q", "--trace-children=yes", "--soname-synonyms=somalloc=nouserintercepts",
                    f"--log-file={self.log}/%p"]
        return subprocess.Popen([*memcheck, *command], cwd=self.folder, env={**self.environment, **self.watched},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process):
        """Says no more of it than that it was the library's."""
        output, errors = process.communicate(timeout=300)
        if process.returncode != 0 or '"live_blocks"' not in errors:
            sys.exit(f"{process.args}: status {process.returncode}\n{output}{errors}")

    def run(self, *command):
        self.end(self.start(*command))

    def said(self):
        texts = [file.read_text() for file in self.log.iterdir()]
        if not texts:
            sys.exit("memcheck has not looked on")
        return "".join(texts)


def python(watched):
    watched.run("/usr/bin/python3", "-c", SOME_PYTHON)
    said = watched.said()
    watched.run("/usr/bin/python3", "-c", WRONG_PYTHON)
    for sentence in ("0 bytes after a.* block of size 13 alloc'd", "0 bytes inside a.* block of size [0-9]+ free'd"):
        if not re.search(sentence, watched.said()):
            sys.exit(f"does not say: {sentence}\n{watched.said()}")
    return said


def git(watched):
    file = watched.folder / "file"
    name = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "maintenance.auto=false")
    watched.run("git", "init", "-q", ".")
    for number in range(2):
        file.write_text("".join(f"line {line * (number + 1)}\n" for line in range(1000)))
        watched.run("git", "add", "file")
        watched.run("git", *name, "commit", "-q", "-m", f"commit {number}")
    watched.run("git", "log", "--patch", "--stat")
    watched.run("git", "repack", "-q", "-a", "-d")
    return watched.said()


def redis(watched):
    socket = watched.folder / "socket"
    server = watched.start("redis-server", "--port", "0", "--unixsocket", "socket", "--save", "", "--io-threads", "2")
    end = time.monotonic() + 60
    while not socket.exists() and server.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    client = ["redis-cli", "-s", str(socket)]
    done = subprocess.run([*client, "eval", REDIS_WORK, "0"], env=watched.environment, check=False, text=True,
                          capture_output=True)
    subprocess.run([*client, "shutdown", "nosave"], env=watched.environment, check=False)
    watched.end(server)
    if done.stdout != "503\n":
        sys.exit(f"{done.stdout}{done.stderr}")
    return watched.said()


def main():
    library, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        watched = Watched(os.path.abspath(library), pathlib.Path(folder))
        said = {"python": python, "git": git, "redis": redis}[program](watched)
    print(said)
    return said != ""


if __name__ == "__main__":
    sys.exit(main())
