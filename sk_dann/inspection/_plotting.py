"""What the pictures share: axes, colours, legends. Matplotlib is imported where it is needed."""

from textwrap import fill

import numpy as np

from .._optional import import_optional

# Paul Tol's high-contrast scheme, which stays apart for the colour-blind and in grey.
FEW_COLORS = ("#004488", "#DDAA33", "#BB5566")
# His bright scheme stays apart for the colour-blind.
COLORS = ("#4477AA", "#CCBB44", "#EE6677", "#228833", "#66CCEE", "#AA3377")
NEUTRAL = "0.3"
_MAX_LEGEND_LINES = 18
REFERENCE_STYLE = {"color": "0.5", "linestyle": ":", "linewidth": 1.2}


def check_matplotlib(display):
    """Import matplotlib for a class of displays, or say how to get it."""
    import_optional("matplotlib", "plot", display.__name__)


def class_colors(n):
    """Return `n` colours, as far apart as so many can be."""
    if n <= len(FEW_COLORS):
        return list(FEW_COLORS[:n])
    if n <= len(COLORS):
        return list(COLORS[:n])
    import matplotlib

    # Its yellow end is too light for points on white.
    return list(matplotlib.colormaps["viridis"](np.linspace(0, 0.92, n)))


def make_axes(ax, n_panels, n_columns, size, *, share_x=False):
    """Return the axes to draw into, one a panel.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        None makes a figure. A single Axes gives its place to several panels, as in
        :class:`~sklearn.inspection.PartialDependenceDisplay`.
    n_panels : int
    n_columns : int
        At most so many panels side by side.
    size : (float, float)
        Of a panel in a new figure, in inches.
    share_x : bool, default=False

    Returns
    -------
    ndarray of Axes of shape (n_panels,)

    Raises
    ------
    ValueError
        If `ax` holds another number of axes, or a single one has no place in a grid to give.
    """
    from matplotlib.axes import Axes

    n_columns = min(n_panels, n_columns)
    n_rows = -(-n_panels // n_columns)
    grid = {"sharex": share_x, "squeeze": False}
    if ax is None:
        import matplotlib.pyplot as plt

        size = n_columns * size[0], n_rows * size[1]
        _, axes = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained", **grid)
    elif isinstance(ax, Axes) and n_panels > 1:
        place = ax.get_subplotspec()
        if place is None:
            raise ValueError(
                f"ax has no place in a grid that could be divided into {n_panels} panels: make it "
                f"with plt.subplots, or pass {n_panels} axes."
            )
        ax.set_axis_off()
        axes = place.subgridspec(n_rows, n_columns).subplots(**grid)
    else:
        axes = np.ravel(np.asarray(ax, dtype=object))
        if len(axes) != n_panels:
            raise ValueError(
                f"ax must hold {n_panels} axes, one a panel, or be a single one that is divided; "
                f"got {len(axes)}."
            )
        return axes
    for empty in axes.ravel()[n_panels:]:
        empty.remove()
    return axes.ravel()[:n_panels]


def add_legend(ax, handles=None, *, of_figure=False):
    """Put a legend to the right of the axes, where it covers no data.

    Parameters
    ----------
    ax : matplotlib Axes
    handles : list of Artist, default=None
        None takes all that have a label.
    of_figure : bool, default=False
        Whether it may lie to the right of the whole figure, which has a constrained layout.

    Returns
    -------
    Legend or None
        None if there is nothing to name.
    """
    if handles is None:
        handles = ax.get_legend_handles_labels()[0]
    if not handles:
        return None
    n_lines = sum(handle.get_label().count("\n") + 1 for handle in handles)
    n_columns = 1 + (n_lines - 1) // _MAX_LEGEND_LINES
    style = {"frameon": False, "fontsize": "small", "ncols": n_columns}
    if of_figure:
        return ax.figure.legend(handles=handles, loc="outside right upper", **style)
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02), "borderaxespad": 0.3}
    return ax.legend(handles=handles, **place, **style)


def add_reference_line(ax, value, label):
    """Draw a level line, once in axes that several displays are drawn into."""
    if label not in ax.get_legend_handles_labels()[1]:
        ax.axhline(value, label=label, **REFERENCE_STYLE)


def styled(artist, given, **defaults):
    """Return keyword arguments of an artist's class, the given ones first, under either name."""
    from matplotlib.cbook import normalize_kwargs

    return {**defaults, **normalize_kwargs(given or {}, artist)}


def wrapped(name, width=26, max_lines=2):
    """Return a name in lines short enough for a legend."""
    return fill(str(name), width, max_lines=max_lines, placeholder=" …")
