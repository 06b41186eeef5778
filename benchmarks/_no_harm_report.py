"""Means, gains and issue 12's goals out of the runs of `no_harm.py`."""

import numpy as np
import pandas as pd
from _results import mean_and_error
from matplotlib.figure import Figure

# In the order of the tables, and of the colours of the figure's lines.
MODELS = (
    *("source-only", "moved", "plain DANN", "estimate", "oracle"),
    *("LogisticRegression", "HistGradientBoosting", "target-trained"),
)
MEASURES = ("accuracy", "AUC", "balanced")
ABOUT, COLUMNS = ("of", "measure", "model"), ("mean", "standard_error")
# Worst tasks are looked for among those with more rows of either domain: others are chance.
MIN_ROWS = 400
# Groups with shares of positives, and what the figure calls them.
PANELS = {"amazon": "reviews, development", "amazon-others": "reviews, others", "shapes": "moons"}
HARM = -3.0  # points of accuracy that plain DANN loses: a guard must speak


def wide(frame, measure):
    """Return a frame with a row for each task and seed and a column for each model."""
    return frame.pivot_table(
        index=["group", "shift", "task", "seed"], columns="model", values=measure, sort=False
    )


def by_group(values):
    """Return label → rows of a wide frame: by shift, over all shifts, over parts of a kind."""
    parts = {}
    kind = values.index.get_level_values("group").str.partition("-").get_level_values(0)
    for group, rows in values.groupby("group", sort=False):
        shifts = rows.index.get_level_values("shift")
        if shifts.nunique() > 1:
            parts |= {f"{group} {shift}": rows[shifts == shift] for shift in shifts.unique()}
        parts[group] = rows
    for name in kind.unique():
        rows = values[kind == name]
        if rows.index.get_level_values("group").nunique() > 1:
            parts[f"{name}, all"] = rows
    return parts


def over_seeds(values):
    """Return the mean over tasks and its standard error over seeds."""
    return mean_and_error(values.groupby("seed").mean().to_numpy())


def worst_of(gains):
    """Return the smallest mean over seeds of a task, and which one."""
    per_task = gains.groupby(["shift", "task"]).mean()
    return per_task.min(), " ".join(filter(None, reversed(per_task.idxmin())))


def summarize(frame):
    """Return means, gains over source-only in points, errors of shares, warnings, cost, goals."""
    models = [model for model in MODELS if model in set(frame["model"])]
    rows = frame.set_index(["group", "shift", "task", "seed"])["rows"]
    large = rows[~rows.index.duplicated()] > MIN_ROWS
    means, gains = [], []
    for measure in MEASURES:
        for label, values in by_group(wide(frame, measure)).items():
            for model in [model for model in models if model in values]:
                score = values[model].dropna()
                if score.empty:
                    continue
                about = {"of": label, "measure": measure, "model": model}
                mean, error = over_seeds(score)
                means.append(about | {"mean": mean, "standard_error": error})
                if model == "source-only":
                    continue
                gain = 100 * (score - values.loc[score.index, "source-only"])
                mean, error = over_seeds(gain)
                compared = gain[large.loc[gain.index].to_numpy()]
                worst, task = worst_of(compared) if len(compared) else (np.nan, "")
                gains.append(
                    about
                    | {"mean": mean, "standard_error": error}
                    | {"worst": worst, "worst_task": task}
                )
    summary = {
        "means": without_nan(means),
        "gains": without_nan(gains),
        "tasks": task_gains(frame),
        "share_errors": share_errors(frame),
        "warnings": count_warnings(frame),
        "guard": judge_guard(frame),
        "cost": cost(frame),
    }
    return summary | {"goals": goals(frame, summary)}


def task_gains(frame):
    """Return for each task and model the gains over source-only in points, means over seeds."""
    index = ["group", "shift", "task", "rows", "model"]
    scores = frame.groupby(index, sort=False)[list(MEASURES)].mean()
    base = scores.xs("source-only", level="model")
    gains = 100 * (scores - base.reindex(scores.index.droplevel("model")).to_numpy())
    gains = gains.drop(index="source-only", level="model").reset_index()
    return without_nan(gains.to_dict("records"))


def without_nan(records):
    """Leave out NaN: the standard error of one seed, the worst of no tasks, one class's AUC."""
    return [{k: v for k, v in record.items() if v == v} for record in records]


