"""Any classifier, trained on the source rows of stacked domains."""

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..domains import select_labels, split_sample_domain
from ._stock_tools import StackedDomainsMixin


def _has(name):
    def check(self):
        # What it lacks is for the wrapped classifier to say.
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class SourceOnlyClassifier(StackedDomainsMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Trains any classifier on the source rows of stacked domains, without adaptation.

    In stacked data, scikit-learn's own classifiers would learn from the labels of target rows, or
    from what stands for them. With `SourceOnlyClassifier` around them they do not, and can be
    searched and scored (:class:`DomainScorer`) on the same folds as those that adapt.

    Parameters
    ----------
    estimator : classifier
        In a pipeline, wrap the last step: the others then see the rows of both domains.

    Attributes
    ----------
    estimator_ : classifier
        Fitted to the source rows.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        Only if `estimator_` has it, as `feature_names_in_`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn import config_context
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> from sk_dann.model_selection import (
    ...     DomainKFold,
    ...     SourceOnlyClassifier,
    ...     get_scorer,
    ...     stack_domains,
    ... )
    >>> X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
    >>> X, y, domain = stack_domains(X_src, y_src, X_tgt)
    >>> with config_context(enable_metadata_routing=True):
    ...     scores = cross_validate(
    ...         SourceOnlyClassifier(LogisticRegression()),
    ...         X,
    ...         y,
    ...         cv=DomainKFold(3),
    ...         scoring=get_scorer("source_accuracy"),
    ...         params={"sample_domain": domain},
    ...     )
    >>> scores["test_score"].round(2)
    array([0.9 , 0.82, 0.93])
    """

    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__score = {"sample_domain": True}

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, *, sample_domain=None):
        """Train on the source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
        y : array-like of shape (n_samples,)
            Labels; those of target rows are never read and may be anything.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows, negative for target rows; all are the source's for None.

        Returns
        -------
        self : object
        """
        if sample_domain is not None:
            X, y = _source_of(X, y, sample_domain)
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
            elif hasattr(self, name):
                delattr(self, name)
        return self

    def _fitted(self):
        check_is_fitted(self)
        return self.estimator_

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._fitted().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities, if the classifier has them.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._fitted().predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithms of the class probabilities, if the classifier has them.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._fitted().predict_log_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X):
        """Confidence scores, if the classifier has them.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._fitted().decision_function(X)

    def score(self, X, y, *, sample_domain=None):
        """Accuracy on the source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, ...)
        y : array-like of shape (n_samples,)
        sample_domain : array-like of int of shape (n_samples,), default=None
            If given, only source rows (positive numbers) are scored.

        Returns
        -------
        float
        """
        if sample_domain is not None:
            X, y = _source_of(X, y, sample_domain)
        return float(accuracy_score(y, self.predict(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags = get_tags(self.estimator).classifier_tags
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _source_of(X, y, sample_domain):
    source, _ = split_sample_domain(sample_domain, _num_samples(X), need_target=False)
    return _safe_indexing(X, source), select_labels(y, source)
