import numpy as np
import pytest
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifier
from sk_dann.metrics import reverse_validation_score

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


def _domains():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    X[:, 0] += 2 * y
    return X[:40], y[:40], X[40:], y[40:], rng.normal([0.5, 1, 0], size=(30, 3))


def _stack(X, y, X_tgt, placeholder=-9):
    order = np.random.default_rng(1).permutation(len(X) + len(X_tgt))
    rows, labels = np.r_[X, X_tgt], np.r_[y, np.full(len(X_tgt), placeholder)]
    return rows[order], labels[order], np.repeat([3, -2], [len(X), len(X_tgt)])[order]


def _expected(clf, X_val, y_val, X_tgt):
    reverse = DANNClassifier(**QUICK).fit(X_tgt, clf.predict(X_tgt), X_val)
    return reverse.score(X_val, y_val)


def test_dann_by_hand():
    X, y, X_val, y_val, X_tgt = _domains()
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    expected = _expected(clf, X_val, y_val, X_tgt)
    before = clf.predict_proba(X_val)
    assert reverse_validation_score(clf, X_val, y_val, X_tgt) == expected
    with config_context(enable_metadata_routing=True):
        assert reverse_validation_score(clf, X_val, y_val, X_tgt) == expected
    np.testing.assert_array_equal(clf.predict_proba(X_val), before)


def test_stacked_domains_change_places_as_they_are():
    X, y, X_val, y_val, X_tgt = _domains()
    rows, labels, domain = _stack(X_val, y_val, X_tgt)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    stacked = np.where(domain < 0, clf.predict(rows), 0)
    reverse = DANNClassifier(**QUICK).fit(rows, stacked, sample_domain=-domain)
    found = reverse_validation_score(clf, rows, labels, sample_domain=domain)
    assert found == reverse.score(X_val, y_val)


def test_names_of_classes_may_differ_in_length():
    X, y, X_val, y_val, X_tgt = _domains()
    names = np.array(["a", "longer"])
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    named = DANNClassifier(**QUICK).fit(X, names[y], X_tgt)
    for sign in (1, -1):
        rows, labels, domain = _stack(sign * X_val, y_val, sign * X_tgt)
        one = reverse_validation_score(clf, rows, labels, sample_domain=domain)
        stacked = np.where(domain > 0, names[np.maximum(labels, 0)], "?")
        assert reverse_validation_score(named, rows, stacked, sample_domain=domain) == one


@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_is_refitted_as_it_was_fitted(routing):
    X, y, X_val, y_val, X_tgt = _domains()
    rows, labels, domain = _stack(X, y, X_tgt)
    val_rows, val_labels, val_domain = _stack(X_val, y_val, X_tgt)
    with config_context(enable_metadata_routing=routing):
        pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
        name = "sample_domain" if routing else "dannclassifier__sample_domain"
        pipeline.fit(rows, labels, **{name: domain})
        found = reverse_validation_score(pipeline, val_rows, val_labels, sample_domain=val_domain)
        scaler = StandardScaler().fit(val_rows)
        stacked = np.where(val_domain < 0, pipeline.predict(val_rows), 0)
        reverse = DANNClassifier(**QUICK)
        reverse.fit(scaler.transform(val_rows), stacked, sample_domain=-val_domain)
        assert found == reverse.score(scaler.transform(X_val), y_val)


def test_the_source_passes_the_pipeline_as_target():
    X, y, X_val, y_val, X_tgt = _domains()
    steps = [("scale", StandardScaler()), ("dann", DANNClassifier(**QUICK))]
    with config_context(enable_metadata_routing=True):
        pipeline = Pipeline(steps, transform_input=["X_tgt"]).fit(X, y, X_tgt=X_tgt)
        found = reverse_validation_score(pipeline, X_val, y_val, X_tgt)
        scaler = StandardScaler().fit(X_tgt)
        reverse = DANNClassifier(**QUICK)
        reverse.fit(scaler.transform(X_tgt), pipeline.predict(X_tgt), scaler.transform(X_val))
        assert found == reverse.score(scaler.transform(X_val), y_val)


@pytest.mark.parametrize("routing", [False, True])
def test_any_classifier_learns_from_the_target_alone(routing):
    X, y, X_val, y_val, X_tgt = _domains()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    reverse = make_pipeline(StandardScaler(), LogisticRegression())
    expected = reverse.fit(X_tgt, pipeline.predict(X_tgt)).score(X_val, y_val)
    rows, labels, domain = _stack(X_val, y_val, X_tgt)
    with config_context(enable_metadata_routing=routing):
        assert reverse_validation_score(pipeline, X_val, y_val, X_tgt) == expected
        found = reverse_validation_score(pipeline, rows, labels, sample_domain=domain)
    assert found == pytest.approx(expected, abs=0.1)


def test_one_predicted_class_scores_its_share():
    _, _, X_val, y_val, X_tgt = _domains()
    clf = DummyClassifier(strategy="constant", constant=1).fit(X_val, y_val)
    assert reverse_validation_score(clf, X_val, y_val, X_tgt) == np.mean(y_val == 1)


def test_what_is_missing_is_named():
    X, y, _, _, X_tgt = _domains()
    clf = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"either X_tgt .* or sample_domain"):
        reverse_validation_score(clf, X, y)
    with pytest.raises(ValueError, match="y is None"):
        reverse_validation_score(clf, X, None, X_tgt)


def test_class_shares_that_were_told_change_places_too():
    X, y, X_val, y_val, X_tgt = _domains()
    told = {"label_shift": [0.55, 0.45]}
    clf = DANNClassifier(**QUICK, **told).fit(X, y, X_tgt)
    shares = np.bincount(y_val) / len(y_val)
    reverse = DANNClassifier(**QUICK, label_shift=shares).fit(X_tgt, clf.predict(X_tgt), X_val)
    for estimator in (clf, make_pipeline("passthrough", clf)):
        found = reverse_validation_score(estimator, X_val, y_val, X_tgt)
        assert found == reverse.score(X_val, y_val)
    assert clf.label_shift == told["label_shift"]