def share_errors(frame):
    """Return mean absolute errors of class shares: the estimate's, and the source's own."""
    return [
        {"of": label, "shares": name, "mean": over_seeds(rows[model])[0]}
        for name, model in (("estimated", "estimate"), ("source's", "source-only"))
        for label, rows in by_group(wide(frame, "share_error")).items()
        if model in rows
    ]


def count_warnings(frame):
    """Return for each warning's class and model how many of the runs raised it."""
    raised = frame[["model", "warnings"]].explode("warnings").dropna()
    counts = raised.groupby(["warnings", "model"]).size()
    n_runs = frame["model"].value_counts()
    return [
        {"warning": warning, "model": model, "runs": int(n), "of": int(n_runs[model])}
        for (warning, model), n in counts.items()
    ]


def judge_guard(frame):
    """Return how often plain DANN warns where it harms, and is silent where it gains."""
    accuracy = wide(frame, "accuracy")
    gain = (100 * (accuracy["plain DANN"] - accuracy["source-only"])).rename("gain")
    plain = frame[frame["model"] == "plain DANN"].set_index(gain.index.names)["guard"].astype(bool)
    fires = plain.loc[gain.index].to_numpy()
    harms, helps = (gain <= HARM).to_numpy(), (gain > 0).to_numpy()
    return {
        "fires_where_it_harms": float(fires[harms].mean()) if harms.any() else None,
        "silent_where_it_gains": float((~fires[helps]).mean()) if helps.any() else None,
        "harms": int(harms.sum()),
        "gains": int(helps.sum()),
    }


def cost(frame):
    """Return the median ratio of the estimate's fit to the oracle's, by group.

    The oracle is told the class shares, so it trains no networks to estimate them, as plain DANN
    does for its warnings.
    """
    seconds = wide(frame, "fit_seconds")
    if "estimate" not in seconds:
        return {}
    ratio = seconds["estimate"] / seconds["oracle"]
    return {
        label: float(rows.median()) for label, rows in {**by_group(ratio), "all": ratio}.items()
    }


def goals(frame, summary):
    """Return issue 12's goals with what was reached, for every part that was run."""
    gains = {(g["of"], g["measure"], g["model"]): g for g in summary["gains"]}
    models = set(frame["model"])
    if "estimate" not in models:
        return []
    found = []

    def add(goal, part, value, reached):
        found.append({"goal": goal, "of": part, "value": value, "reached": bool(reached)})

    for part in ("amazon", "amazon-others", "amazon, all"):
        if (part, "accuracy", "estimate") not in gains:
            continue
        rows = by_group(wide(frame, "accuracy"))[part] * 100
        for shift, at_share in rows.groupby("shift"):
            if shift == "0.5":
                lost = over_seeds(at_share["estimate"] - at_share["plain DANN"])[0]
                add("no shift: estimate − plain DANN, within .3", part, lost, abs(lost) <= 0.3)
            gain = over_seeds(at_share["estimate"] - at_share["source-only"])[0]
            add(f"share {shift}: accuracy better", part, gain, gain > 0)
        gain = gains[part, "accuracy", "estimate"]
        add("accuracy, mean ≥ 5.5", part, gain["mean"], gain["mean"] >= 5.5)
        add("accuracy, worst task ≥ −.5", part, gain["worst"], gain["worst"] >= -0.5)
        gain = gains[part, "AUC", "estimate"]
        add("AUC, mean ≥ 1", part, gain["mean"], gain["mean"] >= 1)
        add("AUC, worst ≥ −1", part, gain["worst"], gain["worst"] >= -1)
    for part in ("tables", "tables-reported", "tables, all"):
        if (part, "accuracy", "estimate") not in gains:
            continue
        for measure, limits in (("accuracy", (1.2, -1)), ("AUC", (1, -1)), ("balanced", (2.5,))):
            gain = gains[part, measure, "estimate"]
            for limit, key in zip(limits, ("mean", "worst"), strict=False):
                add(f"{measure}, {key} ≥ {limit}", part, gain[key], gain[key] >= limit)
        for measure in ("accuracy", "AUC"):
            trees = gains[part, measure, "HistGradientBoosting"]["mean"]
            ahead = gains[part, measure, "estimate"]["mean"] - trees
            add(f"{measure} − HistGradientBoosting's ≥ 0", part, ahead, ahead >= 0)
    for error in summary["share_errors"]:
        limit = {"amazon": 0.06, "tables": 0.05}.get(
            error["of"].partition("-")[0].partition(",")[0]
        )
        if limit and error["shares"] == "estimated":
            add(f"error of shares ≤ {limit}", error["of"], error["mean"], error["mean"] <= limit)
    guard = summary["guard"]
    for key in ("fires_where_it_harms", "silent_where_it_gains"):
        if guard[key] is not None:
            add(f"guard {key.replace('_', ' ')} ≥ .9", "all", guard[key], guard[key] >= 0.9)
    ratio = summary["cost"]["all"]
    add("cost of estimate ÷ fit without estimate ≤ 1.6", "all", ratio, ratio <= 1.6)
    return found


