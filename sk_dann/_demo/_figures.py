"""The picture of the feature spaces, and what all pictures share.

Figures are made without pyplot, so a caller's figures and backend stay as they are.
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image
from sklearn.decomposition import PCA

from ._measure import ADAPTED, ALONE

# Okabe and Ito's colours, which stay apart for the colour-blind.
CLASS_COLORS = ("#0072B2", "#D55E00")
DOMAIN_MARKERS = ("o", "^")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": "0.6",
    "axes.labelcolor": "0.3",
    "xtick.color": "0.6",
    "ytick.color": "0.6",
}
_DPI = 150
_MAX_POINTS = 200
_LEGEND_MARKERS = (
    {"marker": DOMAIN_MARKERS[0], "markerfacecolor": "none"},
    {"marker": DOMAIN_MARKERS[1]},
)
_LEGEND_SPACING = {"frameon": False, "handlelength": 1.2, "columnspacing": 1.6}


def new_figure(width, height):
    """Return an empty figure of a size in inches, without a window."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure, path):
    """Save with a palette, which takes a third of the bytes of full colours."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(256).save(path)


@rc_context(STYLE)
def feature_space_figure(demo, fitted):
    """Draw held-back rows as the network sees them, without and with adaptation."""
    figure = new_figure(9, 4.6)
    axes = figure.subplots(1, 2)
    for ax, name in zip(axes, (ALONE, ADAPTED), strict=True):
        draw_features(ax, fitted.models[name], fitted.task)
        ax.set_title(_title(name, fitted.measured), linespacing=1.4)
        ax.set_xlabel("first principal component of the features")
    axes[0].set_ylabel("second principal component")
    add_legend(figure, fitted.task, demo.classes)
    return figure


def draw_features(ax, model, task):
    """Scatter the model's features of held-back rows on their first two principal components."""
    rows = held_back(task)
    spaces = [model.transform(X) for X, _ in rows]
    pca = PCA(n_components=2, random_state=0).fit(np.concatenate(spaces))
    for X, (_, y), marker in zip(spaces, rows, DOMAIN_MARKERS, strict=True):
        scatter_points(ax, pca.transform(X), colors_of(y, CLASS_COLORS), marker)
    ax.set(xticks=[], yticks=[])


def held_back(task):
    """Return rows and labels of source and target, few enough to be told apart in a picture."""
    parts = (task.X_src_test, task.y_src_test), (task.X_test, task.y_test)
    return [(X[:_MAX_POINTS], y[:_MAX_POINTS]) for X, y in parts]


def colors_of(y, colors):
    """Return the colour of each label, in the order of the sorted labels."""
    return np.array(colors)[np.unique(y, return_inverse=True)[1]]


def scatter_points(ax, X, colors, marker):
    """Scatter points (n, 2), those of the source as rings."""
    is_source = marker == DOMAIN_MARKERS[0]
    style = {"facecolors": "none", "edgecolors": colors} if is_source else {"c": colors}
    ax.scatter(*X.T, s=18, marker=marker, alpha=0.7, linewidths=1.1 if is_source else 0, **style)


def add_legend(figure, task, classes, more=()):
    """Name the markers of the domains and the colours of the classes below the axes."""
    domains = (f"{task.source} (source)", f"{task.target} (target)")
    handles = [
        Line2D([], [], linestyle="", color="0.4", label=label, **style)
        for label, style in zip(domains, _LEGEND_MARKERS, strict=True)
    ]
    colors = [*zip(classes, CLASS_COLORS, strict=True), *more]
    handles += [Patch(color=color, alpha=0.7, label=label) for label, color in colors]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), **_LEGEND_SPACING
    )


def _title(name, measured):
    return (
        f"{name}: target accuracy {measured['accuracy', name]:.3f}, "
        f"AUC {measured['AUC', name]:.3f}\n"
        f"domains told apart with AUC {measured['domains told apart (AUC)', name]:.3f}"
    )
