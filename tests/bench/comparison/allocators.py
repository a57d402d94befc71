# SPDX-License-Identifier: MIT OR Apache-2.0
"""The allocators that take part, and where their libraries are: ours, the packaged ones, and any by path."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

# name: (library, Debian package)
PACKAGED = {
    "mimalloc": ("libmimalloc.so.2", "libmimalloc2.0"),
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    "tbbmalloc": ("libtbbmalloc_proxy.so.2", "libtbbmalloc2"),
}
OURS = "rsbmalloc"
CACHED = "rsbmalloc, caches"  # built with RSB_CACHES
VARIANTS = [OURS, CACHED]
SYSTEM = "glibc"
ALL = [*VARIANTS, SYSTEM, *PACKAGED]
# What --allocators calls them.
NAMES = {"caches" if name == CACHED else name: name for name in ALL}


class Missing(Exception):
    """Something that must be installed or built first; the message says what."""


@dataclass(frozen=True)
class Allocator:
    name: str
    library: Optional[Path]  # None: whatever the C library has

    def environment(self) -> dict:
        """What a child inherits. No allocator takes orders from the user's environment."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return kept | ({"LD_PRELOAD": str(self.library)} if self.library else {})


def _loader_cache() -> dict:
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    found = {}
    for line in listing.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            found.setdefault(name.split(" ")[0], Path(path))
    return found


def named_library(text: str) -> tuple:
    """NAME=FILE, of --library."""
    name, equals, file = text.partition("=")
    if not equals or not Path(file).is_file():
        raise Missing(f"--library {text}: not a NAME=FILE of a file that exists")
    return NAMES.get(name, name), Path(file)


def find(names: list, libraries: dict) -> list:
    """The allocators of these names; libraries has those whose files are known already: ours, and any other. Raises
    Missing, naming every package that lacks."""
    cache = _loader_cache()
    found, lacking = [], []
    for name in names:
        if name == SYSTEM:
            found.append(Allocator(name, None))
        elif name in libraries:
            found.append(Allocator(name, libraries[name].resolve()))
        elif name in PACKAGED:
            library, package = PACKAGED[name]
            if library in cache:
                found.append(Allocator(name, cache[library]))
            else:
                lacking.append(package)
        else:
            raise Missing(f"no allocator is called {name}; there are {', '.join(NAMES)}, and those of --library")
    if lacking:
        raise Missing("these packages are not installed: " + " ".join(lacking))
    return found


def verify(allocator: Allocator, program: Path) -> None:
    """A library that fails to load is only a warning of the loader: look who answers."""
    answer = subprocess.run([program, "--malloc"], env=allocator.environment(), check=True,
                            capture_output=True, text=True).stdout.strip()
    if allocator.library and Path(answer).resolve() != allocator.library.resolve():
        raise Missing(f"{allocator.name}: malloc comes from {answer}, not from {allocator.library}")
