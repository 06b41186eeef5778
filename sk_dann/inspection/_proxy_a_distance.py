"""`ProxyADistanceDisplay`: how far apart the domains are in each space."""

import numpy as np
from sklearn.utils import check_random_state

from ..metrics import proxy_a_distance
from ._plotting import FEW_COLORS, check_matplotlib, make_axes, styled, wrapped
from ._spaces import check_space, feature_spaces, split_domains


class ProxyADistanceDisplay:
    r"""Proxy A-distances of the domains, before and after adaptation, side by side.

    The distance is :math:`2 (1 - 2 \epsilon)` for the error :math:`\epsilon` of linear SVMs that
    learn to tell the domains apart: 0 where they can only guess (the domains look alike), 2 where
    they never err (the domains have nothing in common) [1]_. Figure 3 of the DANN paper compares
    the input with features learned without and with adaptation in this way [2]_.

    It is recommended to use :meth:`from_estimator` or :meth:`from_features` to create a
    `ProxyADistanceDisplay`. All parameters are stored as attributes.

    Parameters
    ----------
    distances : dict of str to array-like of shape (n_repeats,)
        By the name of the space, a distance for each way of cutting the rows into halves.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        Bars are means over repeats, error bars standard deviations.

    See Also
    --------
    sk_dann.metrics.proxy_a_distance : The distance.
    FeatureSpaceDisplay : The same spaces, seen.

    Notes
    -----
    A small distance alone is no success: features that have forgotten everything have distance 0.
    The best of several SVMs counts and an error above one half as its complement, so on few rows
    even domains that are alike have a distance above 0.

    References
    ----------
    .. [1] Ben-David, Blitzer, Crammer, Pereira: Analysis of representations for domain
       adaptation. NIPS 2006.
    .. [2] Ganin et al.: Domain-adversarial training of neural networks. JMLR 17(59), 2016,
       sections 3.1 and 5.1.5.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import ProxyADistanceDisplay
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=5, random_state=0).fit(X_src, y_src, X_tgt)
    >>> display = ProxyADistanceDisplay.from_estimator(clf, X_src, X_tgt, n_repeats=2)
    >>> list(display.distances)
    ['input', 'adapted features']
    """

    def __init__(self, distances):
        self.distances = distances

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        X_tgt=None,
        *,
        sample_domain=None,
        source_only=None,
        n_repeats=5,
        random_state=0,
        ax=None,
        bar_kwargs=None,
    ):
        """Compare the input of a network with its features.

        Parameters
        ----------
        estimator : classifier
            Fitted with a target, with ``transform``: a :class:`~sk_dann.DANNClassifier`, one in a
            search, or a :class:`~sklearn.pipeline.Pipeline` that ends in one.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
            Rows of the source, or with `sample_domain` of both domains; best such that were not
            trained on. Several source domains count as one.
        X_tgt : like `X`, default=None
            Rows of the target.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows, negative for target rows.
        source_only : classifier, default=None
            The same network fitted with ``lambda_adapt=0``: its features have a bar of their own.
        n_repeats : int, default=5
            How often the rows are cut into halves to learn from and to judge by; the same halves
            for each space.
        random_state : int, RandomState instance or None, default=0
            Of the halves and the SVMs.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        bar_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        ProxyADistanceDisplay

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If one has no ``transform``.
        ValueError
            If `estimator` was fitted without a target, or there is no target to compare with.
        """
        check_matplotlib(cls)
        X_source, _, _, X_target = split_domains(X, None, X_tgt, sample_domain)
        return cls.from_features(
            feature_spaces(estimator, X_source, X_target, source_only),
            n_repeats=n_repeats,
            random_state=random_state,
            ax=ax,
            bar_kwargs=bar_kwargs,
        )

    @classmethod
    def from_features(cls, spaces, *, n_repeats=5, random_state=0, ax=None, bar_kwargs=None):
        """Compare any spaces, such as the features of several estimators.

        Parameters
        ----------
        spaces : dict of str to (array, array)
            By the name of the bar, the rows of the source and of the target, of shapes
            (n_source, d) and (n_target, d); dense or sparse.
        n_repeats, random_state, ax, bar_kwargs : object
            As in :meth:`from_estimator`.

        Returns
        -------
        ProxyADistanceDisplay
        """
        check_matplotlib(cls)
        if not spaces:
            raise ValueError("spaces must hold at least one space, got none.")
        if n_repeats < 1:
            raise ValueError(f"n_repeats must be at least 1, got {n_repeats!r}.")
        seeds = check_random_state(random_state).randint(2**31 - 1, size=n_repeats)
        distances = {}
        for name, parts in spaces.items():
            rows = check_space(parts, name)
            found = [proxy_a_distance(*rows, random_state=int(seed)) for seed in seeds]
            distances[name] = np.array(found)
        return cls(distances).plot(ax, bar_kwargs=bar_kwargs)

    def plot(self, ax=None, *, bar_kwargs=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        bar_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        ProxyADistanceDisplay
        """
        check_matplotlib(type(self))
        from matplotlib.patches import Rectangle

        height = 1.3 + 0.45 * len(self.distances)
        (ax,) = make_axes(ax, 1, 1, size=(6.5, height))
        names = [wrapped(name) for name in self.distances]
        values = list(map(np.asarray, self.distances.values()))
        error = [v.std(ddof=1) if len(v) > 1 else np.nan for v in values]
        style = {"color": FEW_COLORS[0], "height": 0.6, "capsize": 3, "ecolor": "0.5"}
        error = error if np.isfinite(error).any() else None
        style = styled(Rectangle, bar_kwargs, xerr=error, **style)
        places = np.arange(len(names))
        self.bars_ = ax.barh(places, [v.mean() for v in values], **style)
        ax.bar_label(self.bars_, fmt="%.2f", padding=4, fontsize="small")
        ax.set_yticks(places, labels=names)
        ax.invert_yaxis()
        # Room for the number beside a full bar.
        ax.set(xlim=(0, 2.25), xticks=[0, 0.5, 1, 1.5, 2])
        ax.set_xlabel("proxy A-distance\n(0: domains look alike, 2: always told apart)")
        self.ax_, self.figure_ = ax, ax.figure
        return self
