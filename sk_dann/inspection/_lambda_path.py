"""`LambdaPathDisplay`: scores along the λ of a search."""

from numbers import Real

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._plotting import FEW_COLORS, add_legend, check_matplotlib, make_axes, styled, wrapped

_MAX_TICKS = 12
_MEAN = "mean ± standard error"


class LambdaPathDisplay:
    """Scores of a search along λ, those of the chosen parameters brought out.

    A panel for each score. The line in colour belongs to the chosen values of the other
    parameters, with standard errors over the folds; other combinations of these are thin and
    grey, and a vertical line marks the chosen λ. The axis of λ is linear up to its smallest
    positive value and logarithmic from there on, so that 0, no adaptation, has its place.

    It is recommended to use :meth:`from_estimator` to create a `LambdaPathDisplay`. All
    parameters are stored as attributes.

    Parameters
    ----------
    lambdas : ndarray of shape (n_lambdas,)
        In ascending order.
    scores : dict of str to ndarray of shape (n_combinations, n_lambdas, n_splits)
        By the name of the score; NaN where there is none.
    combinations : list of dict, default=None
        The other parameters; None stands for a single combination without any.
    best_lambda : float, default=None
        The chosen λ; None marks none.
    best_combination : int, default=None
        Position of the chosen one among `combinations`; None takes, for each score, the one with
        the highest mean at any λ.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_scores,)
    figure_ : matplotlib Figure
    errorbars_ : dict of str to matplotlib ErrorbarContainer
        Of the chosen combination, by the name of the score.
    lines_ : dict of str to list of matplotlib Line2D
        Of the other combinations, by the name of the score.

    See Also
    --------
    sk_dann.DANNClassifierCV : Searches λ without target labels.

    Notes
    -----
    The folds share training rows, and how hard they are differs between them: errors of the score
    itself are too large to compare two λ, which all folds have seen alike. ``gain=True`` compares
    within folds.

    :class:`~sk_dann.DANNClassifierCV` smooths scores over λ before it compares them, and with
    several goes by the mean of their ranks, so what it chooses need not be the highest point of a
    panel.

    Examples
    --------
    >>> from sk_dann import DANNClassifier, DANNClassifierCV
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import LambdaPathDisplay
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> search = DANNClassifierCV(
    ...     DANNClassifier(max_iter=5), lambdas=[0, 0.3, 1], cv=3, random_state=0
    ... ).fit(X_src, y_src, X_tgt)
    >>> display = LambdaPathDisplay.from_estimator(search, gain=True)
    >>> display.lambdas
    array([0. , 0.3, 1. ])
    """

    def __init__(
        self, lambdas, scores, *, combinations=None, best_lambda=None, best_combination=None
    ):
        self.lambdas = lambdas
        self.scores = scores
        self.combinations = combinations
        self.best_lambda = best_lambda
        self.best_combination = best_combination

    @classmethod
    def from_estimator(cls, estimator, *, scoring=None, gain=False, ax=None, errorbar_kwargs=None):
        """Draw the results of a fitted search.

        Parameters
        ----------
        estimator : search
            Fitted, with ``cv_results_`` of several λ: a :class:`~sk_dann.DANNClassifierCV`, a
            :class:`~sklearn.model_selection.GridSearchCV` or the like over ``lambda_adapt`` or a
            parameter that ends in ``__lambda_adapt``, or a pipeline that ends in one. A search
            that does not combine each λ with the same other values, such as
            :class:`~sklearn.model_selection.RandomizedSearchCV`, gives single points.
        scoring : str or list of str, default=None
            Names of the scores to draw, None for all: ``"score"`` where a search has one without
            a name.
        gain : bool, default=False
            Draw how much the score is above that of λ = 0 with the same other parameters, in the
            same folds.
        ax : matplotlib Axes or array-like of Axes of shape (n_scores,), default=None
            Where to draw; a single one is divided. None makes a figure.
        errorbar_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        LambdaPathDisplay

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        TypeError
            If it is none.
        ValueError
            If it did not vary λ, or has no score of such a name; with `gain`, if λ = 0 is not
            among the values.
        """
        check_matplotlib(cls)
        check_is_fitted(estimator)
        while isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        if not hasattr(estimator, "cv_results_"):
            raise TypeError(
                f"{type(estimator).__name__} has no cv_results_: pass a fitted search, such as "
                "DANNClassifierCV or GridSearchCV."
            )
        results = estimator.cv_results_
        name = _find_lambda(results["params"])
        lambdas = [float(params[name]) for params in results["params"]]
        others = [_without(params, name) for params in results["params"]]
        # Values may be lists or estimators, which have no hash.
        combinations = {repr(other): other for other in others}
        keys, axis = list(combinations), np.unique(lambdas)
        place = [keys.index(repr(other)) for other in others], np.searchsorted(axis, lambdas)
        scores = {}
        for score, rows in _select_scores(results, scoring).items():
            scores[score] = np.full((len(keys), len(axis), rows.shape[1]), np.nan)
            scores[score][place] = rows
        best = {}
        if hasattr(estimator, "best_params_"):  # not in a search by several scores without refit
            best["best_lambda"] = float(estimator.best_params_[name])
            best["best_combination"] = keys.index(repr(_without(estimator.best_params_, name)))
        display = cls(axis, scores, combinations=list(combinations.values()), **best)
        return display.plot(ax, gain=gain, errorbar_kwargs=errorbar_kwargs)

    def plot(self, ax=None, *, gain=False, errorbar_kwargs=None):
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes of shape (n_scores,), default=None
            Where to draw; a single one is divided. None makes a figure.
        gain : bool, default=False
            Draw how much the score is above that of λ = 0 with the same other parameters, in the
            same folds.
        errorbar_kwargs : dict, default=None
            For :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        LambdaPathDisplay
        """
        check_matplotlib(type(self))
        if gain and 0 not in self.lambdas:
            raise ValueError(
                f"gain=True compares with λ = 0, which is not among {self.lambdas.tolist()}: "
                "search it too."
            )
        axes = make_axes(ax, len(self.scores), 1, size=(6.5, 2.8), share_x=True)
        self.errorbars_, self.lines_ = {}, {}
        for panel, (name, scores) in zip(axes, self.scores.items(), strict=True):
            label = name.replace("_", " ")
            if gain:
                scores = scores - scores[:, self.lambdas == 0]
                label = f"gain over λ = 0\n{label}"
                panel.axhline(0, color="0.8", linewidth=0.8, zorder=0)
            self._draw(panel, name, scores, errorbar_kwargs)
            panel.set_ylabel(label)
            self._scale(panel)
            add_legend(panel)
        axes[-1].set_xlabel("λ (lambda_adapt)")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def _draw(self, ax, name, scores, errorbar_kwargs):
        from matplotlib.lines import Line2D

        mean, error = scores.mean(axis=2), _standard_error(scores)
        chosen = self.best_combination
        if chosen is None:
            chosen = int(np.nanargmax(np.nanmax(np.where(np.isnan(mean), -np.inf, mean), axis=1)))
        rest = [i for i in range(len(mean)) if i != chosen]
        style = {"color": "0.7", "linewidth": 0.9, "marker": ".", "zorder": 1}
        self.lines_[name] = [ax.plot(self.lambdas, mean[i], **style)[0] for i in rest]
        if rest:
            self.lines_[name][0].set_label("other combinations")
        style = {"color": FEW_COLORS[0], "marker": "o", "markersize": 5, "capsize": 3}
        style = styled(Line2D, errorbar_kwargs, linewidth=1.6, label=self._label(chosen), **style)
        self.errorbars_[name] = ax.errorbar(self.lambdas, mean[chosen], error[chosen], **style)
        if self.best_lambda is not None:
            style = {"color": FEW_COLORS[2], "linestyle": "--", "linewidth": 1.2, "zorder": 0}
            ax.axvline(self.best_lambda, label=f"chosen: λ = {self.best_lambda:.3g}", **style)

    def _label(self, i):
        """Name a combination by the parameters in which it differs from others."""
        combinations = self.combinations or [{}]
        varied = [
            f"{key.split('__')[-1]}={f'{value:.3g}' if isinstance(value, Real) else value}"
            for key, value in combinations[i].items()
            if len({repr(each.get(key)) for each in combinations}) > 1
        ]
        return "\n".join([*filter(None, [wrapped(", ".join(varied), max_lines=4)]), _MEAN])

    def _scale(self, ax):
        low, high = self.lambdas.min(), self.lambdas.max()
        if low > 0:
            ax.set_xscale("log")
        elif high > 0:
            linear = self.lambdas[self.lambdas > 0].min()
            # Its own margin would show as much of negative numbers.
            ax.set_xlim(-0.2 * linear, 1.2 * high)
            ax.set_xscale("symlog", linthresh=linear, linscale=0.5)
        if len(self.lambdas) <= _MAX_TICKS:
            ax.set_xticks(self.lambdas, labels=[f"{value:.3g}" for value in self.lambdas])
            ax.set_xticks([], minor=True)


def _find_lambda(candidates):
    """Return the name under which the candidates of a search have λ."""
    names = dict.fromkeys(name for params in candidates for name in params)
    found = [name for name in names if name.split("__")[-1] == "lambda_adapt"]
    if len(found) != 1 or any(found[0] not in params for params in candidates):
        raise ValueError(
            "The search must vary one parameter that is or ends in lambda_adapt, in every "
            f"candidate; it has {sorted(names)}."
        )
    return found[0]


def _without(params, name):
    return {key: value for key, value in params.items() if key != name}


def _select_scores(results, scoring):
    """Return by the scores' names their values, of shape (n_candidates, n_splits)."""
    prefix = "mean_test_"
    known = [key.removeprefix(prefix) for key in results if key.startswith(prefix)]
    names = known if scoring is None else [scoring] if isinstance(scoring, str) else list(scoring)
    if not names or not set(names) <= set(known):
        raise ValueError(f"scoring must be among {known}, the scores of this search: {scoring!r}.")
    n_splits = sum(key.startswith("split") and key.endswith(f"_test_{known[0]}") for key in results)
    return {
        name: np.stack([results[f"split{i}_test_{name}"] for i in range(n_splits)], axis=1)
        for name in names
    }


def _standard_error(scores):
    """Return the standard error of means over the last axis, NaN where it has one value."""
    n = scores.shape[-1]
    if n < 2:
        return np.full(scores.shape[:-1], np.nan)
    return scores.std(axis=-1, ddof=1) / np.sqrt(n)
