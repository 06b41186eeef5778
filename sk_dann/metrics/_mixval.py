"""MixVal: predictions between target rows should be those at the nearer row."""

import numpy as np
from sklearn.utils import check_array, check_random_state

from ..shift._checks import check_log_proba


def mixval_score(predict_log_proba, X_target, *, alpha=0.55, random_state=0):
    r"""Agreement of the predictions for mixed target rows with that for the larger part.

    Parameters
    ----------
    predict_log_proba : callable
        Returns log-probabilities of shape (m, C) for rows like `X_target`: a method of a
        fitted classifier.
    X_target : {array-like, sparse matrix} of shape (m, d)
        At least two rows, such as the classifier sees: the features of a pipeline's last step.
        Sparse ones stay sparse.
    alpha : float, default=0.55
        Part of the first row in a mix, between 0.5 and 1.
    random_state : int, RandomState instance or None, default=0
        Of the pairs.

    Returns
    -------
    float
        From 0 to 1: the mean of the agreement for pairs with one predicted class and for pairs
        with two. One class everywhere counts as no agreement for two, so it scores at most 0.5.

    Raises
    ------
    ValueError
        If `alpha` is out of range, there is but one row, values are no finite numbers (names of
        categories cannot be mixed), or what is predicted are no log-probabilities.

    Notes
    -----
    The paper ranks candidates by each kind and averages the ranks, which takes all candidates at
    once; here the agreements are averaged.

    References
    ----------
    Hu, Liang, Liew, Xue, Bai, Wang: Mixed samples as probes for unsupervised model selection in
    domain adaptation. NeurIPS 2023, equations 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann.metrics import mixval_score
    >>> X_target = np.array([[-1.1], [-1.0], [1.0], [1.1]])
    >>> mixval_score(lambda X: -np.logaddexp(0, 9 * X * [[1, -1]]), X_target)
    1.0
    """
    if not 0.5 < alpha < 1:
        raise ValueError(f"alpha must be between 0.5 and 1, got {alpha!r}.")
    floats = [np.float64, np.float32]
    X_target = check_array(X_target, accept_sparse="csr", dtype=floats, input_name="X_target")
    n_rows = X_target.shape[0]
    if n_rows < 2:
        raise ValueError("X_target must have at least two rows to be mixed.")

    def predict(X):
        return check_log_proba(predict_log_proba(X), "predict_log_proba(X)").argmax(axis=1)

    partner = check_random_state(random_state).permutation(n_rows)
    predicted = predict(X_target)
    mixed = alpha * X_target + (1 - alpha) * X_target[partner]
    agrees, alike = predict(mixed) == predicted, predicted == predicted[partner]
    agreement = [agrees[kind].mean() for kind in (alike, ~alike) if kind.any()]
    if np.all(predicted == predicted[0]):
        agreement.append(0.0)
    return float(np.mean(agreement))
