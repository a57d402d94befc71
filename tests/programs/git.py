# SPDX-License-Identifier: MIT OR Apache-2.0
"""git: a history of commits and merges, packed, checked and read back; every hash must agree."""

import random

NEEDS = {"/usr/bin/git": "git"}

FILES = 200
ROUNDS = 10

CONFIGURATION = """
[user]
    name = Somebody
    email = somebody@example.org
[core]
    fsync = none
[maintenance]
    auto = false
"""


def run(session):
    (session.folder / ".gitconfig").write_text(CONFIGURATION)
    repository = session.folder / "repository"
    repository.mkdir()
    choose = random.Random(2)
    files = {
        repository / f"folder{number % 20}" / f"file{number}.txt": some_lines(choose, 60)
        for number in range(FILES)
    }
    steps = 0

    def git(*arguments, threads=2):
        nonlocal steps
        steps += 1
        date = f"{1_700_000_000 + 60 * steps} +0000"
        return session.command(
            f"{steps}: git {' '.join(arguments)}",
            *("/usr/bin/git", "-C", repository, "-c", f"pack.threads={threads}", *arguments),
            environment={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
        )

    def change_and_commit(candidates, message):
        for file in choose.sample(candidates, 40):
            lines = files[file]
            position = choose.randrange(len(lines))
            lines[position : position + choose.randrange(9)] = some_lines(choose, 6)
        for file, lines in files.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text("\n".join(lines) + "\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", message)

    git("init", "--initial-branch=main")
    change_and_commit(list(files), "The first")
    for number in range(ROUNDS):
        # The two branches change different halves of the files, so that every merge succeeds.
        halves = list(files)[: FILES // 2], list(files)[FILES // 2 :]
        kept = {file: list(lines) for file, lines in files.items()}
        git("checkout", "--quiet", "-b", f"side{number}")
        change_and_commit(halves[0], f"On the side {number}")
        side = {file: files[file] for file in halves[0]}
        files.update(kept)
        git("checkout", "--quiet", "main")
        change_and_commit(halves[1], f"On main {number}")
        git("merge", "--no-ff", "--message", f"Merge {number}", f"side{number}")
        files.update(side)

    git("log", "--graph", "--stat", "--patch", "--find-renames", "--all")
    git("blame", "--line-porcelain", next(iter(files)).relative_to(repository).as_posix())
    git("grep", "--threads=4", "-n", "-E", "ab+c?.*(de|ed)", f"main~{ROUNDS // 2}")
    # Two threads race for the objects to compress: the pack's bytes may differ, its contents not.
    git("gc", "--quiet", "--aggressive", "--prune=now")
    git("fsck", "--full", "--strict")
    git("cat-file", "--batch-all-objects", "--batch-check")
    # One thread: even the pack's bytes are the same.
    git("repack", "-a", "-d", "-f", "--depth=50", "--window=100", "--quiet", threads=1)
    for pack in sorted((repository / ".git/objects/pack").glob("*.pack")):
        session.observe("pack", pack.read_bytes())
    git("clone", "--quiet", "--no-local", ".", "../clone")
    git("-C", "../clone", "log", "--format=%H %T", "origin/main")
    git("archive", "--format=tar", "main")


def some_lines(choose, count):
    return [
        " ".join(choose.choice(WORDS) for _ in range(choose.randrange(3, 12)))
        for _ in range(count)
    ]


WORDS = ["".join(random.Random(seed).choices("abcdefgh", k=1 + seed % 9)) for seed in range(500)]
