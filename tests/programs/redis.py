# SPDX-License-Identifier: MIT OR Apache-2.0
"""redis: a server under deterministic load, then under redis-benchmark, also with I/O threads.

Debian's redis-server is linked with libjemalloc and calls it by the standard names (malloc, calloc,
realloc, free, malloc_usable_size), so a preloaded library does take over; only jemalloc's own
statistics (mallctl, nallocx) stay behind, idle. INFO names jemalloc all the same: that text is
fixed when redis is compiled.
"""

import random
import re
import time

from session import Failure

NEEDS = {
    "/usr/bin/redis-server": "redis-server",
    "/usr/bin/redis-cli": "redis-tools",
    "/usr/bin/redis-benchmark": "redis-tools",
}

SOCKET = "redis.sock"  # relative to the session's folder, as the path of a socket must be short

CONFIGURATION = f"""
port 0
unixsocket {SOCKET}
save ""
enable-debug-command yes
hash-max-listpack-entries 16
zset-max-listpack-entries 16
"""


def run(session):
    with_server(session, "server", CONFIGURATION, load_and_benchmark)
    # An I/O thread and the main thread wait for each other in loops that never yield: where the
    # processors are busy with other things, each exchange takes a time slice, so let these be few.
    threaded = CONFIGURATION + "io-threads 2\nio-threads-do-reads yes\n"
    with_server(session, "threaded server", threaded, lambda *server: benchmark(*server, 1_000))


def with_server(session, name, configuration, use):
    (session.folder / f"{name}.conf").write_text(configuration)
    process = session.server(
        name,
        *("/usr/bin/redis-server", f"{name}.conf"),
        ready=(session.folder / SOCKET).is_socket,
    )

    def ask(*words):
        answer = session.quiet("redis-cli", "/usr/bin/redis-cli", "-e", "-s", SOCKET, *words)
        return answer.stdout.decode().strip()

    use(session, name, ask)
    ask("SHUTDOWN", "NOSAVE")
    session.require_clean_exit(name, process)


def load_and_benchmark(session, name, ask):
    def observe(when, questions):
        for words in questions:
            session.observe(f"{when}: {' '.join(words)}", ask(*words))

    pipe = ("/usr/bin/redis-cli", "-s", SOCKET, "--pipe")
    session.command("load", *pipe, stdin=commands(60_000, seed=3))
    observe("after the load", SUMMARY + QUESTIONS)

    # A fork of the threaded server: the child allocates while it writes; then all is read back.
    ask("BGSAVE")
    session.command("load during BGSAVE", *pipe, stdin=commands(30_000, seed=4))
    wait_for_save(ask)
    ask("DEBUG", "RELOAD")
    observe("after saving and loading", SUMMARY)
    ask("EVAL", BIG_SCRIPT, "0")
    observe("after the script", SUMMARY)
    ask("FLUSHALL", "ASYNC")  # freed by another thread than the one that allocated
    observe("after FLUSHALL", SUMMARY)
    benchmark(session, name, ask, requests=20_000)


def benchmark(session, name, ask, requests):
    ask("CONFIG", "RESETSTAT")
    result = session.quiet(
        "redis-benchmark",
        *("/usr/bin/redis-benchmark", "-s", SOCKET, "--csv", "--threads", "2"),
        *("-n", requests, "-P", "4", "-c", "20", "-r", "20000", "-d", "200"),
        *("-t", "set,get,incr,lpush,rpop,sadd,hset,spop,zadd,lrange_100,mset"),
        seconds=150,
    )
    names = re.findall(r'^"([^"]*)"', result.stdout.decode(), re.MULTILINE)
    statistics = ask("INFO", "commandstats")
    called = re.findall(r"cmdstat_(\S+?):(calls=\d+).*(rejected\S+),(failed\S+)", statistics)
    session.observe(f"{name}: benchmark: errors", result.stderr)
    session.observe(f"{name}: benchmark: what ran", "\n".join(names))
    session.observe(f"{name}: benchmark: calls", "\n".join(map(" ".join, sorted(called))))
    session.observe(f"{name}: benchmark: error replies", "total_error_replies:0" in ask("INFO"))


def commands(count, seed):
    """Commands whose effect depends neither on time nor on the server's own random numbers."""
    choose = random.Random(seed)

    def key(kind):
        return f"{kind}:{choose.randrange(3000)}"

    def word():
        return "".join(choose.choices("abcdefghij", k=choose.randrange(1, 60)))

    makers = [
        lambda: f"SET {key('string')} {word() * choose.randrange(1, 40)}",
        lambda: f"APPEND {key('string')} {word()}",
        lambda: f"SETRANGE {key('string')} {choose.randrange(3000)} {word()}",
        lambda: f"HSET {key('hash')} {word()[:2]} {word()} {word()[:3]} {word()}",
        lambda: f"HDEL {key('hash')} {word()[:2]}",
        lambda: f"RPUSH {key('list')} {word()} {word()} {word()}",
        lambda: f"LPOP {key('list')} 2",
        lambda: f"LMOVE {key('list')} {key('list')} LEFT RIGHT",
        lambda: f"SADD {key('set')} {word()} {choose.randrange(1000)}",
        lambda: f"SUNIONSTORE {key('set')} {key('set')} {key('set')}",
        lambda: f"ZADD {key('zset')} {choose.randrange(10**6)} {word()[:3]}",
        lambda: f"ZUNIONSTORE {key('zset')} 2 {key('zset')} {key('zset')}",
        lambda: f"ZREMRANGEBYRANK {key('zset')} 0 {choose.randrange(3)}",
        lambda: f"PFADD {key('log')} {word()} {word()}",
        lambda: f"SORT {key('zset')} ALPHA STORE {key('list')}",
        lambda: f"COPY {key('list')} {key('copy')} REPLACE",
        lambda: f"UNLINK {key('string')} {key('zset')} {key('set')}",
    ]
    return "".join(choose.choice(makers)() + "\r\n" for _ in range(count)).encode()


SUMMARY = [["DBSIZE"], ["DEBUG", "DIGEST"], ["INFO", "keyspace"]]

QUESTIONS = [
    ["MGET", *(f"string:{number}" for number in range(0, 3000, 50))],
    ["LRANGE", "list:1", "0", "-1"],
    ["ZRANGE", "zset:2", "0", "-1", "WITHSCORES"],
    ["SORT", "set:3", "ALPHA"],
    ["PFCOUNT", "log:4", "log:5"],
]

# The interpreter inside the server allocates through realloc alone.
BIG_SCRIPT = """
local words = {}
for i = 1, 100000 do words[#words + 1] = string.rep(tostring(i), i % 7) end
table.sort(words)
for i = 1, #words, 1000 do redis.call('RPUSH', 'sorted', words[i]) end
return redis.call('SET', 'joined', table.concat(words, ','))
"""


def wait_for_save(ask, seconds=30):
    limit = time.monotonic() + seconds
    while "rdb_bgsave_in_progress:0" not in ask("INFO", "persistence"):
        if time.monotonic() > limit:
            raise Failure(f"BGSAVE not finished after {seconds} s")
        time.sleep(0.05)
    if "rdb_last_bgsave_status:ok" not in ask("INFO", "persistence"):
        raise Failure("BGSAVE failed")
