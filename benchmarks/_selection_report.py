"""Regret, rank correlation and cost of the scores, out of the runs of `model_selection.py`."""

import json

import numpy as np
import pandas as pd
from _results import mean_and_error
from _selection_rules import DEFAULT, baselines, choose, scores, variants
from _selection_tasks import CHOOSE, HALVES
from matplotlib.figure import Figure
from scipy.stats import spearmanr

ABOUT = ("family", "half", "rule")
# Of the mean regret, and of the worst task's, in points of accuracy.
GOALS = {"amazon": (0.5, None), "tables": (0.3, 2.0), "tables-estimate": (0.3, 2.0)}


def condense(run):
    """Return a run with the mean over folds, and its standard error, of each score."""
    found = {}
    for name, values in run["scores"].items():
        if isinstance(values, dict):  # is condensed already
            return run
        values = np.asarray(values, dtype=float)
        mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        found[name] = {"mean": _numbers(mean, 6), "error": _numbers(error, 2)}
    return run | {"scores": found}


def _numbers(values, digits):
    """Return significant digits, and None for NaN, which JSON has no word for."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values]


def rules_of(run):
    """Return name → rule, for a run's scores."""
    names = list(run["scores"])
    return baselines(run["lambdas"]) | scores(names), variants(names)


def judge(run, rule):
    """Return what a rule chooses and what that is worth, in points of the target's measures."""
    accuracy, auc = (100 * np.asarray(run[name], dtype=float) for name in ("accuracy", "AUC"))
    utility = rule(run)
    k = choose(utility)
    return {
        "lambda": run["lambdas"][k],
        "regret": accuracy.max() - accuracy[k],
        "gain": accuracy[k] - accuracy[0],
        "AUC_gain": auc[k] - auc[0],
        "rank_correlation": rank_correlation(utility, accuracy),
    }


def rank_correlation(utility, accuracy):
    """Return Spearman's correlation; 0 for a score that is the same for all, NaN for no order."""
    there = np.isfinite(utility)
    if there.sum() < 2 or np.ptp(accuracy[there]) == 0:
        return np.nan
    if np.ptp(utility[there]) == 0:
        return 0.0
    return spearmanr(utility[there], accuracy[there]).statistic


def oracle(run):
    """Return the accuracy itself, as the rule that nobody has."""
    return np.asarray(run["accuracy"], dtype=float)


def judge_all(runs):
    """Return a frame with a row for each run and rule; of the choosing half those tried too."""
    records = []
    for run in runs:
        simple, tried = rules_of(run)
        rules = simple | {"oracle": oracle} | (tried if run["half"] == CHOOSE else {})
        about = {key: run[key] for key in ("family", "half", "task", "seed")}
        for name, rule in rules.items():
            seconds = run["seconds"].get(name, np.nan) / run["seconds"]["train"]
            found = about | {"rule": name, "tried": name in tried, "cost": seconds}
            found |= judge(run, rule)
            if name.startswith("always"):
                found["rank_correlation"] = np.nan  # it ranks nothing
            records.append(found)
    return pd.DataFrame(records)


def summarize(runs):
    """Return means and worst tasks of every rule in each family and half, and the goals."""
    frame = judge_all([condense(run) for run in runs])
    rows = []
    for (family, half, rule), own in frame.groupby(list(ABOUT), sort=False):
        rows.append({"family": family, "half": half, "rule": rule} | summarize_rule(own))
    return {"rules": without_nan(rows), "goals": goals(rows)}


def summarize_rule(own):
    """Return the numbers of one rule in one family and half: means over tasks.

    The error of a mean is that of the per-seed means: seeds are what is random here.
    """
    per_task = own.groupby("task")["regret"].mean()
    found = {"tried": bool(own["tried"].iloc[0]), "runs": len(own), "tasks": len(per_task)}
    for name in ("regret", "gain", "AUC_gain"):
        mean, error = mean_and_error(own.groupby("seed")[name].mean())
        found |= {name: mean, f"{name}_error": error}
    found |= {"worst_regret": per_task.max(), "worst_task": per_task.idxmax()}
    found |= {name: own[name].mean() for name in ("rank_correlation", "cost")}
    return found


def without_nan(rows):
    """Leave out NaN, round the rest."""
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items() if v == v}
        for row in rows
    ]


