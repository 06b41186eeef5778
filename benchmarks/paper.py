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

from _amazon_cli import parse_task
from _paper_features import FEATURES
from _paper_networks import FULL, SMALL
from _paper_table import format_table, run_table, summarize_table
from _results import provenance, write_json
from _tasks import AMAZON_TASKS

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "paper.json"


def make_table(args, known):
    """Run Table 1 for some kinds of features; those that are not run stay as they are."""
    grid = SMALL if args.small else FULL
    about = {"grid": {name: list(values) for name, values in grid._asdict().items()}}
    found = dict(known.get("table", {}))
    for features in args.features:
        rows = run_table(features, args.tasks, grid, range(args.seeds), args.n_jobs, args.cache)
        means = summarize_table(rows)
        found[features] = provenance() | about | {"means": means, "runs": rows}
    print(format_table([row for part in found.values() for row in part["means"]]))
    print("* development task. ± standard error over seeds, which draw weights and rows held out.")
    return found


PARTS = {"table": make_table}


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--small", action="store_true", help="a smaller grid: λ .01, .1, 1")
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=FEATURES)
    parser.add_argument("--tasks", type=parse_task, nargs="+", default=AMAZON_TASKS)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keeps mSDA's features")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
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
