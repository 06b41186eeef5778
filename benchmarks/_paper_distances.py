"""Figure 3 of the paper: proxy A-distances of the domains, before and after adapting."""

import warnings

import numpy as np
import torch
from _paper_features import FEATURES, by_pair
from _paper_networks import network
from _paper_table import sides_of
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from torch import nn

from sk_dann.exceptions import AdaptationWarning
from sk_dann.metrics import proxy_a_distance

# Of the networks whose features are compared with each other: of equal size, and with the λ that
# the paper's reverse validation chose most often.
COMPARED = {"hidden_layer_sizes": 100, "lambda_adapt": 10**-0.5}
# Title, name of the distance along x, names of those along y.
PANELS = (
    ("DANN on counts", "counts", ("DANN",)),
    ("DANN and NN, 100 hidden units", "NN, 100 units", ("DANN, 100 units",)),
    ("DANN on mSDA", "counts", ("mSDA", "mSDA+DANN")),
)

_STYLES = {"mSDA": {"facecolor": "white", "marker": "s"}}
_LIMITS = (-0.05, 2.05)


def chosen_by_table(table, features, seed=0):
    """Return task → parameters that reverse validation chose for DANN."""
    return {
        run["task"]: run["chosen"]
        for run in table.get(features, {}).get("runs", ())
        if run["method"] == "DANN" and run["seed"] == seed
    }


def measure_pair(tasks, chosen, cache):
    """Return for the tasks of a pair of domains name → distance."""
    torch.set_num_threads(1)
    found = {"→".join(task): {} for task in tasks}
    for features in FEATURES:
        if not any(label in chosen[features] for label in found):
            continue
        sides = sides_of(features, tasks[0], cache)
        raw = proxy_a_distance(*(sides[name].X for name in sorted(tasks[0])))
        for source, target in tasks:
            own = found[label := f"{source}→{target}"]
            own[features] = raw
            data = (sides[source].X, sides[source].y, sides[target].X)
            name = {"counts": "DANN", "mSDA": "mSDA+DANN"}[features]
            if label in chosen[features]:
                own[name] = distance_of_features(features, data, chosen[features][label])
            if features == "counts":
                own["DANN, 100 units"] = distance_of_features(features, data, COMPARED)
                alone = COMPARED | {"lambda_adapt": 0.0}
                own["NN, 100 units"] = distance_of_features(features, data, alone)
    return found


def distance_of_features(features, data, params):
    """Fit the shallow network and return the distance of its hidden features.

    The domain classifier starts from zero, as the authors' does: from random weights it drives the
    domains apart in the direction that they happen to have.
    """
    start = nn.Linear(params["hidden_layer_sizes"], 1)
    for parameter in start.parameters():
        nn.init.zeros_(parameter)
    with warnings.catch_warnings(action="ignore", category=AdaptationWarning):
        model = network(features, **params, domain_classifier=start, random_state=0).fit(*data)
    return proxy_a_distance(model.transform(data[0]), model.transform(data[2]))


def measure_distances(tasks, table, n_jobs, cache):
    """Return task → name → proxy A-distance."""
    chosen = {features: chosen_by_table(table, features) for features in FEATURES}
    jobs = [delayed(measure_pair)(own, chosen, cache) for own in by_pair(tasks)]
    found = {}
    for part in Parallel(n_jobs=n_jobs)(jobs):
        found |= part
    return {"→".join(task): found["→".join(task)] for task in tasks}


def draw_distances(distances, path):
    """Draw a point for each task: below the diagonal the domains have come closer."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    for ax, (title, x_name, y_names) in zip(figure.subplots(1, 3), PANELS, strict=True):
        for y_name in y_names:
            shown = [own for own in distances.values() if {x_name, y_name} <= set(own)]
            x, y = ([own[name] for own in shown] for name in (x_name, y_name))
            style = {"facecolor": "C0"} | _STYLES.get(y_name, {})
            ax.scatter(x, y, s=34, edgecolor="C0", label=y_name, zorder=3, **style)
        ax.axline((0, 0), slope=1, color="0.6", linewidth=1, linestyle="--")
        ax.set(title=title, xlabel=f"proxy A-distance: {x_name}", xlim=_LIMITS, ylim=_LIMITS)
        ax.set_ylabel("proxy A-distance: " + " and ".join(y_names))
        ax.set_aspect("equal")
        if len(y_names) > 1:
            ax.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=110)


def means_of(distances):
    """Return name → mean over the tasks that have it."""
    names = dict.fromkeys(name for own in distances.values() for name in own)
    return {
        name: float(np.mean([own[name] for own in distances.values() if name in own]))
        for name in names
    }
