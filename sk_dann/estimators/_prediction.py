"""What all classifiers make of their log-probabilities."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from ..domains import split_sample_domain
from ._validation import check_labels


class PredictionMixin(ClassifierMixin):
    """Predictions and scores of a classifier that has `classes_` and ``predict_log_proba``."""

    # The labels of target rows are placeholders, which nobody should have to ask to be left out.
    __metadata_request__score = {"sample_domain": True}

    def predict_proba(self, X):
        """Class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        log_proba = self.predict_log_proba(X)
        return np.exp(log_proba, out=log_proba)

    def predict(self, X):
        """Predict classes, of target rows or of source rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        positions = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[positions]

    def score(self, X, y, sample_weight=None, *, sample_domain=None):
        """Accuracy of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        sample_domain : array-like of int of shape (n_samples,), default=None
            If given, only source rows (positive numbers) are scored: the labels of target rows
            are placeholders.

        Returns
        -------
        float
        """
        if sample_domain is None:
            return super().score(X, y, sample_weight)
        predicted = self.predict(X)
        rows, _ = split_sample_domain(sample_domain, len(predicted), need_target=False)
        labels = check_labels(self, y, len(predicted), rows)
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight)[rows]
        return accuracy_score(labels, predicted[rows], sample_weight=sample_weight)


class DecisionMixin(PredictionMixin):
    """And confidence scores; scikit-learn's checks want those of all numbers, counts or not."""

    def decision_function(self, X):
        """Confidence scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Two classes: the log-odds of ``classes_[1]``, so positive where it is predicted.
            More: the log-probability of each class.
        """
        log_proba = self.predict_log_proba(X)
        if len(self.classes_) == 2:
            return log_proba[:, 1] - log_proba[:, 0]
        return log_proba
