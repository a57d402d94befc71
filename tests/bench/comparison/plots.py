# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ratios to the C library, a line a row, a dot an allocator; SVG."""

from pathlib import Path

from .allocators import OURS, SYSTEM
from .measure import Results

COLOURS = {OURS: "#c1272d", SYSTEM: "#888888", "mimalloc": "#0072b2", "jemalloc": "#e69f00",
           "tcmalloc": "#009e73", "tbbmalloc": "#cc79a7"}


def write_plots(results: Results, folder: Path) -> None:
    if SYSTEM not in results.allocators():
        return
    for threads, word in ((1, "one thread"), (2, "two threads")):
        rows = results.rows(threads)
        if rows:
            _dots(folder / f"time-{threads}.svg", f"Time, {word} (ratio to {SYSTEM})",
                  [row.name for row in rows], _ratios(results, rows, results.time))
    rows = results.rows()
    _dots(folder / "memory.svg", f"Peak resident memory (ratio to {SYSTEM})",
          [str(row) for row in rows], _ratios(results, rows, results.memory))


def _ratios(results: Results, rows: list, value) -> dict:
    return {name: [value(row, name) / value(row, SYSTEM) for row in rows]
            for name in results.allocators()}


def _dots(path: Path, title: str, labels: list, ratios: dict) -> None:
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot, ticker
    figure, axes = pyplot.subplots(figsize=(9, 1.5 + 0.28 * len(labels)), layout="constrained")
    places = range(len(labels))
    for name, values in ratios.items():
        axes.scatter(values, places, label=name, color=COLOURS[name],
                     s=60 if name == OURS else 28, zorder=4 if name == OURS else 3)
    axes.axvline(1, color=COLOURS[SYSTEM], linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.grid(True, color="#e4e4e4", zorder=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(ratios), frameon=False)
    figure.suptitle(title)
    figure.savefig(path)
    pyplot.close(figure)
