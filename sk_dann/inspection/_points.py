"""What the feature-space picture draws: points of two columns, their names and their marks."""

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.utils import column_or_1d

from ._plotting import NEUTRAL, wrapped

SOURCE_MARKERS = ("o", "s", "D", "v", "p", "h")
TARGET_MARKER = "^"
# More classes than that are written beside their points: colours alone no longer tell them apart.
_MAX_PLAIN_CLASSES = 3
_MAX_WRITTEN = 12
# More than that have a line each in the legend.
_MAX_LONG_NAMES = 6


def written_names(names):
    """Return what is written beside the points of each class, and the names for the legend."""
    if len(names) <= _MAX_PLAIN_CLASSES:
        return [], names
    if max(len(str(name)) for name in names) <= _MAX_WRITTEN:
        return names, names
    numbers = [str(i) for i in range(len(names))]
    return numbers, [f"{i}: {name}" for i, name in zip(numbers, names, strict=True)]


def check_labels(y, n_rows, name, domain):
    """Return labels as an array with an entry a row, or None."""
    if y is None:
        if name == "y":
            raise ValueError("y is None, but the source's points are coloured by their classes.")
        return None
    labels = column_or_1d(y)
    if len(labels) != n_rows:
        raise ValueError(f"{name} holds {len(labels)} labels for {n_rows} rows of the {domain}.")
    return labels


def check_names(default, given, parameter, what):
    """Return names for the legend, one for each of `default`."""
    names = list(default if given is None else given)
    if len(names) != len(default):
        raise ValueError(
            f"{parameter} must hold {len(default)} names, one a {what}; got {len(names)}."
        )
    return names


def reduce_to_plane(X, reducer, rng):
    """Map rows to two columns, and say what they are."""
    if reducer is not None:
        reduced = np.asarray(clone(reducer).fit_transform(X))
        if reduced.ndim != 2 or reduced.shape[1] != 2:
            raise ValueError(
                f"reducer must map to two columns, but {reducer!r} gave an array of shape "
                f"{reduced.shape}."
            )
        name = type(reducer).__name__
        return reduced, (f"{name} 1", f"{name} 2")
    if X.shape[1] <= 2:
        X = X.toarray() if sparse.issparse(X) else X
        if X.shape[1] == 2:
            return X, ("column 1", "column 2")
        # A line of points would hide how many there are.
        X = np.column_stack([X[:, 0], rng.uniform(size=len(X))])
        return X, ("the only column", "at random height")
    kind = TruncatedSVD if sparse.issparse(X) else PCA
    # In a space of equal rows there is no variance to share out.
    with np.errstate(invalid="ignore", divide="ignore"):
        reduced = kind(2, random_state=rng.randint(2**31 - 1)).fit_transform(X)
    name = "principal component" if kind is PCA else "singular vector"
    return reduced, (f"first {name}", f"second {name}")


def legend_handles(domains, names, colors, neutral_target):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    *sources, target = domains
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=SOURCE_MARKERS[i % len(SOURCE_MARKERS)],
            markerfacecolor="none",
            color=NEUTRAL,
            label=wrapped(name),
        )
        for i, name in enumerate(sources)
    ]
    style = {"linestyle": "", "marker": TARGET_MARKER, "markeredgewidth": 0, "color": NEUTRAL}
    name = f"{target} (no classes)" if neutral_target else target
    handles.append(Line2D([], [], label=wrapped(name), **style))
    max_lines = 2 if len(names) <= _MAX_LONG_NAMES else 1
    return handles + [
        Patch(color=color, alpha=0.7, label=wrapped(name, max_lines=max_lines))
        for name, color in zip(names, colors, strict=True)
    ]
