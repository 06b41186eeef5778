"""`adaptation_report`: whether adapting was worth it, and can be trusted."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from ._findings import find
from ._paired_fits import fit_pairs
from ._report_forms import to_html, to_text
from ._signs import Signs, read_signs
from ._verdict import judge


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class AdaptationReport(Signs):
    """What `adaptation_report` found; printed it is text, in a notebook a page.

    Pairs of numbers are named tuples: `source_only` is the same network without adaptation,
    `adapted` the network that was asked about, and `gain` the difference. C is the number of
    classes.

    Parameters
    ----------
    verdict : {"adapt", "do not adapt", "cannot tell"}
    rule : str
        By which rule, in a word or two; the user guide lists them.
    reliability : tuple of int or None
        How many verdicts by this rule were right, of how many, on the reported half of
        ``benchmarks/adaptation_report.py``; None where it does not decide.
    reasons : tuple of str
    findings : tuple of Finding
        What is to be said about the training: what was seen, why it matters, what to turn.
    classes : ndarray of shape (C,)
    n_source, n_target : int
        Numbers of rows.
    n_splits : int
        Pairs of fits.
    source_accuracy : Comparison of float
        Of source rows that were left out of training.
    source_accuracy_error : float
        Standard error of the difference.
    source_confidence : Comparison of float
        Mean largest probability of held-out source rows, calibrated on them.
    scores : dict of str to Comparison of float
        Label-free scores of the target: ``"calibrated_confidence"``, ``"importance_weighted"`` (of
        held-out source rows) and ``"infomax"``.
    class_shares : ndarray of shape (C,)
        In the source.
    expected_shares : ndarray of shape (C,)
        Those of the target that the adapted network takes for granted; the source's, unless
        `label_shift` says otherwise.
    predicted_shares : Comparison of ndarray of shape (C,)
        How often each class is predicted in the target.
    share_estimate : sk_dann.shift.ShareEstimate
        How often the classes occur in the target, told without labels from the networks that do
        not adapt.
    moved : float
        Share of the target rows whose predicted class is another after adapting.
    disagreement : Comparison of float
        Share of the target rows whose predicted class is another with another seed.
    input_distance : float
        Proxy A-distance of the domains, from 0, alike, to 2, told apart by a linear classifier.
    domain_distance : Comparison of float
        The same of the networks' features; NaN if the estimator has no `transform`.
    domain_accuracy : float or None
        Of the domain classifier in the last epoch; 0.5 at chance. None if the estimator keeps no
        history, or with ``lambda_adapt=0``, where features owe it nothing.
    shares_are_told : bool
        Whether predictions go by shares of the target's own: given, or estimated by the fit.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import adaptation_report
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    >>> dann = DANNClassifier(max_iter=20)
    >>> report = adaptation_report(dann, X_src, y_src, X_tgt, n_splits=2)
    >>> report.source_accuracy.source_only > 0.8
    True
    """

    verdict: str
    rule: str
    reliability: tuple | None
    reasons: tuple
    findings: tuple
    classes: np.ndarray
    n_source: int
    n_target: int
    n_splits: int

    def __str__(self):
        return to_text(self)

    def __repr__(self):
        return f"<AdaptationReport: {self.verdict} ({self.rule})>"

    def _repr_html_(self):
        return to_html(self)


@validate_params(
    {
        "estimator": "no_validation",
        "X_src": "no_validation",
        "y_src": "no_validation",
        "X_tgt": "no_validation",
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def adaptation_report(estimator, X_src, y_src, X_tgt, *, n_splits=5, n_jobs=None, random_state=0):
    """Say whether adapting is worth it, and whether its result can be trusted.

    The estimator and the same network without adaptation (``lambda_adapt=0``, no `terms`, no
    `label_shift`) are fitted `n_splits` times each, every time with another seed and another fold
    of the source rows left out. What they make of the left-out source rows and of the target,
    how their training went, and how far the seeds agree leads to a verdict by a few rules whose
    reasons are given. No label of the target is seen, so the verdict can be wrong, and is often
    "cannot tell": where the classes themselves mean something else in the target (concept shift),
    no data without labels show it.

    Parameters
    ----------
    estimator : classifier
        Fitted or not; a clone is fitted. A :class:`~sk_dann.DANNClassifier` or
        :class:`~sk_dann.CDANClassifier`, a pipeline that ends in one, or any classifier whose
        ``fit(X, y, X_tgt)`` has a parameter `lambda_adapt` somewhere. Of a search, pass its
        ``best_estimator_``.
    X_src : {array-like, sparse matrix, data frame} of shape (n_source, ...)
        Rows of one source; those of several are taken for one.
    y_src : array-like of shape (n_source,)
    X_tgt : like `X_src`, of shape (n_target, ...)
    n_splits : int, default=5
        Pairs of fits, and folds of the source rows. Each class needs as many rows.
    n_jobs : int, default=None
        Processes for the pairs, through :mod:`joblib`.
    random_state : int, RandomState instance or None, default=0
        Of folds and seeds.

    Returns
    -------
    AdaptationReport

    Raises
    ------
    TypeError
        If the estimator has no `lambda_adapt`, or is a search.
    ValueError
        If an argument does not fit the others, or training diverges.

    See Also
    --------
    sk_dann.DANNClassifierCV : Chooses λ without target labels, 0 included.

    Notes
    -----
    The user guide has a page on the rules, what chose their constants, and how often they were
    right.

    Examples
    --------
    >>> from sk_dann import DANNClassifier
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.inspection import adaptation_report
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(
    ...     n_samples_target=(270, 30), rotation=10, random_state=0
    ... )
    >>> dann = DANNClassifier(dropout=0, learning_rate_init=0.01, lambda_adapt=5, max_iter=30)
    >>> report = adaptation_report(dann, X_src, y_src, X_tgt, n_splits=3)
    >>> report.verdict
    'do not adapt'
    >>> report.predicted_shares.source_only.round(1)  # in the source they are equal
    array([0.9, 0.1])
    """
    X_src, X_tgt = (X.tocsr() if sparse.issparse(X) else X for X in (X_src, X_tgt))
    y_src = column_or_1d(y_src)
    check_classification_targets(y_src)
    n_source, n_target = _num_samples(X_src), _num_samples(X_tgt)
    if len(y_src) != n_source:
        raise ValueError(f"y_src holds {len(y_src)} labels for {n_source} rows of X_src.")
    if n_target < 2:
        raise ValueError(f"X_tgt must have at least two rows, got {n_target}.")
    names, counts = np.unique(y_src, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"y_src must hold at least two classes, got {names.tolist()}.")
    if counts.min() < n_splits:
        raise ValueError(
            f"Class {names[counts.argmin()]} has {counts.min()} rows in y_src, fewer than "
            f"n_splits={n_splits}. Lower n_splits, or leave the class out."
        )
    rng = check_random_state(random_state)
    pairs = fit_pairs(estimator, X_src, y_src, X_tgt, n_splits, rng, n_jobs)
    signs = read_signs(pairs)
    return AdaptationReport(
        **vars(signs),
        **judge(signs, pairs.classes)._asdict(),
        findings=tuple(find(signs, pairs)),
        classes=pairs.classes,
        n_source=n_source,
        n_target=n_target,
        n_splits=n_splits,
    )
