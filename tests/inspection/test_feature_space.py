import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.manifold import TSNE
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import BagOfWordsDANNClassifier, DANNClassifierCV
from sk_dann.inspection import FeatureSpaceDisplay
from sk_dann.inspection._plotting import FEW_COLORS, NEUTRAL


def _labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def _both(display, i):
    """Return all points of a panel, source rows first."""
    return np.concatenate([scatter.get_offsets() for scatter in display.scatters_[i]])


def test_two_columns_are_drawn_as_they_are(moons, adapted):
    X_src, y_src, X_tgt, _ = moons
    display = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt)
    source, target = display.scatters_[0]
    assert_allclose(source.get_offsets(), X_src)
    assert_allclose(target.get_offsets(), X_tgt)
    assert display.axes_[0].get_xlabel() == "column 1"


def test_features_are_drawn_by_principal_components_of_both_domains(moons, adapted):
    X_src, y_src, X_tgt, _ = moons
    display = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt)
    features = adapted.transform(np.concatenate([X_src, X_tgt]))
    expected = PCA(2).fit_transform(features)
    found = _both(display, 1)
    signs = np.sign((found * expected).sum(axis=0))
    assert_allclose(found, expected * signs, atol=1e-6)
    assert display.axes_[1].get_title() == "adapted features"


def test_source_only_features_take_the_place_of_the_input(moons, adapted, source_only):
    X_src, y_src, X_tgt, _ = moons
    display = FeatureSpaceDisplay.from_estimator(
        adapted, X_src, y_src, X_tgt, source_only=source_only
    )
    assert list(display.spaces) == ["features without adaptation", "adapted features"]
    expected = PCA(2).fit_transform(source_only.transform(np.concatenate([X_src, X_tgt])))
    assert_allclose(np.abs(_both(display, 0)), np.abs(expected), atol=1e-6)


def test_colours_are_classes_rings_source_and_triangles_target(moons, adapted):
    X_src, y_src, X_tgt, y_tgt = moons
    display = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt, y_tgt)
    source, target = display.scatters_[1]
    color_of = dict(zip(["lower", "upper"], FEW_COLORS, strict=False))
    assert len(source.get_facecolors()) == 0
    found = [to_hex(color) for color in source.get_edgecolors()]
    assert found == [color_of[y].lower() for y in y_src]
    assert [to_hex(c) for c in target.get_facecolors()] == [color_of[y].lower() for y in y_tgt]
    ring, triangle = source.get_paths()[0], target.get_paths()[0]
    assert len(triangle.vertices) == 4 < len(ring.vertices)
    assert _labels(display.legend_) == ["source", "target", "lower", "upper"]


def test_without_labels_the_target_has_one_colour_that_is_no_class(moons, adapted):
    X_src, y_src, X_tgt, _ = moons
    display = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt)
    (color,) = display.scatters_[1][1].get_facecolors()
    assert to_hex(color) == to_hex(NEUTRAL)
    assert "target (no classes)" in _labels(display.legend_)


def test_labels_of_stacked_target_rows_are_never_read(moons, adapted):
    X_src, y_src, X_tgt, _ = moons
    X, domain = np.concatenate([X_src, X_tgt]), np.repeat([1, -1], [100, 90])
    stacked = FeatureSpaceDisplay.from_estimator(
        adapted, X, [*y_src, *["?"] * 90], sample_domain=domain
    )
    apart = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt)
    for i in range(2):
        assert_allclose(_both(stacked, i), _both(apart, i))
    assert _labels(stacked.legend_) == _labels(apart.legend_)


def test_each_source_domain_has_a_marker_of_its_own(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    X, domain = np.concatenate([X_src, X_tgt]), np.repeat([3, 7, -1], [60, 40, 90])
    y = [*y_src, *["?"] * 90]
    clf = make_dann().fit(X, y, sample_domain=domain)
    display = FeatureSpaceDisplay.from_estimator(clf, X, y, sample_domain=domain)
    third, seventh, target = display.scatters_[0]
    assert_allclose(third.get_offsets(), X_src[:60])
    assert_allclose(seventh.get_offsets(), X_src[60:])
    assert_allclose(target.get_offsets(), X_tgt)
    markers = {tuple(scatter.get_paths()[0].vertices.ravel()) for scatter in display.scatters_[0]}
    assert len(markers) == 3
    assert _labels(display.legend_)[:3] == ["source 3", "source 7", "target (no classes)"]


def test_pipelines_show_what_their_network_sees(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    X, domain = np.concatenate([X_src, X_tgt]) * 100, np.repeat([1, -1], [100, 90])
    pipeline = make_pipeline(StandardScaler(), make_dann())
    pipeline.fit(X, [*y_src, *y_src[:90]], dannclassifier__sample_domain=domain)
    display = FeatureSpaceDisplay.from_estimator(pipeline, X[:100], y_src, X[100:])
    assert_allclose(_both(display, 0), pipeline[0].transform(X))


def test_words_are_reduced_without_becoming_dense(make_dann):
    words = ["good tea", "bad tea", "good drink", "bad drink"] * 5
    snacks = ["good bar", "bad crisps", "good crisps"] * 4
    domain, y = np.repeat([1, -1], [20, 12]), [1, 0] * 10 + [-1] * 12
    pipeline = make_pipeline(CountVectorizer(dtype=np.float32), make_dann())
    pipeline.fit([*words, *snacks], y, dannclassifier__sample_domain=domain)
    display = FeatureSpaceDisplay.from_estimator(pipeline, words, y[:20], snacks)
    counts = pipeline[0].transform([*words, *snacks])
    expected = TruncatedSVD(2, random_state=0).fit_transform(counts)
    assert_allclose(np.abs(_both(display, 0)), np.abs(expected), atol=1e-4)
    assert display.axes_[0].get_xlabel() == "first singular vector"


def test_searches_show_their_best_network(moons, make_dann):
    X_src, y_src, X_tgt, _ = moons
    search = DANNClassifierCV(make_dann(), lambdas=[0, 1], cv=2, random_state=0)
    grid = GridSearchCV(make_dann(), {"lambda_adapt": [1]}, cv=2)
    for each in (search.fit(X_src, y_src, X_tgt), grid.fit(X_src, y_src, X_tgt=X_tgt)):
        found = FeatureSpaceDisplay.from_estimator(each, X_src, y_src, X_tgt)
        best = FeatureSpaceDisplay.from_estimator(each.best_estimator_, X_src, y_src, X_tgt)
        assert_allclose(_both(found, 1), _both(best, 1))


@pytest.mark.parametrize("reducer", [TSNE(perplexity=5, max_iter=250), TruncatedSVD(2)])
def test_any_transformer_with_fit_transform_reduces(reducer, moons, adapted):
    X_src, y_src, X_tgt, _ = moons
    display = FeatureSpaceDisplay.from_estimator(
        adapted, X_src, y_src, X_tgt, reducer=reducer, subsample=20
    )
    assert _both(display, 1).shape == (40, 2)
    assert display.axes_[1].get_ylabel() == f"{type(reducer).__name__} 2"
    assert not any(name.endswith("_") for name in vars(reducer)), "the reducer itself was fitted"


def test_a_reducer_to_other_than_two_columns_is_refused(moons, adapted):
    with pytest.raises(ValueError, match=r"two columns, but PCA.* shape \(190, 1\)"):
        FeatureSpaceDisplay.from_estimator(adapted, *moons[:3], reducer=PCA(1))


def test_one_column_is_spread_out(moons):
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(30, 1)), rng.normal(size=(20, 1))
    display = FeatureSpaceDisplay.from_features({"one": (source, target)}, np.zeros(30))
    assert_allclose(_both(display, 0)[:, 0], np.concatenate([source, target])[:, 0])
    assert np.ptp(_both(display, 0)[:, 1]) > 0.5
    assert display.axes_[0].get_ylabel() == "at random height"


def test_subsample_draws_rows_of_each_domain_with_their_labels(moons, adapted):
    X_src, y_src, X_tgt, y_tgt = moons
    display = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt, y_tgt, subsample=10)
    source, target = display.spaces["input"]
    for points, labels, X, y in (
        (source, display.y_source, X_src, y_src),
        (target, display.y_target, X_tgt, y_tgt),
    ):
        rows = [int(np.flatnonzero((point == X).all(axis=1))[0]) for point in points]
        assert len(set(rows)) == 10
        assert_array_equal(labels, np.array(y)[rows])
    again = FeatureSpaceDisplay.from_estimator(adapted, X_src, y_src, X_tgt, y_tgt, subsample=10)
    assert_array_equal(again.spaces["input"][0], source)


def test_all_rows_without_subsample(moons, adapted):
    display = FeatureSpaceDisplay.from_features(
        {"x": (moons[0], moons[2])}, moons[1], subsample=None
    )
    assert _both(display, 0).shape == (190, 2)
    with pytest.raises(ValueError, match="subsample must be at least 1"):
        FeatureSpaceDisplay.from_estimator(adapted, *moons[:3], subsample=0)


def test_sparse_and_dense_features_show_the_same():
    rng = np.random.default_rng(0)
    source, target = rng.poisson(0.5, size=(2, 25, 2)).astype(float)
    spaces = {"dense": (source, target), "sparse": map(sparse.csr_matrix, (source, target))}
    display = FeatureSpaceDisplay.from_features(spaces, rng.integers(0, 2, 25))
    assert_array_equal(_both(display, 0), _both(display, 1))


def test_many_classes_are_written_beside_their_points_in_the_source():
    X = np.repeat(np.arange(10.0), 4)[:, None] * [1, 2]
    y = np.repeat(np.arange(10), 4)
    display = FeatureSpaceDisplay.from_features({"x": (X, X)}, y, y)
    written = {text.get_text(): text.get_position() for text in display.axes_[0].texts}
    assert written == {str(k): (k, 2 * k) for k in range(10)}
    colors = {to_hex(color) for color in display.scatters_[0][0].get_edgecolors()}
    assert len(colors) == 10


def test_few_classes_stay_apart_in_grey():
    red, green, blue = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in FEW_COLORS]).T
    grey = np.sort(0.299 * red + 0.587 * green + 0.114 * blue)
    assert np.diff(grey).min() > 40


def test_twenty_long_names_leave_room_for_the_points(texts_apart):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), np.arange(200) % 20
    names = [f"a class with a very long and winding name, number {i}" for i in range(20)]
    display = FeatureSpaceDisplay.from_features({"a": (X, X), "b": (X, X)}, y, display_labels=names)
    texts_apart(display.figure_, display.legend_.get_texts())
    legend = display.legend_.get_window_extent()
    for ax in display.axes_:
        assert ax.get_window_extent().x1 < legend.x0
        assert ax.get_window_extent().width > 0.2 * display.figure_.bbox.width
    # Too long to be written: numbers, which the legend explains.
    assert [text.get_text() for text in display.axes_[0].texts] == [str(i) for i in range(20)]
    assert _labels(display.legend_)[2].startswith("0: a class with")


def test_the_legend_covers_no_axes(moons, adapted, texts_apart):
    display = FeatureSpaceDisplay.from_estimator(adapted, *moons)
    texts = [*display.legend_.get_texts(), *(ax.title for ax in display.axes_)]
    texts += [label for ax in display.axes_ for label in (ax.xaxis.label, ax.yaxis.label)]
    texts_apart(display.figure_, texts)
    box = display.legend_.get_window_extent()
    assert box.count_overlaps([ax.get_window_extent() for ax in display.axes_]) == 0


def test_draws_into_given_axes_or_divides_one(moons, adapted):
    figure, axes = plt.subplots(1, 3)
    display = FeatureSpaceDisplay.from_estimator(adapted, *moons, ax=axes[:2])
    assert_array_equal(display.axes_, axes[:2])
    divided = display.plot(axes[2])
    assert divided is display
    assert display.figure_ is figure
    assert len(figure.axes) == 5
    assert not axes[2].axison
    with pytest.raises(ValueError, match=r"ax must hold 2 axes, .* got 3"):
        display.plot(axes)
    with pytest.raises(ValueError, match="no place in a grid"):
        display.plot(figure.add_axes([0, 0, 1, 1]))


def test_five_spaces_stand_in_two_rows(moons):
    spaces = dict.fromkeys("abcde", (moons[0], moons[2]))
    display = FeatureSpaceDisplay.from_features(spaces, moons[1])
    assert [ax.get_title() for ax in display.axes_] == list("abcde")
    assert display.figure_.axes == list(display.axes_)


def test_names_and_styles_are_the_users(moons, adapted):
    display = FeatureSpaceDisplay.from_estimator(
        adapted,
        *moons,
        display_labels=["below", "above"],
        domain_names=["here", "there"],
        scatter_kwargs={"s": 3},
    )
    assert _labels(display.legend_) == ["here", "there", "below", "above"]
    assert_array_equal(display.scatters_[0][0].get_sizes(), 3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"display_labels": ["a"]}, "display_labels must hold 2 names, one a class; got 1"),
        ({"domain_names": ["a"]}, "domain_names must hold 2 names, one a domain; got 1"),
        ({"y_tgt": [0, 1]}, "y_tgt holds 2 labels for 90 rows of the target"),
        ({"y": ["upper"]}, "y holds 1 labels for 100 rows of X"),
        ({"y": None}, "y is None"),
        ({"X_tgt": None}, "The target's rows come as X_tgt .* got neither"),
        ({"sample_domain": [1] * 100}, "The target's rows come as X_tgt .* got both"),
    ],
)
def test_arguments_that_do_not_fit_are_named(changed, message, moons, adapted):
    arguments = dict(zip(["X", "y", "X_tgt", "y_tgt"], moons, strict=True))
    with pytest.raises(ValueError, match=message):
        FeatureSpaceDisplay.from_estimator(adapted, **{**arguments, **changed})


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({}, "at least one space"),
        ({"a": (np.ones((3, 2)), np.ones((3, 4)))}, r"spaces\['a'\] has 2 columns .* 4 in the"),
        (
            {"a": (np.ones((3, 2)), np.ones((3, 2))), "b": (np.ones((3, 2)), np.ones((2, 2)))},
            "the same rows each",
        ),
    ],
)
def test_spaces_that_do_not_fit_are_named(spaces, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpaceDisplay.from_features(spaces, [0, 1, 0])


def test_an_unfitted_estimator_is_refused(moons, make_dann, adapted):
    with pytest.raises(NotFittedError):
        FeatureSpaceDisplay.from_estimator(make_dann(), *moons)
    with pytest.raises(NotFittedError):
        FeatureSpaceDisplay.from_estimator(adapted, *moons, source_only=make_dann())


def test_an_estimator_without_a_target_has_adapted_nothing(moons, adapted, without_target):
    with pytest.raises(ValueError, match="fitted without a target, so nothing is adapted"):
        FeatureSpaceDisplay.from_estimator(without_target, *moons)
    FeatureSpaceDisplay.from_estimator(adapted, *moons, source_only=without_target)


def test_an_estimator_without_features_says_what_has_some(make_dann):
    rng = np.random.default_rng(0)
    X, X_tgt = rng.poisson(1.0, size=(2, 20, 6)).astype(np.float32)
    y = np.arange(20) % 2
    words = BagOfWordsDANNClassifier(make_dann(), denoise=False).fit(X, y, X_tgt)
    with pytest.raises(TypeError, match=r"BagOfWordsDANNClassifier has no transform.* 'words'"):
        FeatureSpaceDisplay.from_estimator(words, X, y, X_tgt)
    display = FeatureSpaceDisplay.from_estimator(words.pipelines_["words"], X, y, X_tgt)
    assert _both(display, 1).shape == (40, 2)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_are_taken(library, moons, make_dann):
    frame = pytest.importorskip(library).DataFrame
    X_src, X_tgt = (frame({"a": X[:, 0], "b": X[:, 1]}) for X in (moons[0], moons[2]))
    clf = make_dann().fit(X_src, moons[1], X_tgt)
    display = FeatureSpaceDisplay.from_estimator(clf, X_src, moons[1], X_tgt, subsample=95)
    assert _both(display, 1).shape == (185, 2)
