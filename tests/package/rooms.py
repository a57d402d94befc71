#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""rooms.py PROJECT: the arrows between the rooms of core run one way.

A room is a folder of core/include/rsb/internal; beside them are the public headers. Every header of a room says who
may include it, and every #include in the project obeys the tables below.
"""

import pathlib
import re
import sys

# What each room may include besides itself: rooms, and those public headers that are vocabulary.
VOCABULARY = {"annotations", "arch", "fault", "lock", "options", "page_source", "seat"}
MAY_INCLUDE = {
    "machine": set(),
    "blocks": {"machine"},
    "pages": {"machine", "blocks"},
    "bins": {"machine", "blocks", "pages"},
    "caches": {"machine", "blocks", "pages", "bins"},
    "small": {"machine", "blocks"},
    "full": {"machine", "blocks"},
    "guard_pages": {"machine", "blocks", "pages", "full"},
    "page_allocator": {"machine", "blocks", "pages"},
    "heap": {"machine", "blocks", "pages", "bins"},
    "cached_heap": {"machine", "blocks", "pages", "bins", "caches"},
    "small_heap": {"machine", "blocks", "small"},
}
# The layers of a public header, one on the other, are a room of its name: and the header that the lowest stands on.
STANDS_ON = {"page_allocator": None, "heap": "page_allocator", "cached_heap": "heap", "small_heap": None}
INCLUDE = re.compile(r'#\s*include\s*["<]rsb/([^">]+)\.(?:hpp|h)[">]')


def room_of(name):
    """The room of internal/ROOM/NAME; none for a public header."""
    parts = name.split("/")
    return parts[1] if parts[0] == "internal" else None


def refusal(path, name):
    """Why a file must not include rsb/NAME; none if it may."""
    target = room_of(name)
    inside = path[len("core/include/rsb/"):] if path.startswith("core/include/rsb/") else None
    room = room_of(inside) if inside else None
    if room:
        if target is None:
            return None if name in VOCABULARY | {"rsb", STANDS_ON.get(room)} else "a room includes no heap"
        allowed = target == room or target in MAY_INCLUDE[room]
        return None if allowed else f"{room} is below {target}, or beside it"
    if inside and pathlib.PurePath(inside).stem in VOCABULARY:
        return None if target in (None, "machine") else "vocabulary stands on the machine alone"
    if inside and target in STANDS_ON and pathlib.PurePath(inside).stem != target:
        return f"the room {target} is what {target}.hpp is made of"
    if path.split("/")[0] in ("platform", "ports") or path.startswith("core/api/"):
        return None if target in (None, "machine") else "rooms are for core"
    return None


def main():
    project = pathlib.Path(sys.argv[1])
    wrong, seen = [], set()
    for top in ("core", "platform", "ports"):
        for file in sorted((project / top).rglob("*")):
            if file.suffix not in (".h", ".hpp", ".cpp", ".c"):
                continue
            path = file.relative_to(project).as_posix()
            text = file.read_text()
            if "/internal/" in path:
                room = path.split("/")[-2]
                seen.add(room)
                if f"\n// Room {room}: " not in text.split("#pragma once")[0]:
                    wrong.append(f"{path}: does not say who may include it")
            for name in INCLUDE.findall(text):
                if reason := refusal(path, name):
                    wrong.append(f"{path} includes rsb/{name}: {reason}")
    if seen != set(MAY_INCLUDE):
        wrong.append(f"rooms are {sorted(seen)}, the table here has {sorted(MAY_INCLUDE)}")
    print("\n".join(wrong) or f"{len(seen)} rooms, no arrow the wrong way")
    return bool(wrong)


sys.exit(main())
