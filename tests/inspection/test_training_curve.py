import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifierCV
from sk_dann.inspection import TrainingCurveDisplay


def _levels(ax):
    """Return by their labels the heights of the lines that have only one."""
    levels = {}
    for line in ax.lines:
        heights = np.unique(line.get_ydata())
        if len(heights) == 1 and list(line.get_xdata()) == [0, 1]:
            levels[line.get_label()] = heights[0]
    return levels


def test_the_lines_are_the_history(moons, make_dann):
    clf = make_dann(max_iter=5, early_stopping=True).fit(*moons[:3])
    display = TrainingCurveDisplay.from_estimator(clf)
    lines = {name: line.get_ydata() for name, line in display.lines_.items()}
    assert_array_equal(lines["label_loss"], clf.loss_curve_)
    assert_array_equal(lines["domain_loss"], clf.domain_loss_curve_)
    assert lines["domain_accuracy"][-1] == clf.domain_accuracy_
    assert_array_equal(lines["validation_accuracy"], clf.validation_scores_)
    assert_array_equal(lines["lambda_adapt"], clf.history_[:, "lambda_adapt"])
    for line in display.lines_.values():
        assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5])


def test_three_axes_share_the_epochs(adapted):
    display = TrainingCurveDisplay.from_estimator(adapted)
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "accuracy", "λ"]
    assert display.axes_[2].get_xlabel() == "epoch"
    display.axes_[0].set_xlim(-3, 9)
    assert display.axes_[2].get_xlim() == (-3, 9)
    assert "validation_accuracy" not in display.lines_
    # Nothing to name where there is one line that the axis names already.
    assert display.axes_[2].get_legend() is None


def test_solid_lines_are_labels_and_dashed_ones_domains(moons, make_dann):
    clf = make_dann(early_stopping=True).fit(*moons[:3])
    lines = TrainingCurveDisplay.from_estimator(clf).lines_
    styles = {name: line.get_linestyle() for name, line in lines.items()}
    assert styles["label_loss"] == styles["validation_accuracy"] == "-"
    assert styles["domain_loss"] == styles["domain_accuracy"] == "--"
    assert len({line.get_color() for line in lines.values()}) == 1


def test_chance_for_one_source_domain(adapted):
    losses, accuracies, _ = TrainingCurveDisplay.from_estimator(adapted).axes_
    assert _levels(losses) == {"domains at chance: 2 ln 2": 2 * math.log(2)}
    assert _levels(accuracies) == {"domains at chance": 0.5}


def test_chance_for_three_source_domains_is_what_knows_the_batches_alone(moons, make_dann):
    X, domain = np.concatenate([moons[0], moons[2]]), np.repeat([1, 2, 3, -1], [40, 40, 20, 90])
    clf = make_dann(batch_size=60).fit(X, [*moons[1], *["?"] * 90], sample_domain=domain)
    (level,) = _levels(TrainingCurveDisplay.from_estimator(clf).axes_[0]).values()
    # Half of a step's rows are the target's, a sixth each source's; the loss adds both sides up.
    assert level == pytest.approx(-math.log(1 / 6) - math.log(1 / 2))


def test_two_estimators_in_the_same_axes(adapted, source_only):
    first = TrainingCurveDisplay.from_estimator(source_only, name="λ = 0")
    second = TrainingCurveDisplay.from_estimator(adapted, name="λ = 1", ax=first.axes_)
    assert second.figure_ is first.figure_
    assert first.lines_["label_loss"].get_color() != second.lines_["label_loss"].get_color()
    names = [text.get_text() for text in first.axes_[0].get_legend().get_texts()]
    # The level at chance has one line and one name.
    assert names == [
        "λ = 0: label loss",
        "λ = 0: domain loss",
        "domains at chance: 2 ln 2",
        "λ = 1: label loss",
        "λ = 1: domain loss",
    ]
    names = [text.get_text() for text in first.axes_[2].get_legend().get_texts()]
    assert names == ["λ = 0", "λ = 1"]


def test_pipelines_and_searches_show_their_network(moons, adapted, make_dann):
    domain = np.repeat([1, -1], [100, 90])
    X, y = np.concatenate([moons[0], moons[2]]), [*moons[1], *["?"] * 90]
    pipeline = make_pipeline(StandardScaler(), make_dann())
    pipeline.fit(X, y, dannclassifier__sample_domain=domain)
    search = DANNClassifierCV(make_dann(), lambdas=[0, 1], cv=2, random_state=0)
    search.fit(*moons[:3])
    for estimator, network in ((pipeline, pipeline[-1]), (search, search.best_estimator_)):
        display = TrainingCurveDisplay.from_estimator(estimator)
        assert_array_equal(display.label_loss, network.loss_curve_)


def test_legends_cover_no_axes(adapted, texts_apart):
    display = TrainingCurveDisplay.from_estimator(adapted, name="a name")
    legends = [ax.get_legend() for ax in display.axes_]
    texts_apart(display.figure_, [text for legend in legends for text in legend.get_texts()])
    boxes = [ax.get_window_extent() for ax in display.axes_]
    assert all(legend.get_window_extent().count_overlaps(boxes) == 0 for legend in legends)


def test_a_single_axes_is_divided(adapted):
    _, ax = plt.subplots()
    display = TrainingCurveDisplay.from_estimator(adapted, ax=ax)
    assert len(display.axes_) == 3
    assert display.figure_ is ax.figure


def test_the_users_style_wins(adapted):
    display = TrainingCurveDisplay.from_estimator(adapted, line_kwargs={"lw": 5})
    assert_allclose([line.get_linewidth() for line in display.lines_.values()], 5)


def test_what_has_no_history_is_refused(make_dann, without_target):
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(make_dann())
    with pytest.raises(ValueError, match=r"fitted without a target.* loss_curve_ has the label"):
        TrainingCurveDisplay.from_estimator(without_target)
    with pytest.raises(TypeError, match="StandardScaler has no history_"):
        TrainingCurveDisplay.from_estimator(StandardScaler().fit([[0.0]]))