def print_report(summary):
    """Print every part of the summary as a table."""
    means = pd.DataFrame(summary["means"], columns=[*ABOUT, *COLUMNS])
    print("Means over tasks ± standard error over seeds\n" + pivot(means, 3))
    gains = pd.DataFrame(summary["gains"], columns=[*ABOUT, *COLUMNS, "worst", "worst_task"])
    print("\nGains over source-only, points: mean ± standard error (worst task of more than")
    print(f"{MIN_ROWS} rows a domain)\n" + pivot(gains, 1))
    worst = pd.DataFrame(summary["tasks"]).sort_values("accuracy")
    worst = worst.groupby("model").head(4).sort_values("model", kind="stable")
    print(f"\nWorst tasks, points gained over source-only\n{worst.round(1).to_string(index=False)}")
    errors = pd.DataFrame(summary["share_errors"]).pivot(
        index="of", columns="shares", values="mean"
    )
    print(f"\nMean absolute error of class shares\n{errors.round(3).to_string()}")
    if summary["warnings"]:
        print("\nWarnings\n" + pd.DataFrame(summary["warnings"]).to_string(index=False))
    print(f"\nGuard of plain DANN: {summary['guard']}")
    if summary["cost"]:
        ratios = pd.Series(summary["cost"]).round(2).to_string()
        print(f"\nSeconds of a fit, estimate ÷ told the shares (oracle)\n{ratios}")
    if summary["goals"]:
        print("\nGoals\n" + pd.DataFrame(summary["goals"]).round(3).to_string(index=False))


def cell(row, digits):
    """Return mean±error (worst)."""
    text = f"{row['mean']:{'+' if digits == 1 else ''}.{digits}f}"
    if not np.isnan(row["standard_error"]):
        text += f"±{row['standard_error']:.{digits}f}"
    if not np.isnan(row.get("worst", np.nan)):
        text += f" ({row['worst']:+.1f})"
    return text


def pivot(records, digits):
    """Return a row for each part and measure, a column for each model, as text."""
    texts = records.assign(text=records.apply(cell, axis=1, digits=digits))
    order = records[["measure", "of"]].drop_duplicates()
    table = texts.pivot(index=["measure", "of"], columns="model", values="text").fillna("")
    models = [model for model in MODELS if model in table]
    return table.loc[pd.MultiIndex.from_frame(order), models].to_string()


def draw(summary, path):
    """Draw accuracy against the share of positives in the target, one line for each model."""
    means = pd.DataFrame(summary["means"], columns=[*ABOUT, *COLUMNS])
    parts = means["of"].str.extract(rf"^({'|'.join(PANELS)}) (0\.\d)$")
    means = means.assign(part=parts[0], share=parts[1].astype(float)).dropna(subset="share")
    means = means[means["measure"] == "accuracy"]
    names = [name for name in PANELS if name in set(means["part"])]
    figure = Figure(figsize=(1.5 + 3.5 * len(names), 3.5), layout="constrained")
    all_axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    lines = {}
    for axes, name in zip(all_axes, names, strict=True):
        of_part = means[means["part"] == name].sort_values("share")
        for k, model in enumerate(MODELS):
            rows = of_part[of_part["model"] == model]
            if rows.empty:
                continue
            style = {"color": f"C{k}", "marker": ".", "linestyle": "-"}
            if model == "target-trained":
                style = {"color": "grey", "linestyle": "--"}
            lines[model] = axes.errorbar(
                rows["share"], rows["mean"], rows["standard_error"], **style
            )
        axes.set(title=PANELS[name], xlabel="share of positives in the target")
        axes.set_xticks(of_part["share"].unique())
    all_axes[0].set_ylabel("accuracy on the target")
    shown = [model for model in MODELS if model in lines]
    figure.legend([lines[model] for model in shown], shown, loc="outside right center")
    figure.savefig(path, dpi=150)
