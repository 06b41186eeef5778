"""Does adapting do harm where class shares differ between the domains?

Amazon reviews with .1 to .9 of positives in the target (.5 is no shift), natural tables, data of
several classes, made-up shapes. All networks are `DANNClassifier` with its defaults, same input,
seeds and steps: `source-only` has lambda_adapt=0, `plain DANN` is the default, `estimate` has
label_shift="estimate", and `oracle` is told the target's true class shares. `moved` is source-only
with its decision moved to the estimated shares. `target-trained` is source-only trained on the
target's training rows and their labels: the limit. `LogisticRegression` and `HistGradientBoosting`
(dense columns only) are scikit-learn's, on the source. The seed draws rows and splits too. Measured
on the target's test rows.
"""

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _no_harm_report import GROUPS, draw, print_report, summarize
from _results import provenance, write_json
from _shapes import SHAPE_SHIFTS, TROUBLES, load_moons, load_shape
from _shifted import (
    CLASS_SHARES,
    DIGITS_CHANGES,
    DRIFTED,
    POSITIVE_SHARES,
    load_classes,
    load_reviews,
)
from _table_rows import load_table
from _tables import DEVELOPMENT_TABLES, REPORTED_TABLES
from _tasks import AMAZON_DEVELOPMENT_TASKS, AMAZON_TASKS
from joblib import Parallel, delayed
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from sk_dann import DANNClassifier, exceptions

RESULTS = Path(__file__).parent / "results" / "no_harm.json"
N_THREADS = 1
# A common one until there are warnings of its own.
GUARD = getattr(exceptions, "AdaptationWarning", ())


@dataclass(frozen=True)
class Task:
    """What is fitted: `load` takes a seed. Means are taken over tasks of one group and shift."""

    group: str
    shift: str
    name: str
    load: partial


def make_tasks(groups):
    """Return the tasks of the groups."""
    tasks = []
    for pair in AMAZON_TASKS:
        group = "amazon" if pair in AMAZON_DEVELOPMENT_TASKS else "amazon-others"
        tasks += [
            Task(group, f"{share}", "→".join(pair), partial(load_reviews, pair, share))
            for share in POSITIVE_SHARES
        ]
    for group, tables in (("tables", DEVELOPMENT_TABLES), ("tables-reported", REPORTED_TABLES)):
        tasks += [Task(group, "", table.name, partial(load_table, table)) for table in tables]
    classes = [("classes", "digits", change) for change in DIGITS_CHANGES]
    classes += [("classes-reported", data, "drifted") for data in DRIFTED]
    for group, data, change in classes:
        tasks += [
            Task(group, shift, f"{data} {change}", partial(load_classes, data, change, shift))
            for shift in CLASS_SHARES
        ]
    tasks += [
        Task("shapes", f"{share}", "moons", partial(load_moons, share)) for share in POSITIVE_SHARES
    ]
    for trouble in TROUBLES:
        tasks += [
            Task("shapes", shift, trouble, partial(load_shape, trouble, shift))
            for shift in SHAPE_SHIFTS
        ]
    return [task for task in tasks if task.group in groups]


def make_models(data, target_shares, seed):
    """Return name → unfitted model and what it is fitted on."""
    source, target = (data.X_src, data.y_src), (data.X_tgt, data.y_tgt)
    both = (*source, data.X_tgt)
    plain = DANNClassifier(label_shift=None, random_state=seed)
    alone = clone(plain).set_params(lambda_adapt=0.0)
    models = {
        "source-only": (alone, both),
        "plain DANN": (plain, both),
        "estimate": (clone(plain).set_params(label_shift="estimate"), both),
        "oracle": (clone(plain).set_params(label_shift=target_shares), both),
        "LogisticRegression": (LogisticRegression(max_iter=1000), source),
    }
    if not issparse(data.X_src):
        trees = HistGradientBoostingClassifier(random_state=seed)
        models["HistGradientBoosting"] = (trees, source)
    if np.count_nonzero(target_shares) > 1:
        models["target-trained"] = (clone(alone), target)
    return models


def predict_proba(model, X, n_classes):
    """Return a column for every class of the source, zeros for those the model never saw."""
    proba = np.zeros((X.shape[0], n_classes))
    proba[:, model.classes_] = model.predict_proba(X)
    return proba


def move(proba, old_shares, new_shares):
    """Return log-probabilities, up to a constant a row, for other class shares."""
    occurs = old_shares > 0
    ratio = np.divide(new_shares, old_shares, out=np.zeros(len(old_shares)), where=occurs)
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(proba, dtype=float)) + np.log(ratio)


def mean_recall(y, predicted):
    """Return the mean over the classes that occur of the share of rows that are recognized."""
    return np.mean([np.mean(predicted[y == k] == k) for k in np.unique(y)])


