"""Which score chooses λ without target labels, and what does its choice cost?

For each task and seed `DANNClassifier` is trained with every λ of a grid: on five folds of the
source, from which the scores are computed as `DANNClassifierCV` does, and on all source rows, which
is what a user would get with that λ. That one's accuracy on the target's test rows is what choosing
is about; its regret is how far the chosen λ stays below the best of the grid. A run is appended to
--runs as soon as it is done, and not made again. The default score is chosen on half of the tasks
(`_selection_tasks.py`), the other half reports.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _amazon_cli import parse_param
from _results import provenance
from _selection_report import draw, print_report, summarize, write_results
from _selection_tasks import FAMILIES, HALVES, make_tasks
from no_harm import mean_auc
from tqdm import tqdm

from sk_dann import DANNClassifier
from sk_dann.estimators._assembly import MemberParams
from sk_dann.estimators._candidates import TrainedMembers
from sk_dann.estimators._folds import Fold, make_folds
from sk_dann.estimators._member_training import Training
from sk_dann.model_selection import get_scorer_names

RUNS = Path("model_selection.jsonl")
RESULTS = Path(__file__).parent / "results" / "model_selection.json"
N_THREADS = 1
LAMBDAS = (0, 0.03, 0.1, 0.3, 0.6, 1, 1.7, 3)
N_FOLDS = 5
# Scores and their options: with their defaults, and some in another form.
SCORES = {name: (name, {}) for name in get_scorer_names() if name != "oracle_accuracy"}
SCORES |= {
    "atc, max_proba": ("atc", {"confidence": "max_proba"}),
    "importance_weighted, likelihood": ("importance_weighted", {"metric": "log_likelihood"}),
    "deep_embedded_validation, likelihood": (
        "deep_embedded_validation",
        {"metric": "log_likelihood"},
    ),
}


class Clock(dict):
    """Seconds by name, of what happens in a `with` block."""

    def __call__(self, name):
        self._name = name
        return self

    def __enter__(self):
        self._start = time.perf_counter()

    def __exit__(self, *error):
        self[self._name] = self.get(self._name, 0) + time.perf_counter() - self._start


def train(estimator, data, folds, seed):
    """Train every λ on every fold, as members in the order of (λ, fold)."""
    training = Training.prepare(estimator, data, folds, seed)
    lam, fold = (each.ravel() for each in np.meshgrid(LAMBDAS, range(len(folds)), indexing="ij"))
    n_members = len(fold)
    alpha = np.full(n_members, estimator.alpha)
    return TrainedMembers(training, MemberParams([seed] * n_members, lam, alpha), fold)


def score(trained, clock):
    """Return name → scores of shape (n_lambdas, n_folds), with None for those that have none."""
    with clock("predict"):
        _ = trained.log_proba_source, trained.log_proba_target
    found = {}
    for name, (scorer, options) in SCORES.items():
        vars(trained.training).pop("_row_weights", None)  # each score pays for its own
        with clock(name):
            values, _ = trained.score(scorer, options)
        values = values.reshape(len(LAMBDAS), -1)
        found[name] = [[round(float(v), 6) if v == v else None for v in row] for row in values]
    return found


def measure(trained, data):
    """Return accuracy and AUC on the target's test rows of each λ, trained on all source rows."""
    classes = trained.training.estimator.classes_
    measured = {"accuracy": [], "AUC": []}
    for k in range(len(LAMBDAS)):
        proba = np.zeros((data.X_test.shape[0], 1 + max(classes.max(), data.y_test.max())))
        proba[:, classes] = np.exp(trained.ask(k, data.X_test).astype(float))
        measured["accuracy"].append(np.mean(proba.argmax(axis=1) == data.y_test))
        measured["AUC"].append(mean_auc(data.y_test, proba))
    return {name: [round(float(v), 5) for v in values] for name, values in measured.items()}


def run_task(task, seed, params):
    """Return what all λ and all scores come to."""
    torch.set_num_threads(N_THREADS)
    data = task.load(seed)
    estimator = DANNClassifier(**task.params | params)
    rows = estimator._read_data(data.X_src, data.y_src, data.X_tgt, None, None)
    source, target = np.arange(len(rows.y)), np.arange(len(rows.target_rows))
    everything = Fold(source, source[:0], target, target)
    clock = Clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with clock("train"):
            trained = train(estimator, rows, make_folds(N_FOLDS, rows, None), seed)
        scores = score(trained, clock)
        with clock("train on all"):
            on_all = train(estimator, rows, [everything], seed)
    return {
        **{"family": task.family, "half": task.half, "task": task.name, "seed": seed},
        **{"params": params, "lambdas": LAMBDAS},
        **measure(on_all, data),
        "scores": scores,
        "seconds": {name: round(seconds, 4) for name, seconds in clock.items()},
    }


def read_runs(path):
    """Return the runs in a file, without one that was cut off while it was written."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
        path.write_text("".join(lines), encoding="utf-8")
    return [json.loads(line) for line in lines]


def run_missing(tasks, seeds, params, path):
    """Make the runs that the file lacks, seed by seed, and append each to it."""
    done = {(run["family"], run["task"], run["seed"]) for run in read_runs(path)}
    jobs = [(task, seed) for seed in seeds for task in tasks]
    jobs = [(task, seed) for task, seed in jobs if (task.family, task.name, seed) not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    for task, seed in tqdm(jobs, unit="run", leave=False, disable=None):
        run = run_task(task, seed, params)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(run, ensure_ascii=False) + "\n")


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        *("--families",),
        **{"nargs": "*", "choices": FAMILIES, "default": list(FAMILIES)},
        help="none to report alone",
    )
    parser.add_argument("--halves", nargs="+", choices=HALVES, default=HALVES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--params", type=parse_param, nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="PATH")
    parser.add_argument("--no-report", action="store_true", help="make runs, no more")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument("--figure", type=Path, metavar="PATH", help="draw the regrets")
    args = parser.parse_args()
    args.params = dict(args.params)
    return args


def main():
    """Make runs, print the tables, write the JSON."""
    args = parse_args()
    run_missing(make_tasks(args.families, args.halves), args.seeds, args.params, args.runs)
    if args.no_report:
        return
    runs = read_runs(args.runs)
    summary = summarize(runs)
    print_report(summary)
    write_results(args.json, provenance(), summary, runs)
    if args.figure:
        draw(summary, args.figure)


if __name__ == "__main__":
    main()
