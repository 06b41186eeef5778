"""Table 1 of the paper: three methods on two kinds of features, twelve tasks."""

import numpy as np
import pandas as pd
import torch
from _amazon_report import label_rows
from _paper_features import MAKERS, by_pair
from _paper_networks import METHODS, measure_methods
from _paper_numbers import published_mean
from _results import mean_and_error
from _tasks import AMAZON_DEVELOPMENT_TASKS, AMAZON_TASKS
from joblib import Memory, Parallel, delayed
from tqdm import tqdm


def sides_of(features, pair, cache=None):
    """Return domain → Side for the features of a pair, kept in the folder `cache`."""
    make = Memory(cache, verbose=0, mmap_mode="r" if cache else None).cache(MAKERS[features])
    return make(tuple(sorted(pair)))


def run_pair(features, tasks, grid, seeds, params, cache):
    """Measure all methods on tasks of one pair of domains; return rows for the table."""
    torch.set_num_threads(1)
    sides = sides_of(features, tasks[0], cache)
    rows = []
    for source, target in tasks:
        X_src, y_src, _, _ = sides[source]
        X_tgt, _, X_test, y_test = sides[target]
        for seed in seeds:
            rows_of_task = X_src, y_src, X_tgt, X_test, y_test
            found = measure_methods(features, *rows_of_task, grid, seed, **params)
            about = {"task": f"{source}→{target}", "features": features, "seed": seed}
            rows += [about | {"method": name} | numbers for name, numbers in found.items()]
    return rows


def run_table(features, tasks, grid, seeds, params, n_jobs, cache=None):
    """Return a row for each task, seed and method; networks have `params`."""
    jobs = [delayed(run_pair)(features, own, grid, seeds, params, cache) for own in by_pair(tasks)]
    runs = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs)
    progress = tqdm(runs, total=len(jobs), unit="pair", leave=False, disable=None)
    return [row for rows in progress for row in rows]


def summarize_table(rows):
    """Return for each group of tasks, features and method the means, and the paper's."""
    frame = pd.DataFrame(rows)
    tasks = [task for task in AMAZON_TASKS if "→".join(task) in set(frame["task"])]
    summary = []
    for label, members in label_rows(tasks).items():
        own = frame[frame["task"].isin(["→".join(task) for task in members])]
        for (features, method), part in own.groupby(["features", "method"], sort=False):
            per_seed = part.groupby("seed")[["accuracy", "AUC"]].mean()
            mean, error = mean_and_error(per_seed["accuracy"])
            row = {"of": label, "features": features, "method": method, "accuracy": mean}
            row |= {} if np.isnan(error) else {"standard_error": error}
            row |= {"AUC": per_seed["AUC"].mean()}
            row["paper"] = published_mean((features, method), members)
            summary.append(row)
    return summary


def format_table(summary):
    """Return the table as text, ours and the paper's side by side."""
    stars = {"→".join(task) for task in AMAZON_DEVELOPMENT_TASKS}
    columns = {(row["features"], row["method"]): None for row in sorted(summary, key=_place)}
    cells = {}
    for row in summary:
        label = row["of"] + "*" * (row["of"] in stars)
        error = row.get("standard_error", 0)
        ours = f"{row['accuracy']:.3f}" + (f"±{error:.3f}" if error > 0 else "")
        own = cells.setdefault(label, {})
        own[*_key(row), "ours"], own[*_key(row), "paper"] = ours, f"{row['paper']:.3f}"
    table = pd.DataFrame.from_dict(cells, orient="index")
    order = [(*key, who) for key in columns for who in ("ours", "paper")]
    table = table[order]
    table.columns = pd.MultiIndex.from_tuples(order)
    return table.to_string()


def _key(row):
    return row["features"], row["method"]


def _place(row):
    return list(MAKERS).index(row["features"]), METHODS.index(row["method"])
