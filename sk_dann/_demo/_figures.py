"""The picture of the feature spaces, and what all pictures of the demo share.

Figures are made without pyplot, so a caller's figures and backend stay as they are.
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..inspection import FeatureSpaceDisplay
from ..inspection._plotting import class_colors
from ._measure import ADAPTED, ALONE

CLASS_COLORS = class_colors(2)
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
    models = {name: fitted.models[name] for name in (ALONE, ADAPTED)}
    display = draw_features(figure.subplots(1, 2), models, demo, fitted.task)
    for ax, name in zip(display.axes_, models, strict=True):
        ax.set_title(_title(name, fitted.measured), linespacing=1.4)
        ax.set_xlabel("first principal component of the features")
    display.axes_[1].set_ylabel("")
    move_legend(display)
    return figure


def draw_features(axes, models, demo, task):
    """Draw the features of held-back rows by each model (name → pipeline) into axes of its own."""
    (X_src, y_src), (X_tgt, y_tgt) = held_back(task)
    return FeatureSpaceDisplay.from_features(
        {name: (model.transform(X_src), model.transform(X_tgt)) for name, model in models.items()},
        y_src,
        y_tgt,
        display_labels=demo.classes,
        domain_names=(f"{task.source} (source)", f"{task.target} (target)"),
        ax=axes,
    )


def move_legend(display, more=()):
    """Move the legend of the features below all axes, with `more` entries."""
    handles = [*display.legend_.legend_handles, *more]
    display.legend_.remove()
    display.figure_.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        handlelength=1.2,
        columnspacing=1.6,
    )


def held_back(task):
    """Return rows and labels of source and target, few enough to be told apart in a picture."""
    parts = (task.X_src_test, task.y_src_test), (task.X_test, task.y_test)
    return [(X[:_MAX_POINTS], y[:_MAX_POINTS]) for X, y in parts]


def _title(name, measured):
    return (
        f"{name}: target accuracy {measured['accuracy', name]:.3f}, "
        f"AUC {measured['AUC', name]:.3f}\n"
        f"domains told apart with AUC {measured['domains told apart (AUC)', name]:.3f}"
    )
