"""A pair of domains of the Amazon reviews, in the forms that models take, and what comes out."""

from functools import cached_property

import numpy as np
from _timing import timed
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import roc_auc_score

from sk_dann.datasets import fetch_amazon_reviews


class Reviews:
    """The rows and labels of a task.

    Parameters
    ----------
    source, target : str

    Attributes
    ----------
    y_src, y_test : ndarray
    y_tgt : ndarray
        Labels of the rows to adapt to, for the model that is trained on them, as the limit.
    """

    def __init__(self, source, target):
        data = fetch_amazon_reviews(source, target)
        self._rows = data.X_src, data.X_tgt, data.X_test
        self.y_src, self.y_tgt, self.y_test = data.y_src, data.y_tgt, data.y_test

    @cached_property
    def counts(self):
        """CSR of source, target and test rows, float32."""
        return tuple(X.astype(np.float32) for X in self._rows)

    @cached_property
    def tfidf(self):
        """The same as sublinear tf-idf, fitted on the training rows of both domains."""
        tfidf = TfidfTransformer(sublinear_tf=True).fit(sparse.vstack(self._rows[:2]))
        return tuple(tfidf.transform(X) for X in self.counts)

    @cached_property
    def dense(self):
        """Tf-idf as dense arrays."""
        return tuple(X.toarray() for X in self.tfidf)


def load(source, target):
    """Return source rows and labels, target rows, test rows and labels, as tf-idf."""
    data = Reviews(source, target)
    X_src, X_tgt, X_test = data.tfidf
    return X_src, data.y_src, X_tgt, X_test, data.y_test


def judge(scores, y_test):
    """Return accuracy and AUC of scores that are positive where class 1 is predicted."""
    return float(np.mean((scores > 0) == y_test)), float(roc_auc_score(y_test, scores))


def measure(model, fit, X_test, y_test):
    """Fit and return accuracy, AUC and seconds; `fit` holds the arguments of `model.fit`."""
    seconds = timed(lambda: model.fit(*fit)).seconds
    log_proba = model.predict_log_proba(X_test)
    return *judge(log_proba[:, 1] - log_proba[:, 0], y_test), seconds


def adapt_on_tfidf(make, data, seed):
    """Fit an estimator of ours on tf-idf."""
    X_src, X_tgt, X_test = data.tfidf
    return measure(make(random_state=seed), (X_src, data.y_src, X_tgt), X_test, data.y_test)
