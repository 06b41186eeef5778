"""A call that raises leaves an estimator as it was."""

import copy

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback

from sk_dann import BagOfWordsDANNClassifier, CDANClassifier, DANNClassifier, DANNClassifierCV
from sk_dann._fitting import all_or_nothing
from sk_dann.model_selection import SourceOnlyClassifier
from sk_dann.preprocessing import CorrelationRatioScaler, MarginalizedStackedDenoisingAutoencoder

QUICK = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
CLASSIFIERS = {
    "DANN": DANNClassifier(**QUICK),
    "early stopping": DANNClassifier(**QUICK, early_stopping=True),
    "estimate": DANNClassifier(**QUICK, label_shift="estimate"),
    "CDAN": CDANClassifier(**QUICK),
    "search": DANNClassifierCV(DANNClassifier(**QUICK), lambdas=[0, 1], cv=2, random_state=0),
    "recipe": BagOfWordsDANNClassifier(DANNClassifier(**QUICK), n_denoised=3, random_state=0),
}
every_classifier = pytest.mark.parametrize("estimator", CLASSIFIERS.values(), ids=CLASSIFIERS)


class Fail(Callback):
    """Fails at the end of an epoch."""

    def __init__(self, error, epoch=2):
        self.error = error
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise self.error


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, X_tgt = np.abs(rng.normal(size=(60, 4))), np.abs(rng.normal(size=(50, 4)))
    return X, np.where(X[:, 0] > 0.7, "cat", "dog"), X_tgt


def _state(estimator):
    return {name: id(value) for name, value in vars(estimator).items()}


def _set_callbacks(estimator, callbacks):
    name = next(n for n in estimator.get_params() if n.rpartition("__")[2] == "callbacks")
    return estimator.set_params(**{name: callbacks})


@every_classifier
@pytest.mark.parametrize(
    "spoil",
    [
        lambda X, y, X_tgt: (X[:, :2], np.where(y == "cat", "benign", "malignant"), X_tgt),
        lambda X, y, X_tgt: (X, np.full(60, "benign"), X_tgt),
        lambda X, y, X_tgt: (X, y[:5], X_tgt),
        lambda X, y, X_tgt: (np.where(X > 2, np.nan, X), y, X_tgt),
        lambda X, y, X_tgt: (X, y, sparse.csr_matrix(X_tgt)),
    ],
    ids=["target of other width", "one class", "too few labels", "NaN", "sparse target"],
)
def test_a_refit_on_bad_data_changes_nothing(estimator, data, spoil):
    clf = clone(estimator).fit(*data)
    expected, before = clf.predict_proba(data[2]), _state(clf)
    with pytest.raises(ValueError):  # noqa: PT011 - tests of bad input look at the messages
        clf.fit(*spoil(*data))
    assert _state(clf) == before
    assert clf.classes_.tolist() == ["cat", "dog"]
    np.testing.assert_array_equal(clf.predict_proba(data[2]), expected)


@every_classifier
@pytest.mark.parametrize("error", [MemoryError(), OSError("disk full"), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("fitted_before", [False, True])
def test_a_fit_that_fails_in_training_changes_nothing(estimator, data, error, fitted_before):
    clf = clone(estimator)
    X, y, X_tgt = data
    if fitted_before:
        clf.fit(X, y, X_tgt)
        expected = clf.predict_proba(X_tgt)
    _set_callbacks(clf, [Fail(error)])
    before = _state(clf)
    with pytest.raises(type(error)):
        clf.fit(X[:, :3], np.where(y == "cat", "benign", "malignant"), X_tgt[:, :3])
    assert _state(clf) == before
    if fitted_before:
        np.testing.assert_array_equal(clf.predict_proba(X_tgt), expected)
    else:
        with pytest.raises(NotFittedError):
            clf.predict(X_tgt)


def test_a_diverging_refit_changes_nothing(data):
    clf = DANNClassifier(**QUICK).fit(*data)
    expected = clf.predict_proba(data[2])
    clf.set_params(solver="sgd", learning_rate_init=1e300)
    with pytest.raises(ValueError, match="diverged"):
        clf.fit(*data)
    np.testing.assert_array_equal(clf.predict_proba(data[2]), expected)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_warm_start_that_fails_can_be_continued(data, solver):
    params = {**QUICK, "solver": solver, "warm_start": True, "lambda_schedule": "constant"}
    whole = DANNClassifier(**{**params, "max_iter": 6}).fit(*data)
    clf = DANNClassifier(**params).fit(*data)
    expected, history = clf.predict_proba(data[2]), copy.deepcopy(clf.history_)
    clf.set_params(max_iter=6, callbacks=[Fail(MemoryError(), epoch=5)])
    with pytest.raises(MemoryError):
        clf.fit(*data)
    assert clf.history_ == history
    np.testing.assert_array_equal(clf.predict_proba(data[2]), expected)
    clf.set_params(callbacks=None).fit(*data)
    # Neither weights nor moments nor the history were touched by what failed.
    assert clf.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(clf.predict_proba(data[2]), whole.predict_proba(data[2]))


@pytest.mark.parametrize(
    "transformer",
    [CorrelationRatioScaler(), MarginalizedStackedDenoisingAutoencoder(1)],
    ids=["scaler", "autoencoder"],
)
def test_a_transformer_stays_as_it_was(data, transformer):
    X, y, X_tgt = data
    transformer = clone(transformer).fit(X, y)
    expected, before = transformer.transform(X_tgt), _state(transformer)
    with pytest.raises(ValueError, match=r"y|NaN"):
        transformer.fit(np.where(X[:, :3] > 2, np.nan, X[:, :3]), None)
    assert _state(transformer) == before
    np.testing.assert_array_equal(transformer.transform(X_tgt), expected)


def test_a_source_only_classifier_stays_as_it_was(data):
    X, y, _ = data
    clf = SourceOnlyClassifier(LogisticRegression()).fit(X, y)
    before = _state(clf)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.fit(X[:, :2], y[:3])
    assert _state(clf) == before


def test_all_or_nothing_keeps_what_was_learned_when_interrupted():
    class Learner:
        @all_or_nothing(keeps="learned_")
        def fit(self, error, learned):
            self.seen_ = True
            if learned:
                self.learned_ = object()
            raise error

    for error, learned, kept in (
        (KeyboardInterrupt(), True, True),
        (KeyboardInterrupt(), False, False),
        (ValueError(), True, False),
    ):
        learner = Learner()
        with pytest.raises(type(error)):
            learner.fit(error, learned)
        assert hasattr(learner, "seen_") == kept
