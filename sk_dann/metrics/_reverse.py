"""Reverse validation: predicting the source back from the predictions on the target."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score

from .._warnings import collected_warnings
from ..domains import held_out_domains
from ..exceptions import AdaptationWarning
from ._wrappers import name_for_fit


def reverse_validation_score(estimator, X, y, X_tgt=None, *, sample_domain=None):
    """Accuracy on the source of a classifier trained on the predictions for the target.

    A clone of the estimator is fitted with the domains changing places: the target's rows with
    their predicted labels are its source, and the source's rows its target.

    Parameters
    ----------
    estimator : classifier
        Fitted. One that takes neither `X_tgt` nor `sample_domain` in ``fit``, alone or as last
        step of a pipeline, learns from the target's rows alone.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows of the source that `estimator` was not trained on, or with `sample_domain` of both
        domains. As without labels they do not count as seen, the clone adapts to the same rows.
    y : array-like of shape (n_samples,)
        Labels of the source's rows; those of the target's are not looked at.
    X_tgt : like `X`, default=None
    sample_domain : array-like of int of shape (n_samples,), default=None
        Positive for source rows, negative for target rows. The target comes either way, and the
        clone is fitted the same way.

    Returns
    -------
    float
        From 0 to 1. If one class alone is predicted on the target, so that there is nothing to
        train on, its share among the source's rows.

    Raises
    ------
    ValueError
        If neither or both of `X_tgt` and `sample_domain` are given, or `y` is None.

    Notes
    -----
    In a pipeline, `X_tgt` must pass through the earlier steps: ``transform_input=["X_tgt"]``, with
    metadata routing enabled. The paper's reverse classifier starts from the weights of the forward
    one; here it starts anew, as any estimator can.

    References
    ----------
    Zhong, Fan, Yang, Verscheure, Ren: Cross validation framework to choose amongst models and
    datasets for transfer learning. ECML-PKDD 2010. Ganin et al.: Domain-adversarial training of
    neural networks. JMLR 17(59), 2016, section 5.1.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sk_dann.metrics import reverse_validation_score
    >>> X, y, X_tgt = np.array([[-2.0], [-1.0], [1.0], [2.0]]), [0, 0, 1, 1], [[-1.5], [0.5]]
    >>> reverse_validation_score(LogisticRegression().fit(X, y), X, y, X_tgt)
    1.0
    """
    if y is None:
        raise ValueError("y is None, but reverse validation needs the labels of the source's rows.")
    X_source, labels, X_target = held_out_domains(X, y, X_tgt, sample_domain)
    predicted = np.asarray(estimator.predict(X_target))
    if np.all(predicted == predicted[0]):
        return float(np.mean(labels == predicted[0]))
    reverse = _turn_shares(clone(estimator), predicted, labels)
    metadata = name_for_fit(estimator, "X_tgt" if sample_domain is None else "sample_domain")
    # That the way back does harm is for the score to say.
    with collected_warnings(AdaptationWarning):
        if metadata is None:
            reverse.fit(X_target, predicted)
        elif sample_domain is None:
            reverse.fit(X_target, predicted, **{metadata: X_source})
        else:
            domain = np.asarray(sample_domain)
            stacked = np.resize(predicted, len(domain))
            stacked[domain < 0] = predicted
            reverse.fit(X, stacked, **{metadata: -domain})
    return float(accuracy_score(labels, reverse.predict(X_source)))


def _turn_shares(estimator, predicted, labels):
    """Let class shares of the target that were given be those of the source, which is one now."""
    for name, value in estimator.get_params().items():
        if name.split("__")[-1] == "label_shift" and not (value is None or isinstance(value, str)):
            counts = [np.sum(labels == label) for label in np.unique(predicted)]
            # Of labels that are never predicted the way back learns nothing.
            if np.sum(counts) > 0:
                estimator.set_params(**{name: np.divide(counts, np.sum(counts))})
    return estimator
