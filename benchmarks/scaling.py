"""Does the time of a fit grow in proportion to rows, non-zeros and epochs?

Each is doubled several times, all else being equal, in alternating rounds and with one thread. The
figure shows medians, and beside them the straight line a + b · x that fits them best: a is what a
fit costs whatever x is, and on these axes bends the line.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _contenders import Estimator
from _results import provenance, write_json
from _timing import alternate
from _workloads import hashed, table
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "scaling.json"
FIGURE = ROOT / "docs" / "scaling.png"
N_THREADS = 1
DENSE, SPARSE = "dense, 20 columns", "CSR, 5000 columns"
COLORS = {DENSE: "#0072b2", SPARSE: "#d55e00"}


def _sparse(n_rows=2000, n_nonzero=100):
    return hashed(5000, n_rows, n_nonzero)


# Panel → (smallest value, number of doublings, series → value → (workload, epochs)).
PANELS = {
    "rows of each domain": (
        1000,
        5,
        {DENSE: lambda n: (table(n), 10), SPARSE: lambda n: (_sparse(n), 10)},
    ),
    "non-zeros a row": (16, 5, {SPARSE: lambda n: (_sparse(n_nonzero=n), 10)}),
    "epochs": (5, 5, {DENSE: lambda n: (table(), n), SPARSE: lambda n: (_sparse(), n)}),
}


def measure(panel, rounds, n_doublings=None):
    """Return one row for each series and value: the times of its fits."""
    smallest, default_doublings, series = PANELS[panel]
    n_doublings = default_doublings if n_doublings is None else n_doublings
    values = [smallest * 2**k for k in range(n_doublings + 1)]
    fits = {(name, value): _fit(*make(value)) for name, make in series.items() for value in values}
    runs = alternate(fits, rounds)
    return [
        {"panel": panel, "series": name, "value": value, "seconds": [run.seconds for run in found]}
        for (name, value), found in runs.items()
    ]


def _fit(workload, n_epochs):
    estimator = Estimator(workload)

    def fit():
        estimator(n_epochs).check(workload, n_epochs)

    return fit


def summarize(rows):
    """Return a frame of medians: beside them those of half the value, and the straight line."""
    frame = pd.DataFrame(rows)
    frame["seconds"] = [np.median(seconds) for seconds in frame["seconds"]]
    # Within a series values stand in order, each twice the one before.
    series = frame.groupby(["panel", "series"], sort=False)
    frame["times half"] = frame["seconds"] / series["seconds"].shift()
    frame["line"] = np.concatenate([_straight_line(points) for _, points in series])
    frame["off the line, %"] = 100 * (frame["seconds"] / frame["line"] - 1)
    return frame


def _straight_line(points):
    """Fit a + b · x with equal weight on relative errors, and return its values."""
    x, y = points["value"], points["seconds"]
    return np.polyval(np.polyfit(x, y, deg=1, w=1 / y), x)


def draw(frame, path):
    """Draw a panel for each thing that is doubled, all with the same scale of time."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for ax, panel in zip(axes, PANELS, strict=True):
        for name, points in frame[frame["panel"] == panel].groupby("series", sort=False):
            ax.plot(
                "value", "seconds", "o", data=points, color=COLORS[name], label=name, markersize=5
            )
            ax.plot("value", "line", data=points, color=COLORS[name], linewidth=1, label="_")
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ticks = sorted(frame.loc[frame["panel"] == panel, "value"].unique())
        ax.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks], fontsize="small")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(panel)
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].plot([], [], color="0.4", linewidth=1, label="a + b · x")
    axes[0].set_ylabel("seconds of a fit, one thread")
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main():
    """Run, print the table, write the JSON and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--doublings", type=int, help="instead of five")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument("--figure", type=Path, default=FIGURE, metavar="PATH")
    args = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    with threadpool_limits(N_THREADS):
        rows = [row for panel in PANELS for row in measure(panel, args.rounds, args.doublings)]
    frame = summarize(rows)
    print(frame.to_string(index=False, float_format="{:.2f}".format, na_rep=""))
    print(f"medians of {args.rounds} rounds, {N_THREADS} thread")
    settings = {"n_threads": N_THREADS, "rounds": args.rounds}
    write_json(args.json, {**provenance(), **settings, "fits": rows})
    draw(frame, args.figure)


if __name__ == "__main__":
    main()
