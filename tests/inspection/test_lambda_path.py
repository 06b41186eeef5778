import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifierCV
from sk_dann.inspection import LambdaPathDisplay
from sk_dann.model_selection import SourceKFold

LAMBDAS = [0, 0.1, 1]


@pytest.fixture(scope="module")
def search(moons, make_dann):
    search = DANNClassifierCV(
        make_dann(), lambdas=LAMBDAS, alphas=[1e-4, 1.0], cv=3, random_state=0
    )
    return search.fit(*moons[:3])


@pytest.fixture(scope="module")
def grid(moons, make_dann):
    params = {"dannclassifier__lambda_adapt": LAMBDAS[::-1], "dannclassifier__batch_size": [16, 32]}
    X, y = np.concatenate([moons[0], moons[2]]), [*moons[1], *moons[3]]
    pipeline = make_pipeline(StandardScaler(), make_dann())
    grid = GridSearchCV(pipeline, params, cv=SourceKFold(3))
    domain = np.tile([1, -1], 95)
    return grid.fit(X, y, groups=domain, dannclassifier__sample_domain=domain)


def _heights(container):
    """Return the points of an error bar, and how long the bars are to one side."""
    line, _, (bars,) = container
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    return line.get_ydata(), np.ptp(ends, axis=1) / 2


def test_a_panel_for_each_score_with_the_chosen_combination_brought_out(search):
    display = LambdaPathDisplay.from_estimator(search)
    names = ["calibrated_confidence", "importance_weighted"]
    assert [ax.get_ylabel() for ax in display.axes_] == [n.replace("_", " ") for n in names]
    chosen = int(search.alpha_ == 1.0)
    for name in names:
        scores = search.scores_[name][0].mean(axis=2)  # λ, weight decay, fold
        means, errors = _heights(display.errorbars_[name])
        assert_allclose(means, scores[:, chosen].mean(axis=1))
        assert_allclose(errors, scores[:, chosen].std(axis=1, ddof=1) / np.sqrt(3))
        (other,) = display.lines_[name]
        assert_allclose(other.get_ydata(), scores[:, 1 - chosen].mean(axis=1))
        assert_array_equal(other.get_xdata(), LAMBDAS)


def test_the_chosen_lambda_is_marked(search):
    display = LambdaPathDisplay.from_estimator(search, scoring="importance_weighted")
    (ax,) = display.axes_
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    label = f"chosen: λ = {search.lambda_adapt_:g}"
    assert label in names
    (line,) = [line for line in ax.lines if line.get_label() == label]
    assert_array_equal(line.get_xdata(), search.lambda_adapt_)
    assert any(f"alpha={search.alpha_:.3g}" in name for name in names)


def test_gain_is_taken_within_folds(search):
    display = LambdaPathDisplay.from_estimator(search, scoring=["importance_weighted"], gain=True)
    means, _ = _heights(display.errorbars_["importance_weighted"])
    results = search.cv_results_
    rows = results["param_alpha"] == search.alpha_
    assert_allclose(means, results["mean_gain_importance_weighted"][rows], atol=1e-12)
    _, errors = _heights(display.errorbars_["importance_weighted"])
    gains = results["std_gain_importance_weighted"][rows] / np.sqrt(2)  # ddof=1 of three folds
    assert_allclose(errors, gains, atol=1e-12)
    assert display.axes_[0].get_ylabel().startswith("gain over λ = 0")


def test_zero_has_its_place_on_the_axis(search):
    display = LambdaPathDisplay.from_estimator(search)
    for ax in display.axes_:
        assert ax.get_xscale() == "symlog"
        low, high = ax.get_xlim()
        assert low < 0 < 1 < high
        assert_array_equal(ax.get_xticks(), LAMBDAS)
    display.figure_.canvas.draw()
    ticks = [label.get_text() for label in display.axes_[-1].get_xticklabels()]
    assert ticks == ["0", "0.1", "1"]
    at = display.axes_[0].transData.transform([(value, 0) for value in LAMBDAS])[:, 0]
    assert np.diff(at).min() > 0.2 * np.diff(at).max()


def test_a_grid_search_over_a_pipeline_in_any_order(grid):
    display = LambdaPathDisplay.from_estimator(grid)
    assert_array_equal(display.lambdas, LAMBDAS)
    assert display.best_lambda == grid.best_params_["dannclassifier__lambda_adapt"]
    chosen = {k: v for k, v in grid.best_params_.items() if "lambda" not in k}
    assert display.combinations[display.best_combination] == chosen
    results = grid.cv_results_
    for i, combination in enumerate(display.combinations):
        for j, value in enumerate(LAMBDAS):
            params = {"dannclassifier__lambda_adapt": value, **combination}
            row = results["params"].index(params)
            expected = [results[f"split{k}_test_score"][row] for k in range(3)]
            assert_allclose(display.scores["score"][i, j], expected)


