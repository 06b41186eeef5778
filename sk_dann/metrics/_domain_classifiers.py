"""What a classifier that tells the domains apart knows: distances and importance weights.

Errors are taken in each domain apart and averaged, so domains of different size count alike.
Everything works on dense and sparse rows.
"""

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import check_array, check_random_state

# Of the SVMs. At the largest C of the grid, unscaled counts of words took 350.
_MAX_ITER = 10_000
_GRID = tuple(np.logspace(-5, 0, 10))


def importance_weights(
    X_source, X_target, *, classifier=None, cv=5, max_weight=20.0, random_state=0
):
    r"""Estimate how much more frequent each source row is in the target than in the source.

    Parameters
    ----------
    X_source : {array-like, sparse matrix} of shape (n, d)
    X_target : {array-like, sparse matrix} of shape (m, d)
    classifier : classifier, default=None
        With ``predict_proba``, for balanced classes. None scales the columns and takes a logistic
        regression.
    cv : int, default=5
        Number of folds; each row is judged by a classifier that was not trained on it. Fewer where
        a domain has fewer rows.
    max_weight : float, default=20.0
        Larger weights are clipped: a few rows would decide all.
    random_state : int, RandomState instance or None, default=0
        Of the folds.

    Returns
    -------
    ndarray of shape (n,)
        :math:`p / (1 - p)` for the probability :math:`p` of the target, both domains being taken
        for equally frequent. Not normalised; the mean is 1 where every target row could be a
        source row, up to chance, and less where domains overlap little.

    Raises
    ------
    ValueError
        If the columns differ, values are not finite, a domain has fewer than two rows, or
        `max_weight` is not positive.

    References
    ----------
    Bickel, Brückner, Scheffer: Discriminative learning for differing training and test
    distributions. ICML 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import importance_weights
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(0, 1, (200, 1)), rng.normal(1, 1, (200, 1))
    >>> weight = importance_weights(X_source, X_target)
    >>> bool(weight[X_source[:, 0] > 1].min() > weight[X_source[:, 0] < 0].max())
    True
    """
    if not max_weight > 0:
        raise ValueError(f"max_weight must be greater than 0, got {max_weight!r}.")
    X, is_target = _stack(X_source, X_target)
    proba = _cross_fit(X, is_target, classifier, cv, random_state, "predict_proba")
    odds = proba[~is_target, 1] / np.maximum(proba[~is_target, 0], np.finfo(float).tiny)
    return np.minimum(odds, max_weight)


def total_variation(X_source, X_target, *, classifier=None, cv=5, random_state=0):
    r"""Estimate the total variation of the domains by a classifier that tells them apart.

    Parameters
    ----------
    X_source : {array-like, sparse matrix} of shape (n, d)
    X_target : {array-like, sparse matrix} of shape (m, d)
    classifier : classifier, default=None
        For balanced classes; the better it is, the less is missed. None scales the columns and
        takes a logistic regression.
    cv : int, default=5
        Number of folds; each row is judged by a classifier that was not trained on it.
    random_state : int, RandomState instance or None, default=0
        Of the folds.

    Returns
    -------
    float
        From 0, alike, to 1, never alike: the share of target rows called target less that of
        source rows called target, or 0 where this is negative. The total variation
        :math:`\sup_A |P_T(A) - P_S(A)|` is at least as large, up to chance.

    Raises
    ------
    ValueError
        If the columns differ, values are not finite, or a domain has fewer than two rows.

    References
    ----------
    Ben-David, Blitzer, Crammer, Kulesza, Pereira, Vaughan: A theory of learning from different
    domains. Machine Learning 79, 2010, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import total_variation
    >>> total_variation(np.arange(10)[:, None], np.arange(20, 30)[:, None])
    1.0
    """
    X, is_target = _stack(X_source, X_target)
    called = _cross_fit(X, is_target, classifier, cv, random_state, "predict")
    return max(0.0, 1 - _errors(called, is_target))


def h_divergence(X_source, X_target, *, C=_GRID):
    r"""Empirical H-divergence of the domains for linear classifiers.

    Parameters
    ----------
    X_source : {array-like, sparse matrix} of shape (n, d)
    X_target : {array-like, sparse matrix} of shape (m, d)
    C : sequence of float, default=ten values from 1e-5 to 1
        Of the linear SVMs; the best one counts.

    Returns
    -------
    float
        :math:`2 (1 - \min_\eta [\text{share of source rows called target} + \text{share of target
        rows called source}])`, from 0 to 2. Judged by the rows that were trained on, as the bound
        wants it (:func:`~sk_dann.metrics.target_risk_bound`): with more columns than rows 2,
        whatever the domains.

    Raises
    ------
    ValueError
        If the columns differ, values are not finite, or a domain has fewer than two rows.

    Notes
    -----
    A minimum over all classifiers is out of reach; an SVM comes near it from above, so the
    divergence is not overestimated.

    References
    ----------
    Ganin et al.: Domain-adversarial training of neural networks. JMLR 17(59), 2016, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import h_divergence
    >>> h_divergence(np.arange(10)[:, None], np.arange(20, 30)[:, None])
    2.0
    """
    X, is_target = _stack(X_source, X_target)
    errors = [_errors(svm.predict(X), is_target) for svm in _svms(X, is_target, C)]
    # A classifier turned round has 2 less the errors.
    return float(2 * (1 - min(min(error, 2 - error) for error in errors)))