def goals(rows):
    """Return issue 13's goals for the default, and what was reached."""
    found = []
    for row in rows:
        if row["rule"] != DEFAULT or row["family"] not in GOALS:
            continue
        about = {key: row[key] for key in ABOUT}
        for name, limit in zip(("regret", "worst_regret"), GOALS[row["family"]], strict=True):
            if limit is not None:
                value = round(float(row[name]), 4)
                found.append(
                    about | {"goal": f"{name} ≤ {limit}", "value": value, "reached": value <= limit}
                )
    return found


def format_table(rows):
    """Return a table in Markdown, of one family and half."""
    lines = [
        "| rule | regret | worst task | accuracy gained | AUC gained | rank correlation | cost |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["rule"],
            _with_error(row, "regret", ""),
            f"{row['worst_regret']:.1f} ({row['worst_task']})",
            _with_error(row, "gain", "+"),
            _with_error(row, "AUC_gain", "+"),
            f"{row['rank_correlation']:+.2f}" if "rank_correlation" in row else "",
            f"{row['cost']:.3f}" if "cost" in row else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _with_error(row, name, sign):
    error = row.get(f"{name}_error")
    return f"{row[name]:{sign}.2f}" + ("" if error is None else f" ± {error:.2f}")


def print_report(summary):
    """Print a table for each family and half, those rules that were tried after the scores."""
    rows = summary["rules"]
    for family in dict.fromkeys(row["family"] for row in rows):
        for half in HALVES:
            own = [row for row in rows if (row["family"], row["half"]) == (family, half)]
            for tried in (False, True):
                part = [row for row in own if row["tried"] == tried]
                if not part:
                    continue
                if tried:
                    part = sorted(part, key=lambda row: row["regret"])
                title = f"{family}, {half}: {part[0]['tasks']} tasks, {part[0]['runs']} runs"
                print(f"\n## {title}{', tried' * tried}\n\n{format_table(part)}")
    if summary["goals"]:
        print(f"\n## Goals\n\n{pd.DataFrame(summary['goals']).to_string(index=False)}")


def write_results(path, about, summary, runs):
    """Write JSON with a line for each rule and run: thousands of numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    lists = {**summary, "runs": [condense(run) for run in runs]}
    for key, rows in lists.items():
        lines = ",\n".join(
            json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows
        )
        parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def draw(summary, path):
    """Draw the mean regret of each score, a panel a family, the halves apart."""
    rows = [row for row in summary["rules"] if not row["tried"] and row["rule"] != "oracle"]
    families = list(dict.fromkeys(row["family"] for row in rows))
    names = shown_rules(rows)
    n_rows = -(-len(families) // 4)
    figure = Figure(figsize=(13, 1 + 0.24 * len(names) * n_rows), layout="constrained")
    all_axes = figure.subplots(n_rows, min(4, len(families)), sharey=True, squeeze=False).ravel()
    for axes, family in zip(all_axes, families, strict=False):
        for half, marker, face in zip(HALVES, "oo", ("white", "C0"), strict=True):
            own = [r for r in rows if (r["family"], r["half"]) == (family, half)]
            own = {row["rule"]: row for row in own}
            places = [i for i, name in enumerate(names) if name in own]
            found = [own[names[i]] for i in places]
            axes.errorbar(
                [row["regret"] for row in found],
                places,
                xerr=[row.get("regret_error", 0) for row in found],
                fmt=marker,
                color="C0",
                markerfacecolor=face,
                label=f"tasks that {half}",
            )
        axes.set(title=family, xlim=(0, None))
        axes.set_yticks(range(len(names)), names)
        axes.grid(axis="y", alpha=0.3)
    for axes in all_axes[len(families) :]:
        axes.set_visible(False)
    all_axes[0].invert_yaxis()
    handles = all_axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("Mean regret, points of accuracy")
    figure.savefig(path, dpi=110)


def shown_rules(rows):
    """Return the rules from small to great regret, means over families.

    The default comes first, constants at the end.
    """
    frame = pd.DataFrame(rows)
    mean = frame.groupby(["rule", "family"])["regret"].mean().groupby("rule").mean().sort_values()
    everywhere = frame.groupby("rule")["family"].nunique() == frame["family"].nunique()
    names = [name for name in mean.index if everywhere[name]]
    constant = [name for name in ("always λ = 0", "always λ = 1") if name in names]
    others = [name for name in names if name != DEFAULT and not name.startswith("always")]
    return [name for name in (DEFAULT,) if name in names] + others + constant
