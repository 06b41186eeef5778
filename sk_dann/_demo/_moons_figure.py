"""The picture of the moons, after Figure 2 of the DANN paper."""

import numpy as np
from matplotlib import rc_context
from matplotlib.patches import Patch
from sklearn.metrics import roc_auc_score

from ..inspection import FeatureSpaceDisplay
from ._figures import CLASS_COLORS, STYLE, draw_features, held_back, move_legend, new_figure
from ._measure import ADAPTED, ALONE

_DOMAIN_COLORS = ("#009E73", "#CC79A7")
_N_GRID = 200


@rc_context(STYLE)
def moons_figure(demo, fitted):
    """Draw what label predictor, features and domain classifier make of fresh points."""
    figure = new_figure(9, 6.4)
    axes = figure.subplots(2, 3)
    models = {name: fitted.models[name] for name in (ALONE, ADAPTED)}
    display = draw_features(axes[:, 1], models, demo, fitted.task)
    for row, (name, model) in zip(axes, models.items(), strict=True):
        _draw_classes(row[0], model, fitted.task)
        row[0].set_ylabel(name, fontsize=12, color="black")
        row[0].set_title(f"Classes: target accuracy {fitted.measured['accuracy', name]:.3f}")
        row[1].set(title="Feature space (PCA)", xlabel="", ylabel="")
        auc = _draw_domains(row[2], model, fitted.task)
        row[2].set_title(f"Its domain classifier: AUC {auc:.3f}")
    sides = zip(("taken for source", "for target"), _DOMAIN_COLORS, strict=True)
    move_legend(display, [Patch(color=color, alpha=0.7, label=label) for label, color in sides])
    return figure


def _draw_classes(ax, model, task):
    rows = held_back(task)
    _fill_sides(ax, lambda X: model.predict_proba(X)[:, 1], rows, CLASS_COLORS)
    _draw_points(ax, rows)


def _draw_domains(ax, model, task):
    """Draw the network's own domain classifier and return its AUC on fresh points."""

    def target_proba(X):
        return model["dann"].predict_domain_proba(model["prepare"].transform(X))[:, -1]

    rows = held_back(task)
    _fill_sides(ax, target_proba, rows, _DOMAIN_COLORS)
    source, target = _draw_points(ax, rows)
    source.set_edgecolor(_DOMAIN_COLORS[0])
    target.set_facecolor(_DOMAIN_COLORS[1])
    proba = [target_proba(X) for X in (task.X_src_test, task.X_test)]
    return roc_auc_score(np.repeat([0, 1], [len(p) for p in proba]), np.concatenate(proba))


def _draw_points(ax, rows):
    """Draw the points as they are and return those of the source and of the target."""
    (X_src, y_src), (X_tgt, y_tgt) = rows
    display = FeatureSpaceDisplay({"": (X_src, X_tgt)}, y_source=y_src, y_target=y_tgt).plot(ax)
    display.legend_.remove()
    return display.scatters_[0]


def _fill_sides(ax, proba, rows, colors):
    """Tint the sides of the curve where `proba` is 0.5, in the range of the rows' points."""
    points = np.concatenate([X for X, _ in rows])
    low, high = points.min(axis=0) - 0.3, points.max(axis=0) + 0.3
    x, y = (np.linspace(*ends, _N_GRID) for ends in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    values = proba(grid.reshape(-1, 2)).reshape(_N_GRID, _N_GRID)
    ax.contourf(x, y, values, levels=[0, 0.5, 1], colors=colors, alpha=0.15)
    if values.min() < 0.5 < values.max():
        ax.contour(x, y, values, levels=[0.5], colors="0.2", linewidths=1.2)
    ax.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
