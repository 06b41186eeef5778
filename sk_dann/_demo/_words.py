"""Plain words about what is compared, where adapting helped and where it did not."""

import numpy as np

from ..estimators import DANNClassifier
from ._measure import ADAPTED, ALONE, LOGISTIC
from ._tables import summarize

_VERDICTS = (
    "helped",
    "raised AUC but cost accuracy",
    "raised accuracy but cost AUC",
    "did not help",
)


def introduce(demo, params, seeds):
    """Say what is compared, and with which settings."""
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return "\n".join(
        [
            demo.title,
            f"{ADAPTED:12} {DANNClassifier(**params)}, {named}",
            f"{'':12} (what is not shown is the estimator's default)",
            f"{ALONE:12} the same network, as long trained, with lambda_adapt=0",
            f"{LOGISTIC:12} logistic regression on the same {demo.prepared}, C by cross-validation",
            demo.labels_used,
        ]
    )


def verdict(row):
    """Judge by the three digits that the table shows.

    Returns
    -------
    {"helped", "raised AUC but cost accuracy", "raised accuracy but cost AUC", "did not help"}
        "helped" if one rose and the other did not fall; "did not help" if neither rose.
    """
    accuracy, auc = (
        round(row[measure, ADAPTED], 3) - round(row[measure, ALONE], 3)
        for measure in ("accuracy", "AUC")
    )
    if max(accuracy, auc) <= 0:
        return "did not help"
    if min(accuracy, auc) >= 0:
        return "helped"
    return "raised AUC but cost accuracy" if auc > 0 else "raised accuracy but cost AUC"


def describe(results, demo):
    """Return sentences: a line for each pair, then means, source and domains."""
    means, _ = summarize(results)
    pairs = means.drop(index="mean", errors="ignore")
    lines = _describe_pairs(pairs)
    if len(pairs) > 1:
        lines += ["", *_describe_mean(pairs)]
    return "\n".join([*lines, "", _describe_noise(pairs), *_describe_rest(means.iloc[-1], demo)])


def _describe_pairs(pairs):
    by_verdict = {name: [] for name in _VERDICTS}
    for pair, row in pairs.iterrows():
        found = verdict(row)
        by_verdict[found].append(
            f"Adapting {found} on {pair}: {_change(row, 'accuracy')}, {_change(row, 'AUC')}."
        )
    return [line for lines in by_verdict.values() for line in lines]


def _change(row, measure):
    return f"{measure} {_from_to(row, measure)}"


def _from_to(row, measure):
    return f"{row[measure, ALONE]:.3f} → {row[measure, ADAPTED]:.3f}"


def _describe_mean(pairs):
    parts = []
    for measure in ("accuracy", "AUC"):
        gain = pairs[measure, ADAPTED].round(3) - pairs[measure, ALONE].round(3)
        parts.append(
            f"{_change(pairs.mean(), measure)} ({gain.mean():+.3f} ±{gain.sem():.3f}; better on "
            f"{(gain > 0).sum()}, worse on {(gain < 0).sum()})"
        )
    return [f"Mean of the {len(pairs)} pairs: " + ",\n  ".join(parts) + "."]


def _describe_noise(pairs):
    rows = pairs["rows", "target"].to_numpy()
    accuracy = pairs["accuracy", ADAPTED].to_numpy()
    error = np.sqrt(accuracy * (1 - accuracy) / rows).max()
    n_rows = f"{rows.min():.0f}" if np.ptp(rows) == 0 else f"{rows.min():.0f} to {rows.max():.0f}"
    return (
        f"A pair's accuracy is measured on {n_rows} target rows, so it has a standard error of "
        f"up to ±{error:.3f}."
    )


def _describe_rest(row, demo):
    measure = "domains told apart (AUC)"
    told = {name: row[measure, name] for name in (demo.prepared, ALONE, ADAPTED)}
    harder = "harder" if round(told[ADAPTED], 3) < round(told[ALONE], 3) else "no harder"
    return [
        f"Held-back source rows: accuracy {_from_to(row, 'source accuracy')}.",
        f"A fresh classifier ({demo.judge_name}) finds the domains {harder} to tell apart after",
        f"adapting: AUC {_from_to(row, measure)} by the network's features; "
        f"by the {demo.prepared} itself {told[demo.prepared]:.3f}.",
    ]