def test_single_points_of_a_randomized_search(moons, make_dann):
    params = {"lambda_adapt": list(np.linspace(0.1, 3, 20)), "alpha": list(np.logspace(-4, 0, 20))}
    search = RandomizedSearchCV(make_dann(), params, n_iter=5, cv=2, random_state=0)
    search.fit(moons[0], moons[1], X_tgt=moons[2])
    display = LambdaPathDisplay.from_estimator(search)
    assert display.axes_[0].get_xscale() == "log"
    shown = [line.get_ydata() for line in display.lines_["score"]]
    shown.append(display.errorbars_["score"][0].get_ydata())
    shown = np.concatenate(shown)
    assert_allclose(
        np.sort(shown[np.isfinite(shown)]), np.sort(search.cv_results_["mean_test_score"])
    )


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element")  # numpy 1.23
def test_without_a_choice_each_panel_brings_out_its_best():
    scores = np.array([[[0.5], [0.6]], [[0.4], [0.9]], [[np.nan], [np.nan]]])
    display = LambdaPathDisplay(
        np.array([0.0, 1.0]),
        {"a": scores, "b": -scores},
        combinations=[{"alpha": 1e-4}, {"alpha": 1.0}, {"alpha": 1e9}],
    ).plot()
    assert_allclose(display.errorbars_["a"][0].get_ydata(), [0.4, 0.9])
    assert_allclose(display.errorbars_["b"][0].get_ydata(), [-0.4, -0.9])
    # Nothing was chosen, and one fold has no standard error.
    assert not any("chosen" in line.get_label() for ax in display.axes_ for line in ax.lines)


def test_missing_scores_leave_gaps():
    scores = np.array([[[0.5, 0.6], [np.nan, 0.6], [0.7, 0.8]]])
    display = LambdaPathDisplay(np.array(LAMBDAS), {"a": scores}).plot()
    assert_allclose(display.errorbars_["a"][0].get_ydata(), [0.55, np.nan, 0.75])


def test_a_search_at_the_end_of_a_pipeline(moons, make_dann):
    search = DANNClassifierCV(make_dann(), lambdas=[0], cv=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), search)
    X, domain = np.concatenate([moons[0], moons[2]]), np.repeat([1, -1], [100, 90])
    pipeline.fit(X, [*moons[1], *moons[1][:90]], dannclassifiercv__sample_domain=domain)
    display = LambdaPathDisplay.from_estimator(pipeline)
    assert_array_equal(display.lambdas, [0])
    assert display.axes_[0].get_xscale() == "linear"


def test_what_has_no_path_is_refused(moons, make_dann, adapted, search):
    with pytest.raises(NotFittedError):
        LambdaPathDisplay.from_estimator(DANNClassifierCV(make_dann()))
    with pytest.raises(TypeError, match="DANNClassifier has no cv_results_"):
        LambdaPathDisplay.from_estimator(adapted)
    other = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(*moons[:2])
    with pytest.raises(ValueError, match=r"must vary one parameter .* lambda_adapt.*\['C'\]"):
        LambdaPathDisplay.from_estimator(other)
    with pytest.raises(ValueError, match=r"scoring must be among \['calibrated.*: 'infomax'"):
        LambdaPathDisplay.from_estimator(search, scoring="infomax")


def test_gain_needs_lambda_zero():
    display = LambdaPathDisplay(np.array([0.1, 1.0]), {"a": np.ones((1, 2, 2))})
    with pytest.raises(ValueError, match=r"λ = 0, which is not among \[0.1, 1.0\]"):
        display.plot(gain=True)


def test_the_users_style_wins(search):
    display = LambdaPathDisplay.from_estimator(search, errorbar_kwargs={"c": "red"})
    assert {bar[0].get_color() for bar in display.errorbars_.values()} == {"red"}


def test_a_search_that_chooses_nothing_marks_nothing(moons, make_dann):
    grid = {"lambda_adapt": [0, 1]}
    scoring = ["accuracy", "balanced_accuracy"]
    search = GridSearchCV(make_dann(), grid, cv=2, scoring=scoring, refit=False)
    search.fit(moons[0], moons[1], X_tgt=moons[2])
    display = LambdaPathDisplay.from_estimator(search)
    assert display.best_lambda is None
    assert [ax.get_ylabel() for ax in display.axes_] == ["accuracy", "balanced accuracy"]
    means, _ = _heights(display.errorbars_["accuracy"])
    assert_allclose(means, search.cv_results_["mean_test_accuracy"])
