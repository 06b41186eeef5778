"""How often does the adaptation report decide, and how often is it right?

Each case is a shift between two domains. The report fits `DANNClassifier` with its defaults and the
same network without adaptation, in five pairs with other seeds and other folds of the source left
out, and gives its verdict without a label of the target. What adapting really brought is then read
off the same fits: accuracy and AUC on the target rows. A case counts where the accuracy gained or
lost exceeds one point and two standard errors over the pairs. The constants behind the verdict were
chosen on the development half alone.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _report_cases import HALVES, make_cases
from _results import provenance, write_json
from joblib import Parallel, delayed
from no_harm import mean_auc
from scipy import sparse
from tqdm import tqdm

from sk_dann import DANNClassifier
from sk_dann.inspection._paired_fits import fit_pairs
from sk_dann.inspection._signs import read_signs
from sk_dann.inspection._verdict import CANNOT_TELL, judge

RESULTS = Path(__file__).parent / "results" / "adaptation_report.json"
N_PAIRS = 5
MAX_TARGET_ROWS = 2000
WORTH_IT = 0.01


def target_of(domains):
    """Return the target's rows and labels, those for testing too where there are few others."""
    X = [domains.X_tgt, domains.X_test]
    X = sparse.vstack(X, format="csr") if sparse.issparse(X[0]) else np.concatenate(X)
    y = np.concatenate([domains.y_tgt, domains.y_test])
    n_rows = max(len(domains.y_tgt), min(len(y), MAX_TARGET_ROWS))
    return X[:n_rows], y[:n_rows]


def run_case(case, seed):
    """Return what the report said, what was true, and what was seen."""
    domains = case.load(seed)
    X_tgt, y_tgt = target_of(domains)
    n_classes = domains.y_src.max() + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = fit_pairs(
            DANNClassifier(),
            domains.X_src,
            domains.y_src,
            X_tgt,
            N_PAIRS,
            np.random.RandomState(seed),
            n_jobs=1,
        )
    signs = read_signs(pairs)
    found = judge(signs, pairs.classes)
    y = y_tgt[pairs.rows]
    measured = {}
    for name, measure in (("accuracy", _accuracy), ("AUC", mean_auc)):
        before, after = (
            np.array([measure(y, np.exp(each)) for each in side.log_proba_target])
            for side in (pairs.source_only, pairs.adapted)
        )
        measured |= {name: before.mean(), f"{name}_gain": (after - before).mean()}
        measured[f"{name}_gain_error"] = np.std(after - before, ddof=1) / np.sqrt(N_PAIRS)
    shares = np.bincount(y, minlength=n_classes) / len(y)
    return {
        "half": case.half,
        "group": case.group,
        "case": case.name,
        "verdict": found.verdict,
        "rule": found.rule,
        **measured,
        "share_shift": np.abs(shares - signs.class_shares).sum() / 2,
        "domain_accuracy": signs.domain_accuracy,
        "loss_of_confidence": signs.loss_of_confidence,
        "confidence_gain": signs.target_confidence.gain,
        "pull": signs.pull,
        "em_shift": signs.em_shift,
        "moved": signs.moved,
    }


def _accuracy(y, proba):
    return np.mean(proba.argmax(axis=1) == y)


def summarize(frame):
    """Return the cases that count, and for each half and group how often they were decided."""
    gain, error = frame["accuracy_gain"], frame["accuracy_gain_error"]
    counts = (gain.abs() > WORTH_IT) & (gain.abs() > 2 * error)
    cases = frame[counts].assign(
        decided=lambda f: f["verdict"] != CANNOT_TELL,
        right=lambda f: (f["verdict"] == "adapt") == (f["accuracy_gain"] > 0),
    )
    tables = []
    for keys in (["half"], ["half", "group"], ["half", "rule"]):
        grouped = cases.groupby(keys)
        table = pd.DataFrame(
            {
                "cases": grouped.size(),
                "gains": grouped["accuracy_gain"].apply(lambda gain: (gain > 0).sum()),
                "decided": grouped["decided"].sum(),
                "right": grouped.apply(lambda f: (f["decided"] & f["right"]).sum()),
            }
        ).reset_index()
        table["coverage"] = table["decided"] / table["cases"]
        table["right_of_decided"] = table["right"] / table["decided"].where(table["decided"] > 0)
        tables.append(table)
    return counts, tables


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--halves", nargs="*", choices=HALVES, default=HALVES)
    parser.add_argument("--seed", type=int, default=0, help="of rows, splits, folds and networks")
    parser.add_argument("--n-jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument("--add", type=Path, metavar="PATH", help="report over this file's runs too")
    return parser.parse_args()


def main():
    """Run, print the tables, write the JSON."""
    args = parse_args()
    runs = json.loads(args.add.read_text(encoding="utf-8"))["runs"] if args.add else []
    jobs = [delayed(run_case)(case, args.seed) for case in make_cases(args.halves)]
    new = Parallel(n_jobs=args.n_jobs, return_as="generator")(jobs)
    runs += tqdm(new, total=len(jobs), unit="case", leave=False, disable=None)
    frame = pd.DataFrame(runs)
    counts, tables = summarize(frame)
    print(f"{counts.sum()} of {len(frame)} cases count.")
    for table in tables:
        print(f"\n{table.round(3).to_string(index=False)}")
    names = ("halves", "groups", "rules")
    summary = {name: table.to_dict("records") for name, table in zip(names, tables, strict=True)}
    content = {**provenance(), "seed": args.seed, "n_pairs": N_PAIRS, **summary, "runs": runs}
    write_json(args.json, content)


if __name__ == "__main__":
    main()
