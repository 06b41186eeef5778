"""`SourceCalibrationDisplay`: whether probabilities are right, where labels can tell."""

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from .._warnings import collected_warnings
from ..domains import select_labels, split_sample_domain
from ..exceptions import AdaptationWarning
from ..metrics._wrappers import name_for_fit, unwrap
from ..model_selection import SourceKFold
from ._plotting import check_matplotlib
from ._source_shares import source_log_proba

_RIGHT = "the predicted one"


class SourceCalibrationDisplay(CalibrationDisplay):
    """Reliability of probabilities on source rows that were not trained on.

    scikit-learn's :class:`~sklearn.calibration.CalibrationDisplay`, with folds that know two
    domains: each source row is predicted by a clone that was trained on the other folds and on
    the target. With more than two classes, how sure a prediction is stands against how often it is
    right.

    Probabilities on the target can be off where these are right: labels on the source cannot tell.
    But if they are off here, there is no reason to trust them there, nor scores that count on
    them, such as ``"calibrated_confidence"``.

    It is recommended to use :meth:`from_estimator` to create a `SourceCalibrationDisplay`. The
    parameters and attributes are those of :class:`~sklearn.calibration.CalibrationDisplay`.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        Share of the rows of a bin whose class is `pos_label`, or was predicted.
    prob_pred : ndarray of shape (n_bins,)
        Mean probability in each bin.
    y_prob : ndarray of shape (n_source,)
        Probability of each row.
    estimator_name : str, default=None
    pos_label : int, float, bool or str, default=None

    Attributes
    ----------
    line_ : matplotlib Line2D
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn.calibration.CalibrationDisplay.from_predictions : For labelled rows of the target.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import SourceCalibrationDisplay
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> clf = DANNClassifier(max_iter=5, random_state=0)
    >>> display = SourceCalibrationDisplay.from_estimator(clf, X_src, y_src, X_tgt, cv=2)
    >>> display.y_prob.shape
    (300,)
    """

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        X_tgt=None,
        *,
        sample_domain=None,
        cv=5,
        n_bins=5,
        strategy="uniform",
        pos_label=None,
        name=None,
        ax=None,
        ref_line=True,
        **kwargs,
    ):
        """Predict each source row by clones that have not seen it, and draw.

        Parameters
        ----------
        estimator : classifier
            With ``predict_proba``; clones of it are fitted. One that takes neither `X_tgt` nor
            `sample_domain` in ``fit`` is trained on the source alone.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
            Rows of the source, or with `sample_domain` of both domains.
        y : array-like of shape (n_samples,)
            Labels; those of target rows are never read.
        X_tgt : like `X`, default=None
            Rows of the target, all of them for every clone. In a pipeline they must pass through
            the earlier steps: ``transform_input=["X_tgt"]``, with metadata routing enabled.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows, negative for target rows.
        cv : int, default=5
            Number of folds of the source rows, stratified, not shuffled.
        n_bins : int, default=5
        strategy : {"uniform", "quantile"}, default="uniform"
            As for :func:`~sklearn.calibration.calibration_curve`.
        pos_label : int, float, bool or str, default=None
            Of two classes the one whose probability is drawn; None takes the second.
        name : str, default=None
            For the legend; None takes the classifier's class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        ref_line : bool, default=True
            Whether to draw where perfect probabilities would lie.
        **kwargs : dict
            For :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        SourceCalibrationDisplay

        Raises
        ------
        ValueError
            If the target comes both ways, `pos_label` is no class, or `label_shift` takes the
            target to have a class of the source not at all.

        Notes
        -----
        With `label_shift` probabilities are meant for the target's class shares. They are moved
        back to the source's here, whose rows they are judged by.
        """
        check_matplotlib(cls)
        labels, proba, classes = _held_out_proba(estimator, X, y, X_tgt, sample_domain, cv)
        if len(classes) == 2:
            pos_label = classes[1] if pos_label is None else pos_label
            if pos_label not in classes:
                raise ValueError(f"pos_label={pos_label!r} is not among {classes.tolist()}.")
            truth, y_prob = labels, proba[:, list(classes).index(pos_label)]
        else:
            is_right = classes[proba.argmax(axis=1)] == labels
            truth, y_prob = np.where(is_right, _RIGHT, "another"), proba.max(axis=1)
            pos_label = _RIGHT
        return cls.from_predictions(
            truth,
            np.clip(y_prob, 0, 1),
            n_bins=n_bins,
            strategy=strategy,
            pos_label=pos_label,
            name=type(unwrap(estimator).classifier).__name__ if name is None else name,
            ax=ax,
            ref_line=ref_line,
            **kwargs,
        )


def _held_out_proba(estimator, X, y, X_tgt, sample_domain, cv):
    """Return labels (n,), probabilities (n, C) and classes (C,) of the source rows."""
    folds, metadata, source = _folds(estimator, X, y, X_tgt, sample_domain, cv)
    labels = select_labels(y, source)
    classes = np.unique(labels)
    proba = np.zeros((_num_samples(X), len(classes)))
    for train, test in folds:
        fitted = clone(estimator)
        # Whether adapting does harm is for the fit on all rows to say.
        with collected_warnings(AdaptationWarning):
            fitted.fit(_safe_indexing(X, train), select_labels(y, train), **metadata(train))
        columns = np.searchsorted(classes, fitted.classes_)
        proba[test[:, None], columns] = np.exp(source_log_proba(fitted, _safe_indexing(X, test)))
    return labels, proba[source], classes


def _folds(estimator, X, y, X_tgt, sample_domain, cv):
    """Return the folds, what `fit` is passed beside rows and labels, and the source's rows."""
    n_samples = _num_samples(X)
    if sample_domain is None:
        source = np.arange(n_samples)
        folds = StratifiedKFold(cv).split(source, select_labels(y, source))
        name = None if X_tgt is None else name_for_fit(estimator, "X_tgt")
        return folds, lambda train: {} if name is None else {name: X_tgt}, source
    if X_tgt is not None:
        raise ValueError(
            "The target's rows come as X_tgt, or in X with sample_domain to mark them by negative "
            "numbers; got both."
        )
    domain = np.asarray(sample_domain)
    source, _ = split_sample_domain(domain, n_samples)
    folds = SourceKFold(cv).split(X, y, domain)
    name = name_for_fit(estimator, "sample_domain")
    if name is None:
        # The target's labels are not for training on.
        folds = ((train[domain[train] > 0], test) for train, test in folds)
        return folds, lambda train: {}, source
    return folds, lambda train: {name: domain[train]}, source
