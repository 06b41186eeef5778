import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import BagOfWordsDANNClassifier, DANNClassifierCV
from sk_dann.inspection import SourceCalibrationDisplay
from sk_dann.inspection._source_shares import source_log_proba
from sk_dann.metrics._wrappers import unwrap
from sk_dann.shift import move_posterior


@pytest.fixture(scope="module")
def stacked(moons):
    X_src, y_src, X_tgt, _ = moons
    X, y = np.concatenate([X_src, X_tgt]), [*y_src, *["?"] * 90]
    return X, y, np.repeat([1, -1], [100, 90])


def _held_out(make, X_src, y_src, **metadata):
    """Return the held-out log-probabilities of the source rows, and what was fitted to a fold."""
    y_src = np.array(y_src)
    log_proba = np.zeros((len(X_src), 2))
    for train, test in StratifiedKFold(3).split(X_src, y_src):
        clf = make().fit(X_src[train], y_src[train], **metadata)
        log_proba[test] = clf.predict_log_proba(X_src[test])
    return log_proba, clf


def test_each_source_row_is_predicted_by_a_clone_that_has_not_seen_it(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    display = SourceCalibrationDisplay.from_estimator(make_dann(), X_src, y_src, X_tgt, cv=3)
    log_proba, _ = _held_out(make_dann, X_src, y_src, X_tgt=X_tgt)
    expected = np.exp(log_proba[:, 1])
    assert_allclose(display.y_prob, expected)
    true, predicted = calibration_curve(np.array(y_src) == "upper", expected)
    assert_allclose(display.line_.get_xdata(), predicted)
    assert_allclose(display.line_.get_ydata(), true)
    assert display.pos_label == "upper"
    assert display.line_.get_label() == "DANNClassifier"


def test_a_target_as_long_as_the_source_is_not_cut(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    X_tgt = np.concatenate([X_tgt, X_tgt[:10]])
    display = SourceCalibrationDisplay.from_estimator(make_dann(), X_src, y_src, X_tgt, cv=3)
    log_proba, _ = _held_out(make_dann, X_src, y_src, X_tgt=X_tgt)
    assert_allclose(display.y_prob, np.exp(log_proba[:, 1]))


def test_stacked_domains_give_the_same_and_read_no_label_of_the_target(moons, make_dann, stacked):
    X, y, domain = stacked
    display = SourceCalibrationDisplay.from_estimator(make_dann(), X, y, sample_domain=domain, cv=3)
    apart = SourceCalibrationDisplay.from_estimator(make_dann(), *moons[:3], cv=3)
    assert_allclose(display.y_prob, apart.y_prob)


def test_pipelines_get_the_target_either_way(moons, make_dann, stacked):
    X, y, domain = stacked
    pipeline = make_pipeline(StandardScaler(), make_dann())
    display = SourceCalibrationDisplay.from_estimator(pipeline, X, y, sample_domain=domain, cv=3)
    assert display.y_prob.shape == (100,)
    assert display.line_.get_label() == "DANNClassifier"
    pipeline.set_params(transform_input=["X_tgt"])
    with config_context(enable_metadata_routing=True):
        display = SourceCalibrationDisplay.from_estimator(pipeline, *moons[:3], cv=3)
    assert display.y_prob.shape == (100,)


def test_other_classifiers_learn_from_the_source_alone(moons, stacked):
    X, y, domain = stacked
    expected = cross_val_predict(
        LogisticRegression(), moons[0], moons[1], cv=3, method="predict_proba"
    )
    for arguments in ({"X": X, "y": y, "sample_domain": domain}, {"X": moons[0], "y": moons[1]}):
        display = SourceCalibrationDisplay.from_estimator(LogisticRegression(), **arguments, cv=3)
        assert_allclose(display.y_prob, expected[:, 1])


def test_of_several_classes_the_predicted_one_counts():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    display = SourceCalibrationDisplay.from_estimator(LogisticRegression(), X, y, cv=3, n_bins=4)
    proba = cross_val_predict(LogisticRegression(), X, y, cv=3, method="predict_proba")
    assert_allclose(display.y_prob, proba.max(axis=1))
    is_right = proba.argmax(axis=1) == y
    true, _ = calibration_curve(is_right, proba.max(axis=1), n_bins=4)
    assert_allclose(display.prob_true, true)
    assert display.ax_.get_ylabel() == "Fraction of positives (Positive class: the predicted one)"


def test_probabilities_are_judged_by_the_shares_of_the_source(moons, make_dann):
    def make():
        return make_dann(label_shift=[0.9, 0.1])

    X_src, y_src, X_tgt, _ = moons
    display = SourceCalibrationDisplay.from_estimator(make(), X_src, y_src, X_tgt, cv=3)
    log_proba, clf = _held_out(make, X_src, y_src, X_tgt=X_tgt)
    expected = move_posterior(log_proba, [0.9, 0.1], clf.class_shares_)
    # Folds differ in their shares by a row.
    assert_allclose(display.y_prob, np.exp(expected[:, 1]), atol=0.02)
    assert np.abs(display.y_prob - np.exp(log_proba[:, 1])).max() > 0.2


@pytest.mark.parametrize("within", ["pipeline", "search", "words", "one sort of words"])
def test_shares_that_lie_deeper_are_moved_back_too(moons, make_dann, within):
    X_src, y_src, X_tgt = (np.abs(moons[0]), moons[1], np.abs(moons[2]))

    def make(shares):
        clf = make_dann(label_shift=shares)
        if within == "pipeline":
            return make_pipeline(StandardScaler(), clf).set_params(transform_input=["X_tgt"])
        if within == "search":
            return DANNClassifierCV(clf, lambdas=[1], cv=2, random_state=0)
        denoise = within == "words"
        return BagOfWordsDANNClassifier(clf, denoise=denoise, n_denoised=2, random_state=0)

    with config_context(enable_metadata_routing=True):
        clf = make([0.9, 0.1]).fit(X_src, y_src, X_tgt=X_tgt)
    last = unwrap(clf).classifier
    each = [unwrap(p).classifier for p in getattr(last, "pipelines_", {"": last}).values()]
    moved = clf.predict_proba(X_src)
    back = np.exp(source_log_proba(clf, X_src))
    # What networks tell that are said to have found no shift.
    for networks in each:
        networks.target_class_shares_ = networks.class_shares_
    assert_allclose(back, clf.predict_proba(X_src), rtol=1e-5)
    assert np.abs(back - moved).max() > 0.1


def test_classifiers_without_logarithms_are_taken(moons):
    forest = RandomForestClassifier(5, random_state=0)
    for clf in (forest, CalibratedClassifierCV(forest, cv=2)):
        display = SourceCalibrationDisplay.from_estimator(clf, *moons[:2], cv=3)
        expected = cross_val_predict(clf, *moons[:2], cv=3, method="predict_proba")
        assert_allclose(display.y_prob, expected[:, 1])


def test_a_class_that_the_target_is_taken_not_to_have_cannot_be_judged(moons, make_dann):
    message = r"target_class_shares_ are 0 for \['lower'\], which occur in the source"
    with pytest.raises(ValueError, match=message):
        SourceCalibrationDisplay.from_estimator(make_dann(label_shift=[0, 1]), *moons[:3], cv=3)


def test_a_class_of_no_weight_in_the_source_is_predicted_nowhere(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    weight = np.where(np.array(y_src) == "lower", 0.0, 1.0)
    clf = make_dann(label_shift=[0.5, 0.5]).fit(X_src, y_src, X_tgt, sample_weight=weight)
    assert_allclose(source_log_proba(clf, X_src)[:, 1], 0)


def test_two_classifiers_in_the_same_axes_with_one_reference(moons):
    first = SourceCalibrationDisplay.from_estimator(LogisticRegression(), *moons[:2])
    second = SourceCalibrationDisplay.from_estimator(
        LogisticRegression(C=0.01), *moons[:2], name="more regular", ax=first.ax_, pos_label="lower"
    )
    assert_allclose(second.y_prob.shape, 100)
    names = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert names == ["Perfectly calibrated", "LogisticRegression", "more regular"]


def test_arguments_that_do_not_fit_are_named(moons, stacked):
    X, y, domain = stacked
    with pytest.raises(ValueError, match=r"The target's rows come as X_tgt, or in X with.* both"):
        SourceCalibrationDisplay.from_estimator(
            LogisticRegression(), X, y, moons[2], sample_domain=domain
        )
    with pytest.raises(ValueError, match=r"pos_label='right' is not among \['lower', 'upper'\]"):
        SourceCalibrationDisplay.from_estimator(LogisticRegression(), *moons[:2], pos_label="right")
