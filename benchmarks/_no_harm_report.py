"""Means, gains and issue 12's goals out of the runs of `no_harm.py`."""

import numpy as np
import pandas as pd
from _results import mean_and_error
from matplotlib.figure import Figure

# In the order of the tables, and of the figure's legend.
MODELS = (
    *("source-only", "moved", "plain DANN", "estimate", "oracle"),
    *("LogisticRegression", "HistGradientBoosting", "target-trained"),
)
MEASURES = ("accuracy", "AUC", "balanced")
ABOUT, COLUMNS = ("of", "measure", "model"), ("mean", "standard_error")
# Worst tasks are looked for among those with more rows of either domain: others are chance.
MIN_ROWS = 400
# Groups with shares of positives, and what the figure calls them.
PANELS = {
    "amazon": "reviews, 4 development tasks",
    "amazon-others": "reviews, 8 other tasks",
    "shapes": "moons (development)",
}
# Colours that are told apart without red and green; limits and others' models are not solid.
STYLES = {
    "source-only": {"color": "black"},
    "moved": {"color": "#E69F00"},
    "plain DANN": {"color": "#D55E00", "linewidth": 2.5},
    "estimate": {"color": "#0072B2", "linewidth": 2.5},
    "oracle": {"color": "#56B4E9"},
    "LogisticRegression": {"color": "#999999", "linestyle": ":"},
    "HistGradientBoosting": {"color": "#CC79A7", "linestyle": ":"},
    "target-trained": {"color": "grey", "linestyle": "--"},
}
HARM = -3.0  # points of accuracy that plain DANN loses: a guard must speak
REPORTED = ("amazon-others", "tables-reported", "classes-reported")
GROUPS = (
    *("amazon", "amazon-others", "tables", "tables-reported"),
    *("classes", "classes-reported", "shapes"),
)
GOAL_PARTS = {
    "reviews": ("amazon", "amazon-others", "amazon, all"),
    "tables": ("tables", "tables-reported", "tables, all"),
}
# Less than this and the share of it that is closed is noise.
MIN_DISTANCE = 0.5


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


def without_shifts(labels):
    """Return those labels that are over all shifts: a group's, or ending in "all"."""
    return [label for label in labels if label in GROUPS or label.endswith("all")]


def over_seeds(values):
    """Return the mean over tasks and its standard error over seeds."""
    return mean_and_error(values.groupby("seed").mean().to_numpy())


def worst_of(gains):
    """Return the smallest mean over seeds of a task, and which one."""
    per_task = gains.groupby(["shift", "task"]).mean()
    return per_task.min(), " ".join(filter(None, reversed(per_task.idxmin())))


def summarize(frame):
    """Return means, gains over source-only in points, and what is made of them."""
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
        "closed": closed(gains),
        "tasks": task_gains(frame),
        "share_errors": share_errors(frame),
        "warnings": count_warnings(frame),
        "guard": judge_guard(frame),
        "cost": cost(frame),
    }
    return summary | {"goals": goals(frame, summary)}


def task_gains(frame):
    """Return for each task and model the gains over source-only in points, means over seeds."""
    # Where classes are left out by the seed, so are rows.
    rows = frame.groupby(["group", "shift", "task"])["rows"].transform("min")
    index = ["group", "shift", "task", "rows", "model"]
    scores = frame.assign(rows=rows).groupby(index, sort=False)[list(MEASURES)].mean()
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


def closed(gains):
    """Return the share of the distance to the oracle that the estimate closes, by part.

    The distance from source-only, and that from plain DANN; left out where it is next to nothing.
    """
    gains = pd.DataFrame(gains)
    gains = gains[gains["of"].isin(without_shifts(gains["of"])) & (gains["measure"] != "balanced")]
    means = gains.pivot(index=["measure", "of"], columns="model", values="mean")
    if not {"estimate", "oracle"} <= set(means):
        return []
    means["source-only"] = 0.0
    found = []
    for start in ("source-only", "plain DANN"):
        distance = means["oracle"] - means[start]
        part = ((means["estimate"] - means[start]) / distance)[distance >= MIN_DISTANCE]
        found += [
            {"of": of, "measure": measure, "from": start, "closed": float(value)}
            for (measure, of), value in part.items()
        ]
    return found


def judge_guard(frame):
    """Return how often plain DANN warns where it harms, and is silent where it gains, by part."""
    accuracy = wide(frame, "accuracy")
    gain = 100 * (accuracy["plain DANN"] - accuracy["source-only"])
    plain = frame[frame["model"] == "plain DANN"].set_index(gain.index.names)["guard"]
    runs = pd.DataFrame({"gain": gain, "fires": plain.loc[gain.index].astype(bool)})
    group = runs.index.get_level_values("group")
    parts = {name: runs[group == name] for name in group.unique()}
    reported = group.isin(REPORTED)
    parts |= {"development": runs[~reported], "reported": runs[reported], "all": runs}
    found = []
    for of, rows in parts.items():
        harms, helps = rows[rows["gain"] <= HARM], rows[rows["gain"] > 0]
        counts = {"runs": len(rows), "harms": len(harms), "gains": len(helps)}
        rates = {"fires_where_it_harms": harms["fires"].mean()}
        rates |= {"silent_where_it_gains": (~helps["fires"]).mean()}
        found.append({"of": of} | counts | {key: float(rate) for key, rate in rates.items()})
    return without_nan(found)


