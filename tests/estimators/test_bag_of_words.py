import pickle
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.preprocessing import Normalizer, StandardScaler
from skorch.callbacks import Callback

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.datasets import fetch_amazon_reviews
from sk_dann.exceptions import NoTargetWarning, UntransformedTargetWarning
from sk_dann.model_selection import SourceKFold
from sk_dann.preprocessing import CorrelationRatioScaler
from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder as MSDA  # noqa: N817

QUICK = DANNClassifier(hidden_layer_sizes=(8,), max_iter=3)
RECIPE = BagOfWordsDANNClassifier(QUICK, random_state=0)


def make_counts(n_classes=2, n_source=60, n_target=50, d=20, seed=0):
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.5, size=(n_classes, d))
    drift = rng.gamma(2.0, size=d) / 2
    y = np.arange(n_source) % n_classes
    X = rng.poisson(rates[y])
    X_tgt = rng.poisson(rates[np.arange(n_target) % n_classes] * drift)
    kind = sparse.csr_matrix
    return kind(X, dtype=np.float32), y, kind(X_tgt, dtype=np.float32)


@pytest.fixture
def counts():
    return make_counts()


def stack(X, y, X_tgt, placeholder=-1):
    rows = sparse.vstack([X, X_tgt], format="csr")
    labels = np.r_[y, np.full(X_tgt.shape[0], placeholder)]
    return rows, labels, np.repeat([1, -1], [X.shape[0], X_tgt.shape[0]])


def test_it_is_the_steps_by_hand(counts):
    X, y, X_tgt = counts
    clf = clone(RECIPE).fit(X, y, X_tgt)
    rows, labels, domain = stack(X, y, X_tgt, 0)
    tfidf = TfidfTransformer(sublinear_tf=True).fit(rows)
    root = rows.sqrt()
    denoise = MSDA(2, noise=0.7, output="hidden").fit(root)
    centre = StandardScaler(with_std=False).fit(denoise.transform(root))
    log_proba = 0
    for name, features in (
        ("words", tfidf.transform(rows)),
        ("denoised", centre.transform(denoise.transform(root))),
    ):
        scale = CorrelationRatioScaler().fit(features, labels, sample_domain=domain)
        features = Normalizer().transform(scale.transform(features))
        dann = clone(clf.pipelines_[name][-1]).fit(features, labels, sample_domain=domain)
        log_proba = log_proba + dann.predict_log_proba(features) / 2
    expected = np.exp(log_proba)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(rows), expected, rtol=1e-4)
    np.testing.assert_array_equal(clf.predict(rows), clf.classes_[expected.argmax(axis=1)])


def test_both_ways_in_and_dense_counts_give_the_same(counts):
    apart = clone(RECIPE).fit(*counts).predict_proba(counts[2])
    rows, labels, domain = stack(*counts)
    stacked = clone(RECIPE).fit(rows, labels, sample_domain=domain).predict_proba(counts[2])
    np.testing.assert_array_equal(stacked, apart)
    X, y, X_tgt = counts[0].toarray(), counts[1], counts[2].toarray()
    dense = clone(RECIPE).fit(X, y, X_tgt).predict_proba(X_tgt)
    np.testing.assert_allclose(dense, apart, atol=2e-3)


@pytest.mark.parametrize("placeholder", [None, np.nan, "?", 77])
def test_labels_of_target_rows_are_never_read(counts, placeholder):
    rows, labels, domain = stack(*counts)
    expected = clone(RECIPE).fit(rows, labels, sample_domain=domain).predict_proba(rows)
    labels = [*counts[1], *[placeholder] * 50]
    clf = clone(RECIPE).fit(rows, labels, sample_domain=domain)
    assert clf.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(clf.predict_proba(rows), expected)


def test_several_sources_classes_and_names(counts):
    X, y, X_tgt = make_counts(n_classes=3)
    rows, _, domain = stack(X, y, X_tgt)
    domain[:20] = 2
    names = np.array(["good", "fair", "bad"])[np.r_[y, np.zeros(50, int)]]
    clf = clone(RECIPE).fit(rows, names, sample_domain=domain)
    assert clf.classes_.tolist() == ["bad", "fair", "good"]
    assert all(p[-1].n_source_domains_ == 2 for p in clf.pipelines_.values())
    assert clf.predict_proba(X_tgt).shape == (50, 3)
    assert clf.score(rows, names, sample_domain=domain) == pytest.approx(
        clf.score(rows[:60], names[:60])
    )


def test_without_denoising_there_are_the_words_alone(counts):
    both = clone(RECIPE).fit(*counts)
    words = clone(RECIPE).set_params(denoise=False).fit(*counts)
    assert list(both.pipelines_) == ["words", "denoised"]
    assert list(words.pipelines_) == ["words"]
    expected = both.pipelines_["words"].predict_proba(counts[2])
    np.testing.assert_array_equal(words.predict_proba(counts[2]), expected)


