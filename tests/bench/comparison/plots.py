# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ratios to the C library, a line a row, a mark an allocator; SVG."""

import statistics
from pathlib import Path

from .allocators import CACHED, OURS, SYSTEM
from .measure import BY_THREADS, Results
from .summary import geometric_mean

# Colour and shape, so that they are told apart without the colour too.
MARKS = {OURS: ("#c1272d", "D"), CACHED: ("#7b1fa2", "s"), SYSTEM: ("#666666", "|"),
         "mimalloc": ("#0072b2", "o"), "jemalloc": ("#e69f00", "^"), "tcmalloc": ("#009e73", "v"),
         "tbbmalloc": ("#cc79a7", "P")}
# Of those that have been given by path.
OTHER_MARKS = [("#56b4e9", "X"), ("#8c564b", "p"), ("#7f7f00", "*"), ("#000000", "h")]
MEAN = "geometric mean"


def write_plots(results: Results, folder: Path) -> None:
    if SYSTEM not in results.allocators():
        return
    panels = []
    for group, suffix in zip(BY_THREADS, ("1", "2", "more")):
        rows = results.rows(group)
        if rows:
            panels.append((f"time, {group.name}", _ratios(results, rows, results.times)))
            _plot(folder / f"time-{suffix}.svg", f"Time of an operation, {group.name}", "time",
                  [MEAN, *(row.name if len({r.threads for r in rows}) == 1 else str(row) for row in rows)],
                  _with_mean(panels[-1][1]))
    rows = results.rows()
    panels.append(("peak memory", _ratios(results, rows, results.memories)))
    _plot(folder / "memory.svg", "Peak resident memory", "memory",
          [MEAN, *(str(row) for row in rows)], _with_mean(panels[-1][1]))
    _plot(folder / "summary.svg", "Geometric means over all rows", "time, memory",
          [label for label, _ in panels],
          {name: [_mean(ratios[name]) for _, ratios in panels] for name in results.allocators()})


def _ratios(results: Results, rows: list, values) -> dict:
    """For each allocator and row: the ratio of medians, and its least and greatest of all rounds, where only the
    allocator's own figures scatter."""
    def ratio(row, name):
        system = statistics.median(values(row, SYSTEM))
        own = [value / system for value in values(row, name)]
        return statistics.median(own), min(own), max(own)
    return {name: [ratio(row, name) for row in rows] for name in results.allocators()}


def _mean(ratios: list) -> tuple:
    return tuple(geometric_mean(column) for column in zip(*ratios))


def _with_mean(ratios: dict) -> dict:
    return {name: [_mean(values), *values] for name, values in ratios.items()}


def _marks(names) -> dict:
    others = [name for name in names if name not in MARKS]
    return MARKS | {name: OTHER_MARKS[number % len(OTHER_MARKS)] for number, name in enumerate(others)}


def _plot(path: Path, title: str, what: str, labels: list, ratios: dict) -> None:
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "rsbmalloc"  # so that the same figures give the same file
    from matplotlib import pyplot, ticker
    height = 0.1 * len(ratios) + 0.12  # of a row: each allocator has a line of its own, so that ties are seen
    figure, axes = pyplot.subplots(figsize=(9, 1.9 + height * len(labels)), layout="constrained")
    marks = _marks(ratios)
    for number, (name, values) in enumerate(ratios.items()):
        colour, shape = marks[name]
        places = [row + 0.8 * ((number + 0.5) / len(ratios) - 0.5) for row in range(len(labels))]
        middle, least, most = zip(*values)
        axes.hlines(places, least, most, color=colour, linewidth=1.2, zorder=3)
        axes.scatter(middle, places, label=name, color=colour, marker=shape, s=26, zorder=4)
    for row in range(len(labels)):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", zorder=0)
    axes.axvline(1, color=MARKS[SYSTEM][0], linewidth=1, zorder=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel(f"{what} ÷ {SYSTEM}'s: less is better; lines: least and most of all rounds")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if labels[0] == MEAN:
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.axhline(0.5, color="#999999", linewidth=0.8)
    axes.grid(True, axis="x", color="#dddddd", zorder=0.5)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=4, frameon=False)
    figure.suptitle(title)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