def cost(frame):
    """Return median ratios of seconds of a fit, by group.

    The oracle is told the class shares, so it neither estimates them nor looks at them.
    """
    seconds = wide(frame, "fit_seconds")
    pairs = [("estimate", "plain DANN"), ("plain DANN", "oracle")]
    found = []
    for model, over in [pair for pair in pairs if set(pair) <= set(seconds)]:
        ratio = seconds[model] / seconds[over]
        parts = {**by_group(ratio), "all": ratio}
        found += [
            {"of": of, "model": model, "over": over, "ratio": float(parts[of].median())}
            for of in without_shifts(parts)
        ]
    return found


def goals(frame, summary):
    """Return issue 12's goals with what was reached, for every part and way that was run."""
    ways = [way for way in ("plain DANN", "estimate") if way in set(frame["model"])]
    found = [goal for way in ways for goal in goals_of(way, frame, summary)]
    for part in summary["guard"]:
        for key in ("fires_where_it_harms", "silent_where_it_gains"):
            if key in part and part["of"] in ("development", "reported", "all"):
                name = f"guard {key.replace('_', ' ')} ≥ .9"
                found.append(to_goal(name, "plain DANN", part["of"], part[key], part[key] >= 0.9))
    for record in summary["cost"]:
        if record["model"] == "estimate":
            name, ratio = "cost ÷ plain DANN ≤ 1.6", record["ratio"]
            found.append(to_goal(name, "estimate", record["of"], ratio, ratio <= 1.6))
    return found


def to_goal(goal, model, part, value, reached):
    """Return a record of a goal."""
    return {
        "goal": goal,
        "model": model,
        "of": part,
        "value": float(value),
        "reached": bool(reached),
    }


def goals_of(way, frame, summary):
    """Return the goals of scores and shares for one way of adapting."""
    gains = {(g["of"], g["measure"]): g for g in summary["gains"] if g["model"] == way}
    trees = {
        (g["of"], g["measure"]): g["mean"]
        for g in summary["gains"]
        if g["model"] == "HistGradientBoosting"
    }
    shares = "estimated" if way == "estimate" else "source's"
    errors = {e["of"]: e["mean"] for e in summary["share_errors"] if e["shares"] == shares}
    accuracy = by_group(100 * wide(frame, "accuracy"))
    found = []

    def add(goal, part, value, reached):
        found.append(to_goal(goal, way, part, value, reached))

    def add_limits(part, measure, **limits):
        for key, limit in limits.items():
            value = gains[part, measure].get(key, np.nan)
            add(f"{measure}, {key} ≥ {limit}", part, value, value >= limit)

    for part in [part for part in GOAL_PARTS["reviews"] if (part, "accuracy") in gains]:
        rows = accuracy[part]
        for shift, at_share in rows.groupby("shift"):
            if shift == "0.5" and way != "plain DANN":
                lost = over_seeds(at_share[way] - at_share["plain DANN"])[0]
                add("no shift: accuracy − plain DANN's, within .3", part, lost, abs(lost) <= 0.3)
            gain = over_seeds(at_share[way] - at_share["source-only"])[0]
            add(f"share {shift}: accuracy better", part, gain, gain > 0)
        add_limits(part, "accuracy", mean=5.5, worst=-0.5)
        add_limits(part, "AUC", mean=1, worst=-1)
        add("error of shares ≤ .06", part, errors[part], errors[part] <= 0.06)
    for part in [part for part in GOAL_PARTS["tables"] if (part, "accuracy") in gains]:
        add_limits(part, "accuracy", mean=1.2, worst=-1)
        add_limits(part, "AUC", mean=1, worst=-1)
        add_limits(part, "balanced", mean=2.5)
        for measure in ("accuracy", "AUC"):
            ahead = gains[part, measure]["mean"] - trees[part, measure]
            add(f"{measure} − HistGradientBoosting's ≥ 0", part, ahead, ahead >= 0)
        add("error of shares ≤ .05", part, errors[part], errors[part] <= 0.05)
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
    print_table("Warnings", summary["warnings"])
    print_table("Share of the distance to the oracle that the estimate closes", summary["closed"])
    print_table("Guard of plain DANN", summary["guard"])
    print_table("Seconds of a fit, median ratios", summary["cost"])
    print_table("Goals", summary["goals"])


def print_table(title, records):
    """Print records with a title, if there are any."""
    if records:
        print(f"\n{title}\n{pd.DataFrame(records).round(3).to_string(index=False)}")


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
    figure = Figure(figsize=(1.9 + 3.2 * len(names), 3.8), layout="constrained")
    all_axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    lines = {}
    for axes, name in zip(all_axes, names, strict=True):
        of_part = means[means["part"] == name].sort_values("share")
        for model in MODELS:
            rows = of_part[of_part["model"] == model]
            if rows.empty:
                continue
            lines[model] = axes.errorbar(
                rows["share"], rows["mean"], rows["standard_error"], marker=".", **STYLES[model]
            )
        axes.axvline(0.5, color="0.85", linewidth=6, zorder=0)  # the source's share
        axes.set(title=PANELS[name], xlabel="share of positives in the target")
        axes.set_xticks(of_part["share"].unique())
    all_axes[0].set_ylabel("accuracy on the target")
    shown = [model for model in MODELS if model in lines]
    figure.legend([lines[model] for model in shown], shown, loc="outside right center")
    figure.savefig(path, dpi=150)