def test_only_frequent_words_are_denoised(counts):
    clf = clone(RECIPE).set_params(n_denoised=6).fit(*counts)
    denoise = clf.pipelines_["denoised"]["denoise"]
    n_rows = np.diff(sparse.vstack(counts[::2]).tocsc().indptr)
    kept = denoise.reconstructed_features_
    assert len(kept) == 6
    assert n_rows[kept].min() >= np.sort(n_rows)[-6]
    again = clone(clf).fit(*counts)
    np.testing.assert_array_equal(again.predict_proba(counts[2]), clf.predict_proba(counts[2]))


@pytest.mark.parametrize(
    "estimator",
    [
        CDANClassifier(hidden_layer_sizes=(8,), max_iter=3),
        DANNClassifierCV(QUICK, lambdas=[0, 1], cv=2),
        DANNClassifier(hidden_layer_sizes=(8,), max_iter=3, label_shift=[0.2, 0.8]),
    ],
    ids=["conditional", "search", "label shift"],
)
def test_other_networks(counts, estimator):
    clf = BagOfWordsDANNClassifier(estimator, random_state=0).fit(*counts)
    assert all(type(p[-1]) is type(estimator) for p in clf.pipelines_.values())
    np.testing.assert_allclose(clf.predict_proba(counts[2]).sum(axis=1), 1, rtol=1e-5)
    if getattr(estimator, "label_shift", None) is not None:
        plain, moved = (c.predict_proba(counts[2])[:, 1] for c in (clone(RECIPE).fit(*counts), clf))
        assert moved.min() > plain.min()
        assert moved.mean() > plain.mean()


def test_the_default_networks_are_those_that_the_documentation_names(counts):
    clf = BagOfWordsDANNClassifier(denoise=False, random_state=0).fit(*counts)
    described = BagOfWordsDANNClassifier.__doc__.split("None stands for")[1].split("``")[1]
    shown = repr(clf.pipelines_["words"][-1].set_params(random_state=None))
    for piece in ("(256,)", "dropout=0.7", "n_estimators=8", "InformationMaximization"):
        assert piece in described
        assert piece in shown


def test_how_counts_are_stored_does_not_matter(counts):
    X, y, X_tgt = counts
    expected = clone(RECIPE).fit(X, y, X_tgt).predict_proba(X_tgt)

    def spell_out(X):  # all zeros are stored, and all numbers in two halves
        halves = np.repeat(X.toarray().ravel() / 2, 2)
        starts = np.arange(0, halves.size + 1, 2 * X.shape[1])
        columns = np.tile(np.repeat(np.arange(X.shape[1]), 2), X.shape[0])
        return sparse.csr_matrix((halves, columns, starts), shape=X.shape)

    X, X_tgt = spell_out(X), spell_out(X_tgt)
    clf = clone(RECIPE).fit(X, y, X_tgt)
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), expected)
    assert X.nnz == 2 * 60 * 20


def test_no_target_is_said_once(counts):
    X, y, X_tgt = counts
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = clone(RECIPE).fit(X, y)
    assert [w.category for w in caught] == [NoTargetWarning]
    assert clf.predict(X_tgt).shape == (50,)


def test_fits_in_threads_leave_the_filters_of_warnings(counts):
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(clone(RECIPE).fit, *counts) for _ in range(4)]
    proba = [fit.result().predict_proba(counts[2]) for fit in fits]
    assert list(warnings.filters) == before
    for other in proba[1:]:
        np.testing.assert_array_equal(other, proba[0])


def test_untransformed_target_is_said_once(counts):
    X, y, X_tgt = counts
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clone(RECIPE).fit(X, y, 50 * X_tgt)
    assert [w.category for w in caught] == [UntransformedTargetWarning]


def test_bad_input_is_named(counts):
    X, y, X_tgt = counts
    with pytest.raises(ValueError, match=r"X must hold counts.*got -"):
        clone(RECIPE).fit(-X, y, X_tgt)
    with pytest.raises(ValueError, match=r"X_tgt must hold counts.*got -2"):
        clone(RECIPE).fit(X, y, -2 * (X_tgt > 0).astype(np.float32))
    clf = clone(RECIPE).fit(X, y, X_tgt)
    with pytest.raises(ValueError, match=r"X must hold counts"):
        clf.predict(-X)
    with pytest.raises(ValueError, match="X_tgt has 3 features"):
        clone(RECIPE).fit(X, y, X_tgt[:, :3])
    with pytest.raises(ValueError, match="n_denoised"):
        clone(RECIPE).set_params(n_denoised=0).fit(X, y, X_tgt)
    with pytest.raises(ValueError, match="'estimator' parameter"):
        BagOfWordsDANNClassifier(LogisticRegression()).fit(X, y, X_tgt)
    with pytest.raises(ValueError, match="lambda_adapt"):
        clone(RECIPE).set_params(estimator__lambda_adapt=-1).fit(X, y, X_tgt)


