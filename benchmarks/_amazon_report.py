"""Tables and a picture of the Amazon benchmark."""

import textwrap

import numpy as np
import pandas as pd
from _paper_numbers import published_mean
from _results import mean_and_error
from _tasks import AMAZON_DEVELOPMENT_TASKS

# Name in the table → a column of the published numbers.
PUBLISHED_MODELS = {
    "paper's DANN": ("counts", "DANN"),
    "paper's mSDA+DANN": ("mSDA", "DANN"),
    "WDGRL": ("counts", "WDGRL"),
}
# The model that is drawn as a line, beside the published ones.
_LIMIT = "target-trained"
_ABOUT_PUBLISHED = {
    "paper's DANN": "Ganin et al. (2016), Table 1: reverse validation",
    "paper's mSDA+DANN": "Ganin et al. (2016), Table 1: reverse validation",
    "WDGRL": "Shen et al. (2018): tuned on target labels",
}


def groups_of(tasks):
    """Return name → tasks: those that may decide something are averaged apart."""
    development = [task for task in tasks if task in AMAZON_DEVELOPMENT_TASKS]
    others = [task for task in tasks if task not in AMAZON_DEVELOPMENT_TASKS]
    groups = {"all": tasks, "development": development, "others": others}
    return {name: members for name, members in groups.items() if members}


def label_rows(tasks):
    """Return label → tasks: each for itself, and the groups to average over."""
    groups = {f"mean of {name} ({len(group)})": group for name, group in groups_of(tasks).items()}
    return {"→".join(task): [task] for task in tasks} | groups


def to_frame(runs):
    """Return a row for each task and seed, columns (measure, model)."""
    return pd.DataFrame(runs).pivot(
        index=["task", "seed"], columns=["measure", "model"], values="value"
    )


def summarize(frame, tasks):
    """Return label → (measure, model) → (mean, standard error over seeds), and what is published.

    The error of a mean over tasks is that of the per-seed means: seeds are what is random here. A
    seed counts if it has all tasks.
    """
    summary = {}
    for label, members in label_rows(tasks).items():
        own = frame.reindex(["→".join(task) for task in members], level="task")
        found = {}
        for column in frame.columns:
            per_seed = own[column].unstack("task")
            per_seed = per_seed.reindex(columns=["→".join(task) for task in members]).dropna()
            if len(per_seed):
                found[column] = mean_and_error(per_seed.mean(axis=1))
        for name, published in PUBLISHED_MODELS.items():
            found["published", name] = (published_mean(published, members), np.nan)
        summary[label] = found
    return summary


def to_means(summary):
    """Return the summary as what JSON can hold."""
    return [
        {"of": label, "measure": measure, "model": model, "mean": mean}
        | ({} if np.isnan(error) else {"standard_error": error})
        for label, row in summary.items()
        for (measure, model), (mean, error) in row.items()
    ]


def format_means(summary, models):
    """Return the means over groups of tasks as text: a row a model."""
    groups = [label for label in summary if label.startswith("mean of ")]
    cells = {}
    for model in [*models, *PUBLISHED_MODELS]:
        row = {}
        for measure in ("accuracy", "AUC"):
            for label in groups:
                short = label.removeprefix("mean of ")
                row[measure, short] = _cell(summary[label], measure, model)
        seconds = summary[groups[0]].get(("fit_seconds", model))
        row["a fit", "seconds"] = "" if seconds is None else f"{seconds[0]:.1f}"
        cells[model] = row
    return _to_text(cells)


def format_tasks(summary, models):
    """Return the accuracy on each task as text: a row a task."""
    stars = {"→".join(task) for task in AMAZON_DEVELOPMENT_TASKS}
    names = [*models, *PUBLISHED_MODELS]
    cells = {
        label + "*" * (label in stars): {name: _cell(row, "accuracy", name) for name in names}
        for label, row in summary.items()
        if "→" in label
    }
    return f"Accuracy on each task\n{_to_text(cells)}"


def _cell(row, measure, model):
    if measure == "accuracy" and ("published", model) in row:
        measure = "published"
    mean, error = row.get((measure, model), (np.nan, np.nan))
    if np.isnan(mean):
        return ""
    return f"{mean:.3f}±{error:.3f}" if error > 0 else f"{mean:.3f}"


def _to_text(cells):
    table = pd.DataFrame.from_dict(cells, orient="index")
    if isinstance(next(iter(table.columns)), tuple):
        table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.to_string()


def legend(about):
    """Return how the hyper-parameters of each column were chosen."""
    lines = [f"{name}: {entry['about']}." for name, entry in about.items()]
    lines += [f"{name}: {text}." for name, text in _ABOUT_PUBLISHED.items()]
    lines += ["* development task. ± standard error over seeds."]
    return "\n".join(textwrap.fill(line, 99, subsequent_indent="  ") for line in lines)


def draw(summary, models, path):
    """Draw the mean accuracy of each model, on all tasks and on those not used for choosing."""
    from matplotlib.figure import Figure

    labels = [label for label in summary if label.startswith("mean of ")]
    every = labels[0]
    shown = [name for name in models if ("accuracy", name) in summary[every]]
    rows = sorted(
        (name for name in shown if name != _LIMIT),
        key=lambda name: summary[every]["accuracy", name][0],
    )
    figure = Figure(figsize=(8, 1.9 + 0.32 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for label, face, shift in ((every, "C0", 0.12), (labels[-1], "white", -0.12)):
        means, errors = np.array([summary[label]["accuracy", name] for name in rows]).T
        ax.errorbar(
            means,
            np.arange(len(rows)) + shift,
            xerr=np.nan_to_num(errors),
            fmt="o",
            color="C0",
            markerfacecolor=face,
            label=label.replace("others", "those not used for choosing"),
        )
    ax.set_yticks(range(len(rows)), rows)
    lines = {name: summary[every]["published", name][0] for name in PUBLISHED_MODELS}
    if _LIMIT in shown:
        lines[_LIMIT] = summary[every]["accuracy", _LIMIT][0]
    for name, place in lines.items():
        ax.axvline(place, color="0.5", linewidth=1, linestyle="--", zorder=0)
        ax.annotate(
            f"{name} {place:.3f}",
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-2, 3),
            textcoords="offset points",
            rotation=25,
            fontsize=7,
            color="0.3",
        )
    ax.grid(axis="y", alpha=0.3)
    ax.set_xlabel("accuracy on the target's test rows; dashed: means of all tasks")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)
