"""`FeatureSpaceDisplay`: both domains in the space before and after adaptation."""

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _num_samples

from ._plotting import NEUTRAL, add_legend, check_matplotlib, class_colors, make_axes
from ._points import (
    SOURCE_MARKERS,
    TARGET_MARKER,
    check_labels,
    check_names,
    legend_handles,
    reduce_to_plane,
    written_names,
)
from ._spaces import (
    ADAPTED,
    ALONE,
    INPUT,
    check_space,
    draw_rows,
    feature_spaces,
    split_domains,
    stack,
)

_MAX_COLUMNS = 3


class FeatureSpaceDisplay:
    """Rows of both domains in two dimensions, before and after adaptation.

    Do the domains lie upon one another, and do the classes stay apart? Source rows are rings,
    target rows filled triangles, and the colour is the class.

    It is recommended to use :meth:`from_estimator` or :meth:`from_features` to create a
    `FeatureSpaceDisplay`. All parameters are stored as attributes.

    Parameters
    ----------
    spaces : dict of str to (ndarray of shape (n_source, 2), ndarray of shape (n_target, 2))
        By the title of the panel, the points of the source and of the target.
    y_source : ndarray of shape (n_source,)
        Classes of the source's points.
    y_target : ndarray of shape (n_target,), default=None
        Classes of the target's points; None draws them in one colour.
    source_domain : ndarray of int of shape (n_source,), default=None
        Number of the source domain of each point; None stands for one source.
    axis_labels : dict of str to (str, str), default=None
        By the title of the panel, what the two axes are.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_spaces,)
    figure_ : matplotlib Figure
    scatters_ : list of list of matplotlib PathCollection
        For each panel those of the source domains, in the order of their numbers, and the target's.
    legend_ : matplotlib Legend

    See Also
    --------
    ProxyADistanceDisplay : How far apart the domains are, in a number.

    Notes
    -----
    Two dimensions show what varies most, not what tells the domains apart. Domains that overlap
    here can be apart in the directions left out: :class:`ProxyADistanceDisplay` looks at all.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import FeatureSpaceDisplay
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=5, random_state=0).fit(X_src, y_src, X_tgt)
    >>> display = FeatureSpaceDisplay.from_estimator(clf, X_src, y_src, X_tgt)
    >>> [ax.get_title() for ax in display.axes_]
    ['input', 'adapted features']
    """

    def __init__(self, spaces, *, y_source, y_target=None, source_domain=None, axis_labels=None):
        self.spaces = spaces
        self.y_source = y_source
        self.y_target = y_target
        self.source_domain = source_domain
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        X_tgt=None,
        y_tgt=None,
        *,
        sample_domain=None,
        source_only=None,
        reducer=None,
        subsample=300,
        random_state=0,
        display_labels=None,
        domain_names=None,
        ax=None,
        scatter_kwargs=None,
    ):
        """Draw the space that the network gets, and the one that it makes of it.

        Parameters
        ----------
        estimator : classifier
            Fitted with a target, with ``transform``: a :class:`~sk_dann.DANNClassifier`, one in a
            search, or a :class:`~sklearn.pipeline.Pipeline` that ends in one.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
            Rows of the source, or with `sample_domain` of both domains; best such that were not
            trained on.
        y : array-like of shape (n_samples,)
            Classes; those of target rows are never read.
        X_tgt : like `X`, default=None
            Rows of the target.
        y_tgt : array-like of shape (n_target,), default=None
            Classes of the target rows, to colour them by: the true ones where they are known, or
            ``estimator.predict(X_tgt)``. None draws the target in one colour.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows (one number a source domain), negative for target rows.
        source_only : classifier, default=None
            The same network fitted with ``lambda_adapt=0``. Its features are then what is shown
            before adaptation, instead of the input.
        reducer : transformer, default=None
            Maps a space to two columns by ``fit_transform``, both domains together; a clone for
            each space. None takes the two columns of a space as they are if it has no more, else
            the first principal components, or of a sparse space those of
            :class:`~sklearn.decomposition.TruncatedSVD`.
        subsample : int or None, default=300
            At most so many rows of each domain are transformed and drawn. None takes all.
        random_state : int, RandomState instance or None, default=0
            Of the subsample and the default reducer.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes, in their ascending order.
        domain_names : array-like of str of shape (n_source_domains + 1,), default=None
            Names of the source domains, in the order of their numbers, and of the target.
        ax : matplotlib Axes or array-like of two Axes, default=None
            Where to draw; a single one is divided. None makes a figure.
        scatter_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        FeatureSpaceDisplay

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If one has no ``transform``.
        ValueError
            If `estimator` was fitted without a target, or the arguments do not fit each other.
        """
        check_matplotlib(cls)
        X_source, y_source, domain, X_target = split_domains(X, y, X_tgt, sample_domain)
        y_target = check_labels(y_tgt, _num_samples(X_target), "y_tgt", "target")
        y_source = check_labels(y_source, len(domain), "y", "source")
        rng = check_random_state(random_state)
        shown = draw_rows(domain, subsample, rng)
        of_target = draw_rows(np.zeros(_num_samples(X_target)), subsample, rng)
        spaces = feature_spaces(
            estimator,
            _safe_indexing(X_source, shown),
            _safe_indexing(X_target, of_target),
            source_only,
        )
        before = INPUT if source_only is None else ALONE
        return cls._of_spaces(
            {name: check_space(spaces[name], name) for name in (before, ADAPTED)},
            y_source[shown],
            None if y_target is None else y_target[of_target],
            domain[shown],
            reducer,
            rng,
        ).plot(
            ax,
            display_labels=display_labels,
            domain_names=domain_names,
            scatter_kwargs=scatter_kwargs,
        )

    @classmethod
    def from_features(
        cls,
        spaces,
        y,
        y_tgt=None,
        *,
        reducer=None,
        subsample=300,
        random_state=0,
        display_labels=None,
        domain_names=None,
        ax=None,
        scatter_kwargs=None,
    ):
        """Draw any spaces, such as the features of several estimators.

        Parameters
        ----------
        spaces : dict of str to (array, array)
            By the title of the panel, the rows of the source and of the target, of shapes
            (n_source, d) and (n_target, d); dense or sparse. The rows are the same in each.
        y : array-like of shape (n_source,)
            Classes of the source rows.
        y_tgt : array-like of shape (n_target,), default=None
            Classes of the target rows; None draws them in one colour.
        reducer, subsample, random_state, display_labels, domain_names, scatter_kwargs : object
            As in :meth:`from_estimator`.
        ax : matplotlib Axes or array-like of Axes of shape (n_spaces,), default=None
            Where to draw; a single one is divided. None makes a figure.

        Returns
        -------
        FeatureSpaceDisplay
        """
        check_matplotlib(cls)
        spaces = {name: check_space(parts, name) for name, parts in spaces.items()}
        if not spaces:
            raise ValueError("spaces must hold at least one space, got none.")
        sizes = {name: [part.shape[0] for part in parts] for name, parts in spaces.items()}
        n_source, n_target = next(iter(sizes.values()))
        if any(size != [n_source, n_target] for size in sizes.values()):
            raise ValueError(f"spaces must hold the same rows each, got numbers of rows {sizes}.")
        y = check_labels(y, n_source, "y", "source")
        y_tgt = check_labels(y_tgt, n_target, "y_tgt", "target")
        rng = check_random_state(random_state)
        shown, of_target = (draw_rows(np.ones(n), subsample, rng) for n in (n_source, n_target))
        return cls._of_spaces(
            {name: (src[shown], tgt[of_target]) for name, (src, tgt) in spaces.items()},
            y[shown],
            None if y_tgt is None else y_tgt[of_target],
            np.ones(len(shown), dtype=int),
            reducer,
            rng,
        ).plot(
            ax,
            display_labels=display_labels,
            domain_names=domain_names,
            scatter_kwargs=scatter_kwargs,
        )

    @classmethod
    def _of_spaces(cls, spaces, y_source, y_target, source_domain, reducer, rng):
        points, axis_labels = {}, {}
        for name, (source, target) in spaces.items():
            both, axis_labels[name] = reduce_to_plane(stack(source, target), reducer, rng)
            points[name] = both[: source.shape[0]], both[source.shape[0] :]
        return cls(
            points,
            y_source=y_source,
            y_target=y_target,
            source_domain=source_domain,
            axis_labels=axis_labels,
        )

    def plot(self, ax=None, *, display_labels=None, domain_names=None, scatter_kwargs=None):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (n_spaces,), default=None
            Where to draw; a single one is divided. None makes a figure.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes, in their ascending order.
        domain_names : array-like of str of shape (n_source_domains + 1,), default=None
            Names of the source domains, in the order of their numbers, and of the target.
        scatter_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        FeatureSpaceDisplay
        """
        check_matplotlib(type(self))
        classes = np.unique(self.y_source)
        if self.y_target is not None:
            classes = np.union1d(classes, self.y_target)
        names = check_names(classes, display_labels, "display_labels", "class")
        numbers = np.unique(self._domain)
        default = ["source", "target"]
        if len(numbers) > 1:
            default = [*(f"source {number}" for number in numbers), "target"]
        domains = check_names(default, domain_names, "domain_names", "domain")
        colors = class_colors(len(classes))
        axes = make_axes(ax, len(self.spaces), _MAX_COLUMNS, size=(4.2, 3.8))
        written, names = written_names(names)
        self.scatters_ = []
        for panel, title in zip(axes, self.spaces, strict=True):
            self.scatters_.append(self._draw(panel, title, classes, colors, scatter_kwargs or {}))
            self._write(panel, title, dict(zip(classes, written, strict=False)))
        handles = legend_handles(domains, names, colors, self.y_target is None)
        self.legend_ = add_legend(axes[:_MAX_COLUMNS][-1], handles, of_figure=ax is None)
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    @property
    def _domain(self):
        if self.source_domain is None:
            return np.ones(len(self.y_source), dtype=int)
        return np.asarray(self.source_domain)

    def _draw(self, ax, title, classes, colors, scatter_kwargs):
        """Scatter the points of a space: those of each source domain, then the target's."""
        points, target = self.spaces[title]
        of_class = np.array(colors, dtype=object)
        style = {"s": 18, "alpha": 0.7}
        scatters = []
        for i, number in enumerate(np.unique(self._domain)):
            own = self._domain == number
            ring = {
                "marker": SOURCE_MARKERS[i % len(SOURCE_MARKERS)],
                "facecolors": "none",
                "edgecolors": list(of_class[np.searchsorted(classes, self.y_source[own])]),
                "linewidths": 1.1,
            }
            scatters.append(ax.scatter(*points[own].T, **{**style, **ring, **scatter_kwargs}))
        color = NEUTRAL
        if self.y_target is not None:
            color = list(of_class[np.searchsorted(classes, self.y_target)])
        filled = {"marker": TARGET_MARKER, "color": color, "linewidths": 0}
        scatters.append(ax.scatter(*target.T, **{**style, **filled, **scatter_kwargs}))
        ax.set(title=title, xticks=[], yticks=[])
        if self.axis_labels is not None:
            x_label, y_label = self.axis_labels[title]
            ax.set(xlabel=x_label, ylabel=y_label)
        return scatters

    def _write(self, ax, title, names):
        """Write the names of the classes in the midst of their source points."""
        from matplotlib.patheffects import withStroke

        points = self.spaces[title][0]
        for label, name in names.items():
            own = points[self.y_source == label]
            if len(own):
                ax.text(
                    *np.median(own, axis=0),
                    name,
                    ha="center",
                    va="center",
                    fontsize="small",
                    fontweight="bold",
                    path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )
