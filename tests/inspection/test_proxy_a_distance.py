import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from sk_dann.inspection import ProxyADistanceDisplay
from sk_dann.metrics import proxy_a_distance


@pytest.fixture(scope="module")
def spaces():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2))
    return {"alike": (rows[::2], rows[1::2]), "apart": (rows[:100], rows[100:] + 20)}


def _lengths(display):
    return [bar.get_width() for bar in display.bars_]


def test_bars_are_means_and_error_bars_deviations_over_repeats(spaces):
    display = ProxyADistanceDisplay.from_features(spaces, n_repeats=3)
    assert _lengths(display)[1] == 2
    assert _lengths(display)[0] < 0.5
    assert_allclose(_lengths(display), [d.mean() for d in display.distances.values()])
    (bars,) = display.bars_.errorbar[2]
    ends = [np.ptp(segment[:, 0]) for segment in bars.get_segments()]
    assert_allclose(ends, [2 * d.std(ddof=1) for d in display.distances.values()])
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["alike", "apart"]
    numbers = [text.get_text() for text in display.ax_.texts]
    assert numbers == [f"{length:.2f}" for length in _lengths(display)]


def test_distances_are_those_of_metrics(spaces):
    seeds = np.random.RandomState(5).randint(2**31 - 1, size=2)
    display = ProxyADistanceDisplay.from_features(spaces, n_repeats=2, random_state=5)
    for name, parts in spaces.items():
        expected = [proxy_a_distance(*parts, random_state=seed) for seed in seeds]
        assert_allclose(display.distances[name], expected)


def test_the_axis_reaches_from_alike_to_apart_and_says_so(spaces):
    display = ProxyADistanceDisplay.from_features(spaces, n_repeats=1)
    low, high = display.ax_.get_xlim()
    assert low == 0
    assert high > 2
    assert "0: domains look alike, 2: always told apart" in display.ax_.get_xlabel()
    assert display.bars_.errorbar is None
    # The first space is the uppermost.
    heights = [display.ax_.transData.transform((0, bar.get_y()))[1] for bar in display.bars_]
    assert heights == sorted(heights, reverse=True)


def test_the_input_and_the_features_without_and_with_adaptation(moons, adapted, source_only):
    X_src, _, X_tgt, _ = moons
    display = ProxyADistanceDisplay.from_estimator(
        adapted, X_src, X_tgt, source_only=source_only, n_repeats=1
    )
    rows = {
        "input": (X_src, X_tgt),
        "features without adaptation": map(source_only.transform, (X_src, X_tgt)),
        "adapted features": map(adapted.transform, (X_src, X_tgt)),
    }
    expected = ProxyADistanceDisplay.from_features(rows, n_repeats=1).distances
    assert display.distances == expected


def test_stacked_domains_are_taken_apart(moons, adapted):
    X_src, _, X_tgt, _ = moons
    X, domain = np.concatenate([X_src, X_tgt]), np.repeat([1, 2, -1], [50, 50, 90])
    stacked = ProxyADistanceDisplay.from_estimator(adapted, X, sample_domain=domain, n_repeats=1)
    apart = ProxyADistanceDisplay.from_estimator(adapted, X_src, X_tgt, n_repeats=1)
    assert stacked.distances == apart.distances


def test_long_names_stay_in_the_figure(texts_apart):
    names = [f"the features of a network with a very long name, number {i}" for i in range(6)]
    display = ProxyADistanceDisplay({name: [2.0, 2.0] for name in names}).plot()
    texts = [*display.ax_.get_yticklabels(), display.ax_.xaxis.label, *display.ax_.texts]
    texts_apart(display.figure_, texts)


def test_draws_into_given_axes_in_the_users_style(spaces):
    _, ax = plt.subplots()
    display = ProxyADistanceDisplay.from_features(
        spaces, n_repeats=1, ax=ax, bar_kwargs={"height": 0.2}
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert {round(bar.get_height(), 6) for bar in display.bars_} == {0.2}


def test_what_cannot_be_compared_is_refused(moons, make_dann, adapted, without_target, spaces):
    X_src, _, X_tgt, _ = moons
    with pytest.raises(NotFittedError):
        ProxyADistanceDisplay.from_estimator(make_dann(), X_src, X_tgt)
    with pytest.raises(ValueError, match="fitted without a target"):
        ProxyADistanceDisplay.from_estimator(without_target, X_src, X_tgt)
    with pytest.raises(ValueError, match="The target's rows come as X_tgt"):
        ProxyADistanceDisplay.from_estimator(adapted, X_src)
    with pytest.raises(ValueError, match="n_repeats must be at least 1, got 0"):
        ProxyADistanceDisplay.from_features(spaces, n_repeats=0)
    with pytest.raises(ValueError, match="at least one space"):
        ProxyADistanceDisplay.from_features({})