def test_what_comes_in_stays_as_it_was_and_storage_keeps_the_bits(counts):
    X, y, X_tgt = counts
    before = X.copy(), X_tgt.copy()
    template = clone(QUICK)
    clf = BagOfWordsDANNClassifier(template, random_state=0).fit(X, y, X_tgt)
    assert (before[0] != X).nnz == (X_tgt != before[1]).nnz == 0
    assert not hasattr(template, "net_")
    expected = clf.predict_proba(X_tgt)
    stored = pickle.loads(pickle.dumps(clf)).predict_proba(X_tgt)
    again = clone(clf).fit(X, y, X_tgt).predict_proba(X_tgt)
    np.testing.assert_array_equal(stored, expected)
    np.testing.assert_array_equal(again, expected)
    frame = pd.DataFrame(X.toarray(), columns=[f"w{i}" for i in range(20)])
    named = clone(clf).fit(frame, y, frame)
    assert named.feature_names_in_.tolist() == list(frame)


def test_output_asked_of_transformers_is_not_that_of_its_steps(counts):
    expected = clone(RECIPE).fit(*counts).predict_proba(counts[2])
    with config_context(transform_output="pandas"):
        found = clone(RECIPE).fit(*counts).predict_proba(counts[2])
    np.testing.assert_array_equal(found, expected)


class Interruption(Callback):
    """Ctrl-C at the end of an epoch, counted over all networks."""

    epochs = 0

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        Interruption.epochs += 1
        if Interruption.epochs == self.epoch:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("default_ctrl_c")
@pytest.mark.parametrize(("epoch", "names"), [(2, ["words"]), (5, ["words", "denoised"])])
@pytest.mark.parametrize("again", [False, True], ids=["first", "second fit"])
def test_an_interrupted_fit_leaves_what_has_been_learned(counts, epoch, names, again, monkeypatch):
    X, y, X_tgt = counts
    monkeypatch.setattr(Interruption, "epochs", 0)
    clf = clone(RECIPE)
    if again:  # to other columns
        clf.fit(X[:, :10], y, X_tgt[:, :10])
    with pytest.raises(KeyboardInterrupt):
        clf.set_params(estimator__callbacks=[Interruption(epoch)]).fit(X, y, X_tgt)
    assert list(clf.pipelines_) == names
    assert np.isfinite(clf.predict_proba(X_tgt)).all()
    clf.set_params(estimator__callbacks=None).fit(X, y, X_tgt)
    expected = clone(RECIPE).fit(X, y, X_tgt).predict_proba(X_tgt)
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), expected)


def test_a_fit_that_is_interrupted_before_it_learns_changes_nothing(counts, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    X, y, X_tgt = counts
    clf = clone(RECIPE).fit(X, y, X_tgt)
    expected = clf.predict_proba(X_tgt)
    monkeypatch.setattr(TfidfTransformer, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:, :10], y, X_tgt[:, :10])
    np.testing.assert_array_equal(clf.predict_proba(X_tgt), expected)


def test_searches_and_folds(counts):
    rows, labels, domain = stack(*counts)
    grid = {"estimator__lambda_adapt": [0, 1]}
    search = GridSearchCV(RECIPE, grid, cv=SourceKFold(2), error_score="raise")
    search.fit(rows, labels, groups=domain, sample_domain=domain)
    assert set(search.best_params_) == {"estimator__lambda_adapt"}
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(
            RECIPE, *counts[:2], cv=2, params={"X_tgt": counts[2][:45]}, error_score="raise"
        )
    assert np.isfinite(scores["test_score"]).all()


def test_real_reviews_gain_by_each_part(amazon_data_home):
    X, y, X_tgt, X_test, y_test = fetch_amazon_reviews(
        "dvd", "books", data_home=amazon_data_home, return_X_y=True
    )
    X, X_tgt, X_test = (part.astype(np.float32) for part in (X, X_tgt, X_test))
    dann = DANNClassifier(n_estimators=2, dropout=0.7)
    tfidf = TfidfTransformer(sublinear_tf=True).fit(sparse.vstack([X, X_tgt]))
    plain = clone(dann).set_params(random_state=0)
    plain.fit(tfidf.transform(X), y, tfidf.transform(X_tgt))
    words = BagOfWordsDANNClassifier(dann, denoise=False, random_state=0).fit(X, y, X_tgt)
    gain = words.score(X_test, y_test) - plain.score(tfidf.transform(X_test), y_test)
    assert gain > 0.005