def proxy_a_distance(X_source, X_target, *, C=_GRID, random_state=0):
    r"""Proxy A-distance of the domains: how well a linear SVM tells held-out rows apart.

    Parameters
    ----------
    X_source : {array-like, sparse matrix} of shape (n, d)
    X_target : {array-like, sparse matrix} of shape (m, d)
    C : sequence of float, default=ten values from 1e-5 to 1
        Of the linear SVMs; the best one counts.
    random_state : int, RandomState instance or None, default=0
        Of the halves.

    Returns
    -------
    float
        :math:`2 (1 - 2 \epsilon)`, from 0 to 2, :math:`\epsilon` being the error on the half of
        each domain that was not trained on; above 0.5 it counts as :math:`1 - \epsilon`.

    Raises
    ------
    ValueError
        If the columns differ, values are not finite, or a domain has fewer than two rows.

    References
    ----------
    Ben-David, Blitzer, Crammer, Pereira: Analysis of representations for domain adaptation. NIPS
    2006. The recipe: Ganin et al.: Domain-adversarial training of neural networks. JMLR 17(59),
    2016, sections 3.1 and 5.1.5.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import proxy_a_distance
    >>> proxy_a_distance(np.arange(10)[:, None], np.arange(20, 30)[:, None])
    2.0
    """
    X, is_target = _stack(X_source, X_target)
    rng = check_random_state(random_state)
    train, test = train_test_split(
        np.arange(len(is_target)), test_size=0.5, stratify=is_target, random_state=rng
    )
    svms = _svms(X[train], is_target[train], C)
    errors = [_errors(svm.predict(X[test]), is_target[test]) / 2 for svm in svms]
    return float(2 * (1 - 2 * min(min(error, 1 - error) for error in errors)))


def _stack(X_source, X_target):
    """Return the rows of both domains, CSR if one is sparse, and which are the target's."""
    parts = []
    for X, name in ((X_source, "X_source"), (X_target, "X_target")):
        try:
            part = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if part.shape[0] < 2:
            raise ValueError(f"{name} must have at least two rows.")
        parts.append(part)
    if parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError(
            f"X_target has {parts[1].shape[1]} columns, but X_source has {parts[0].shape[1]}."
        )
    is_target = np.repeat([False, True], [part.shape[0] for part in parts])
    if any(map(sparse.issparse, parts)):
        return sparse.vstack([sparse.csr_matrix(part) for part in parts], format="csr"), is_target
    return np.concatenate(parts), is_target


def _cross_fit(X, is_target, classifier, cv, random_state, method):
    if classifier is None:
        scaler = MaxAbsScaler() if sparse.issparse(X) else StandardScaler()
        regression = LogisticRegression(class_weight="balanced", max_iter=1000)
        classifier = make_pipeline(scaler, regression)
    n_splits = min(cv, is_target.sum(), (~is_target).sum())
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
    # Not by cross_val_predict, which sets warnings filters that threads share.
    found = None
    for train, test in folds.split(np.zeros(len(is_target)), is_target):
        fitted = clone(classifier).fit(X[train], is_target[train])
        values = getattr(fitted, method)(X[test])
        if found is None:
            found = np.empty((len(is_target), *values.shape[1:]), values.dtype)
        found[test] = values
    return found


def _svms(X, is_target, C):
    """Yield a fitted linear SVM for each `C`."""
    if not len(C):
        raise ValueError("C must hold at least one number, got none.")
    for c in C:
        # The primal solver draws nothing, so threads cannot disturb it, and it converges where
        # that of the dual gives up.
        svm = LinearSVC(C=c, class_weight="balanced", dual=False, max_iter=_MAX_ITER)
        yield svm.fit(X, is_target)


def _errors(called_target, is_target):
    """Share of source rows called target plus share of target rows called source."""
    # Some classifiers answer 0 and 1 where they were asked False and True.
    called_target = np.asarray(called_target, dtype=bool)
    return float(np.mean(called_target[~is_target]) + np.mean(~called_target[is_target]))
