"""Amazon reviews, the paper's benchmark: DANN against the same network without adaptation.

tf-idf (sublinear) is fitted on the training rows of both domains. `source-only` is `DANN` with
lambda_adapt=0 and label_shift=None, so it takes the same steps and knows nothing of the target;
`logistic` is scikit-learn's logistic regression with its defaults. Measured on the target's test
rows.
"""

import argparse
import ast
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import mean_and_error, provenance, write_json
from _tasks import AMAZON_DEVELOPMENT_TASKS, AMAZON_TASKS
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from sk_dann import DANNClassifier
from sk_dann.datasets import fetch_amazon_reviews

RESULTS = Path(__file__).parent / "results" / "amazon.json"
N_THREADS = 1
MODELS = ("logistic", "source-only", "DANN")
# Ganin et al. (2016), Table 1: accuracy of DANN on the counts, and on mSDA's features.
PAPER = {
    ("books", "dvd"): (0.784, 0.829),
    ("books", "electronics"): (0.733, 0.804),
    ("books", "kitchen"): (0.779, 0.843),
    ("dvd", "books"): (0.723, 0.825),
    ("dvd", "electronics"): (0.754, 0.809),
    ("dvd", "kitchen"): (0.783, 0.849),
    ("electronics", "books"): (0.713, 0.774),
    ("electronics", "dvd"): (0.738, 0.781),
    ("electronics", "kitchen"): (0.854, 0.881),
    ("kitchen", "books"): (0.709, 0.718),
    ("kitchen", "dvd"): (0.740, 0.789),
    ("kitchen", "electronics"): (0.843, 0.856),
}
PAPER_COLUMNS = ("DANN", "mSDA+DANN")


def load(source, target):
    """Return source rows and labels, target rows, test rows and labels."""
    X_src, y_src, X_tgt, X_test, y_test = fetch_amazon_reviews(source, target, return_X_y=True)
    tfidf = TfidfTransformer(sublinear_tf=True).fit(sparse.vstack([X_src, X_tgt]))
    X_src, X_tgt, X_test = (tfidf.transform(X.astype(np.float32)) for X in (X_src, X_tgt, X_test))
    return X_src, y_src, X_tgt, X_test, y_test


def run_task(task, seeds, params):
    """Return for each seed (measure, model) → value."""
    torch.set_num_threads(N_THREADS)
    X_src, y_src, X_tgt, X_test, y_test = load(*task)

    def measure(name, model, *data):
        start = time.perf_counter()
        model.fit(*data)
        return {
            ("fit_seconds", name): time.perf_counter() - start,
            ("accuracy", name): model.score(X_test, y_test),
            ("AUC", name): roc_auc_score(y_test, model.decision_function(X_test)),
        }

    # Nothing in it is random.
    logistic = measure("logistic", LogisticRegression(), X_src, y_src)
    runs = []
    for seed in seeds:
        dann = DANNClassifier(**params, random_state=seed)
        alone = clone(dann).set_params(lambda_adapt=0.0, label_shift=None)
        runs.append(
            logistic
            | measure("source-only", alone, X_src, y_src, X_tgt)
            | measure("DANN", dann, X_src, y_src, X_tgt)
        )
    return runs


def run_all(tasks, seeds, params, n_jobs):
    """Return a frame: a row for each task and seed, columns (measure, model)."""
    runs = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(run_task)(task, seeds, params) for task in tasks
    )
    progress = tqdm(runs, total=len(tasks), unit="task", leave=False, disable=None)
    frame = pd.DataFrame([row for rows in progress for row in rows])
    frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    frame.index = pd.MultiIndex.from_product(
        [["→".join(task) for task in tasks], seeds], names=["task", "seed"]
    )
    return frame


def groups_of(tasks):
    """Return name → tasks: those that may decide something are averaged apart."""
    development = [task for task in tasks if task in AMAZON_DEVELOPMENT_TASKS]
    others = [task for task in tasks if task not in AMAZON_DEVELOPMENT_TASKS]
    groups = {"all": tasks, "development": development, "others": others}
    return {name: members for name, members in groups.items() if members}


def summarize(frame, tasks):
    """Return label → (measure, model) → (mean, standard error over seeds), and the paper's.

    The error of a mean over tasks is that of the per-seed means: seeds are what is random here.
    """
    rows = {"→".join(task): [task] for task in tasks}
    rows |= {f"mean of {name} ({len(group)})": group for name, group in groups_of(tasks).items()}
    summary = {}
    for label, members in rows.items():
        per_seed = frame.loc[["→".join(task) for task in members]].groupby("seed").mean()
        summary[label] = {column: mean_and_error(per_seed[column]) for column in per_seed}
        paper = np.mean([PAPER[task] for task in members], axis=0)
        for name, accuracy in zip(PAPER_COLUMNS, paper, strict=True):
            summary[label]["paper's accuracy", name] = (accuracy, np.nan)
    return summary


def format_table(summary):
    """Return the summary as text; development tasks have a star."""
    columns = [("accuracy", model) for model in MODELS]
    columns += [("paper's accuracy", name) for name in PAPER_COLUMNS]
    columns += [("AUC", model) for model in MODELS]
    stars = {"→".join(task) for task in AMAZON_DEVELOPMENT_TASKS}
    cells = {
        label + "*" * (label in stars): [_format_cell(*row[column]) for column in columns]
        for label, row in summary.items()
    }
    table = pd.DataFrame.from_dict(cells, orient="index")
    table.columns = pd.MultiIndex.from_tuples(columns)
    return table.to_string()


def _format_cell(mean, error):
    return f"{mean:.3f}±{error:.3f}" if error > 0 else f"{mean:.3f}"


def to_json(frame, summary, args):
    """Return everything as what JSON can hold."""
    runs = [
        {"task": task, "seed": seed, "model": model, "measure": measure, "value": value}
        for (task, seed), row in frame.iterrows()
        for (measure, model), value in row.items()
    ]
    means = [
        {"of": label, "measure": measure, "model": model, "mean": mean}
        | ({} if np.isnan(error) else {"standard_error": error})
        for label, row in summary.items()
        for (measure, model), (mean, error) in row.items()
    ]
    settings = {"params": args.params, "n_threads": N_THREADS, "n_jobs": args.n_jobs}
    return {**provenance(), **settings, "means": means, "runs": runs}


def parse_task(text):
    """Read a task such as dvd-books."""
    task = tuple(text.split("-"))
    if task not in AMAZON_TASKS:
        raise argparse.ArgumentTypeError(f"no such task: {text!r}; one is dvd-books")
    return task


def parse_param(text):
    """Read key=value, the value as a Python literal or else as a string."""
    key, _, value = text.partition("=")
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--tasks", type=parse_task, nargs="+", default=AMAZON_TASKS)
    parser.add_argument("--params", type=parse_param, nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    args = parser.parse_args()
    args.params = dict(args.params)
    return args


def main():
    """Run, print the table, write the JSON."""
    args = parse_args()
    frame = run_all(args.tasks, range(args.seeds), args.params, args.n_jobs)
    summary = summarize(frame, args.tasks)
    print(DANNClassifier(**args.params), f"{args.seeds} seed(s)", sep=", ")
    print(format_table(summary))
    print("* development task: defaults were chosen on it. ± standard error over seeds.")
    write_json(args.json, to_json(frame, summary, args))


if __name__ == "__main__":
    main()
