import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("matplotlib")
from sk_dann._demo._figures import feature_space_figure
from sk_dann._demo._measure import run
from sk_dann._demo._moons_figure import moons_figure
from sk_dann._demo._tasks import DEMOS


@pytest.fixture(scope="module")
def fitted():
    demo = DEMOS["moons"]
    return run(demo, [demo.domains], [0], {**demo.params, "max_iter": 5})[1]


def test_feature_space_titles_and_points(fitted):
    figure = feature_space_figure(DEMOS["moons"], fitted)
    for ax, name in zip(figure.axes, ("source-only", "DANN"), strict=True):
        accuracy, auc = fitted.measured["accuracy", name], fitted.measured["AUC", name]
        told = fitted.measured["domains told apart (AUC)", name]
        assert ax.get_title() == (
            f"{name}: target accuracy {accuracy:.3f}, AUC {auc:.3f}\n"
            f"domains told apart with AUC {told:.3f}"
        )
        source, target = ax.collections
        assert len(source.get_offsets()) == len(target.get_offsets()) == 200
        # Principal components of both domains together.
        assert_allclose(
            np.concatenate([source.get_offsets(), target.get_offsets()]).mean(), 0, atol=1e-6
        )


def test_moons_show_the_points_themselves(fitted):
    figure = moons_figure(DEMOS["moons"], fitted)
    assert len(figure.axes) == 6
    shown = [c.get_offsets() for c in figure.axes[0].collections if len(c.get_offsets()) == 200]
    assert_allclose(shown, [fitted.task.X_src_test[:200], fitted.task.X_test[:200]])


@pytest.mark.parametrize("make_figure", [feature_space_figure, moons_figure])
def test_no_text_overlaps(make_figure, fitted, texts_apart):
    figure = make_figure(DEMOS["moons"], fitted)
    texts = [ax.title for ax in figure.axes] + figure.legends[0].get_texts()
    texts += [label for ax in figure.axes for label in (ax.xaxis.label, ax.yaxis.label)]
    texts_apart(figure, texts)