def mean_auc(y, proba):
    """Return the mean AUC of one class against the rest, of classes that occur; NaN for one class.

    By log-odds: probabilities near one are all the same in float32.
    """
    if len(np.unique(y)) == 1:
        return np.nan
    proba = np.maximum(np.asarray(proba, dtype=float), np.finfo(np.float32).tiny)
    classes = np.unique(y)[-1:] if proba.shape[1] == 2 else np.unique(y)
    rest = [np.delete(proba, k, axis=1).sum(axis=1) for k in classes]
    scores = [np.log(proba[:, k]) - np.log(r) for k, r in zip(classes, rest, strict=True)]
    return np.mean([roc_auc_score(y == k, s) for k, s in zip(classes, scores, strict=True)])


def measure(proba, shares, y):
    """Measure probabilities that hold for these class shares."""
    equal = np.full(len(shares), 1 / len(shares))
    return {
        "accuracy": np.mean(proba.argmax(axis=1) == y),
        "AUC": mean_auc(y, proba),
        "balanced": mean_recall(y, move(proba, shares, equal).argmax(axis=1)),
    }


def run_task(task, seed):
    """Return a record for each model."""
    torch.set_num_threads(N_THREADS)
    data = task.load(seed)
    n_classes = data.y_src.max() + 1
    source_shares, target_shares = (
        np.bincount(y, minlength=n_classes) / len(y) for y in (data.y_src, data.y_tgt)
    )
    n_target = data.X_tgt.shape[0] + data.X_test.shape[0]
    about = {"group": task.group, "shift": task.shift, "task": task.name, "seed": seed}
    about["rows"] = min(len(data.y_src), n_target)
    records, probas, decided_for = [], {}, {}
    for name, (model, fitted_on) in make_models(data, target_shares, seed).items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # What is trained on the target's labels has nothing to adapt to.
            warnings.simplefilter("ignore", exceptions.NoTargetWarning)
            start = time.perf_counter()
            model.fit(*fitted_on)
            seconds = time.perf_counter() - start
        probas[name] = predict_proba(model, data.X_test, n_classes)
        shares = getattr(model, "target_class_shares_", source_shares)
        if name == "target-trained":
            shares = target_shares
        decided_for[name] = shares
        records.append(
            about
            | {"model": name, "fit_seconds": seconds}
            | measure(probas[name], shares, data.y_test)
            | {
                "share_error": np.abs(shares - target_shares).mean(),
                "warnings": sorted({w.category.__name__ for w in caught}),
                "guard": any(issubclass(w.category, GUARD) for w in caught),
            }
        )
    moved = move(probas["source-only"], source_shares, decided_for["estimate"])
    moved = np.exp(moved - moved.max(axis=1, keepdims=True))
    records.append(
        about | {"model": "moved"} | measure(moved, decided_for["estimate"], data.y_test)
    )
    return records


def run_all(tasks, seeds, n_jobs):
    """Return a record for each task, seed and model."""
    jobs = [delayed(run_task)(task, seed) for task in tasks for seed in seeds]
    runs = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    progress = tqdm(runs, total=len(jobs), unit="task", leave=False, disable=None)
    return [record for records in progress for record in records]


def read_added(paths, groups):
    """Return the contents of earlier files, none of which holds a group that is there already."""
    added = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    found = [*groups, *(g for earlier in added for g in {run["group"] for run in earlier["runs"]})]
    twice = {group for group in found if found.count(group) > 1}
    if twice:
        raise SystemExit(f"--groups and --add give these groups twice: {sorted(twice)}")
    return added


def to_json(frame, summary, args, added):
    """Return everything as what JSON can hold."""
    settings = {"groups": args.groups, "seeds": args.seeds, "n_threads": N_THREADS}
    settings |= {"n_jobs": args.n_jobs}
    results = {"runs", *summary}
    settings["added"] = [
        {key: value for key, value in earlier.items() if key not in results} for earlier in added
    ]
    content = {**provenance(), **settings, **summary}
    if not args.no_runs:
        content["runs"] = [
            {k: value for k, value in record.items() if not (np.isscalar(value) and pd.isna(value))}
            for record in frame.to_dict("records")
        ]
    return content


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--groups", nargs="*", choices=GROUPS, default=GROUPS, help="none to report --add alone"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--n-jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument(
        "--add",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="report over the runs of these earlier files too",
    )
    parser.add_argument(
        "--no-runs", action="store_true", help="leave single runs out of the JSON, for a small one"
    )
    parser.add_argument("--figure", type=Path, metavar="PATH", help="draw accuracy against shift")
    return parser.parse_args()


def main():
    """Run, print the tables, write the JSON."""
    args = parse_args()
    added = read_added(args.add, args.groups)
    runs = [run for earlier in added for run in earlier["runs"]]
    runs += run_all(make_tasks(args.groups), range(args.seeds), args.n_jobs)
    frame = pd.DataFrame(runs)
    summary = summarize(frame)
    print_report(summary)
    write_json(args.json, to_json(frame, summary, args, added))
    if args.figure:
        draw(summary, args.figure)


if __name__ == "__main__":
    main()
