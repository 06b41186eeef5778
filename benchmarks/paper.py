"""The shallow experiments of Ganin et al., JMLR 2016: Table 1, Figure 2 and Figure 3.

`table`: accuracy on the twelve Amazon tasks of DANN, of NN, the same network without adaptation,
and of a linear SVM, on the counts and on mSDA's features, beside the paper's numbers. All
hyper-parameters are chosen by reverse validation, out of the paper's grid.

`moons`: what adapting does to the boundaries of a small network.

`distances`: proxy A-distances of the domains before and after adapting. It takes the
hyper-parameters that `table` chose.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from _amazon_cli import parse_task
from _paper_distances import draw_distances, means_of, measure_distances
from _paper_features import FEATURES
from _paper_moons import LAMBDAS, SETTINGS, draw_moons, fit_moons, measure_moons, summarize_moons
from _paper_networks import FULL, SMALL
from _paper_table import format_table, run_table, summarize_table
from _results import provenance, write_json
from _tasks import AMAZON_TASKS

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "paper.json"
PICTURES = HERE.parent / "docs"


def make_table(args, known):
    """Run Table 1 for some kinds of features; those that are not run stay as they are."""
    grid = SMALL if args.small else FULL
    about = {"grid": {name: list(values) for name, values in grid._asdict().items()}}
    params = {}
    if args.epochs is not None:
        params = {"max_iter": args.epochs, "early_stopping": False}
    about["params"] = params
    found = dict(known.get("table", {}))
    for features in args.features:
        seeds = range(args.seeds)
        rows = run_table(features, args.tasks, grid, seeds, params, args.n_jobs, args.cache)
        means = summarize_table(rows)
        found[features] = provenance() | about | {"means": means, "runs": rows}
    print(format_table([row for part in found.values() for row in part["means"]]))
    print("* development task. ± standard error over seeds, which draw weights and rows held out.")
    return found


def make_moons(args, known):
    """Fit both networks of Figure 2 with several seeds, and draw those of the first."""
    runs = []
    for seed in range(args.seeds):
        data, models = fit_moons(seed)
        runs.append({"seed": seed, "measured": measure_moons(data, models)})
        if seed == 0:
            draw_moons(data, models, args.pictures / "paper_moons.png")
    means = summarize_moons(runs)
    print(pd.DataFrame(means).to_string(index=False, float_format="%.3f"))
    settings = {"lambdas": LAMBDAS, "params": SETTINGS}
    return provenance() | settings | {"means": means, "runs": runs}


def make_distances(args, known):
    """Measure and draw the distances of Figure 3."""
    if "table" not in known:
        raise SystemExit("distances takes the parameters that table chose: run table first.")
    distances = measure_distances(args.tasks, known["table"], args.n_jobs, args.cache)
    means = means_of(distances)
    table = pd.DataFrame.from_dict(distances, orient="index")
    table.loc["mean"] = pd.Series(means)
    print(table.to_string(float_format="%.2f"))
    draw_distances(distances, args.pictures / "paper_distances.png")
    return provenance() | {"means": means, "distances": distances}


PARTS = {"table": make_table, "moons": make_moons, "distances": make_distances}


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=list(PARTS), metavar="PART")
    parser.add_argument("--small", action="store_true", help="a smaller grid: λ .01, .1, 1")
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=FEATURES)
    parser.add_argument("--tasks", type=parse_task, nargs="+", default=AMAZON_TASKS)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--epochs", type=int, help="train as many, without early stopping")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keeps mSDA's features")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument("--pictures", type=Path, default=PICTURES, metavar="FOLDER")
    return parser.parse_args()


def main():
    """Run the parts, print tables, write JSON; parts that are not run stay as they are."""
    args = parse_args()
    known = json.loads(args.json.read_text(encoding="utf-8")) if args.json.exists() else {}
    for part in args.parts or PARTS:
        known[part] = PARTS[part](args, known)
        write_json(args.json, known)


if __name__ == "__main__":
    main()
