"""Scorers that choose hyper-parameters without target labels."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils.metadata_routing import MetadataRequest

from .._warnings import warn_user
from ..domains import held_out_domains
from ..exceptions import OracleWarning
from ..metrics import reverse_validation_score
from ..metrics._table import SCORES, align_options, compute_score
from ..metrics._wrappers import name_for_fit, unwrap
from ._evidence import Evidence

ORACLE = "oracle_accuracy"


class DomainScorer(BaseEstimator):
    """Scorer of a classifier for a target without labels.

    For `scoring` of GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, cross_validate and the
    like, with any classifier that has ``predict_proba``, alone or in a pipeline. Greater is better.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`. What it computes is described at the function of
        :mod:`sk_dann.metrics` of that name and ``_score`` (``atc``:
        ``average_thresholded_confidence_score``).
    score_params : dict, default=None
        Keyword arguments for that function.

    Notes
    -----
    The target comes in one of two ways, with metadata routing enabled:

    - ``params={"X_tgt": X_tgt}``, next to folds of the source alone. A pipeline transforms the
      target's rows itself when it is asked for its predictions, whether or not `fit` took them.
      scikit-learn cuts a target with as many rows as the source to the fold.
    - ``params={"sample_domain": d}``, with both domains stacked and a splitter whose test folds
      hold rows of both, :class:`DomainKFold`. Labels of target rows are never looked at. A
      classifier that does not take `sample_domain` would train on them and is refused, also in an
      ensemble or behind a transformer that takes it: wrap it in a :class:`SourceOnlyClassifier`.
      Splitters that stratify by all labels, as an integer `cv` does, cut the folds by the target's.

    ``importance_weighted`` and ``mixval`` look at rows as the last step of a pipeline sees them,
    ``deep_embedded_validation`` at what its ``transform`` returns, if it has one.
    ``oracle_accuracy`` is for research: the accuracy on target rows, whose true labels stand in `y`
    with `sample_domain`; it gives an :class:`~sk_dann.exceptions.OracleWarning`.

    One class predicted everywhere has a score like any other, which the functions state;
    ``prediction_entropy`` and ``soft_neighborhood_density`` even prefer it.

    Examples
    --------
    >>> from sklearn import config_context
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.model_selection import DomainScorer
    >>> X, y, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> scorer = DomainScorer("infomax", score_params={"shares": [0.4, 0.6]})
    >>> with config_context(enable_metadata_routing=True):
    ...     search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, scoring=scorer)
    ...     search = search.fit(X, y, X_tgt=X_tgt[:200])
    >>> search.best_params_
    {'C': 1}
    """

    def __init__(self, name, *, score_params=None):
        self.name = name
        self.score_params = score_params

    def __call__(self, estimator, X, y=None, *, X_tgt=None, sample_domain=None):
        """Score a fitted classifier.

        Parameters
        ----------
        estimator : classifier
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
            Rows that it was not trained on: of the source, or with `sample_domain` of both domains.
        y : array-like of shape (n_samples,), default=None
            Labels of source rows; some scores need none.
        X_tgt : like `X`, default=None
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows, negative for target rows.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the target is missing, or what the score needs is.
        TypeError
            If the classifier has no ``predict_proba``.
        """
        _check_name(self.name)
        params = self.score_params or {}
        rows = held_out_domains(X, y, X_tgt, sample_domain)
        if sample_domain is not None and name_for_fit(estimator, "sample_domain") is None:
            raise ValueError(
                f"{type(unwrap(estimator).classifier).__name__} does not take sample_domain in "
                "fit, so that in stacked data it is trained on the target's labels, or what stands "
                "for them. Wrap it in a SourceOnlyClassifier of sk_dann.model_selection, or pass "
                "the source alone, and the target as X_tgt."
            )
        if self.name in _BY_ESTIMATOR:
            score = _BY_ESTIMATOR[self.name]
            return score(estimator, X, y, X_tgt, sample_domain=sample_domain, **params)
        params = align_options(params, estimator.classes_)
        return compute_score(self.name, Evidence(estimator, *rows), **params)

    def get_metadata_routing(self):
        """Ask for the target, whichever way it comes.

        Returns
        -------
        MetadataRequest
        """
        requests = MetadataRequest(owner=self)
        for name in ("X_tgt", "sample_domain"):
            requests.score.add_request(param=name, alias=True)
        return requests


def get_scorer(name, **score_params):
    """Return a scorer by its name.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`.
    **score_params
        Keyword arguments for the function of :mod:`sk_dann.metrics`.

    Returns
    -------
    DomainScorer

    Raises
    ------
    ValueError
        If there is no such scorer.

    Examples
    --------
    >>> from sk_dann.model_selection import get_scorer
    >>> get_scorer("infomax", shares=[0.3, 0.7])
    DomainScorer(name='infomax', score_params={'shares': [0.3, 0.7]})
    """
    _check_name(name)
    return DomainScorer(name, score_params=score_params or None)


def get_scorer_names():
    """Return the names of all scorers.

    Returns
    -------
    list of str
        In alphabetical order.

    Examples
    --------
    >>> from sk_dann.model_selection import get_scorer_names
    >>> get_scorer_names()[:3]
    ['atc', 'batch_nuclear_norm', 'calibrated_confidence']
    """
    return sorted([*SCORES, *_BY_ESTIMATOR])


def _check_name(name):
    if name not in get_scorer_names():
        raise ValueError(f"There is no scorer {name!r}; choose one of {get_scorer_names()}.")


def _oracle_accuracy(estimator, X, y, X_tgt=None, *, sample_domain=None):
    """Accuracy on target rows, which has to be told their labels."""
    if sample_domain is None or y is None:
        raise ValueError(
            "oracle_accuracy needs sample_domain, and in y the true labels of its target rows."
        )
    warn_user(
        "oracle_accuracy reads labels of target rows, so what it chooses cannot be chosen in use.",
        OracleWarning,
    )
    # With the signs turned round, the target's rows are those with labels.
    X_target, labels, _ = held_out_domains(X, y, X_tgt, np.negative(sample_domain))
    return float(accuracy_score(labels, estimator.predict(X_target)))


# What must fit anew, or must know which labels are whose, needs the estimator itself.
_BY_ESTIMATOR = {
    ORACLE: _oracle_accuracy,
    "reverse_validation": reverse_validation_score,
}
