"""partial_fit of the marginalized stacked denoising autoencoder."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder as MSDA  # noqa: N817


def make_rows(n_rows=50):
    return (np.random.default_rng(0).random((n_rows, 6)) < 0.4).astype(np.float64)


@given(
    cuts=st.lists(st.integers(1, 49), max_size=6, unique=True).map(sorted),
    n_layers=st.integers(1, 3),
    container=st.sampled_from([np.asarray, sparse.csr_array]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_stream_teaches_what_its_rows_do(cuts, n_layers, container, dtype):
    X = make_rows().astype(dtype)
    msda = MSDA(n_layers, alpha=0.1)
    for layer in range(n_layers):
        for chunk in np.split(X, cuts):
            assert msda.partial_fit(container(chunk), layer=layer) is msda
        msda.partial_fit(layer=layer)
    Z = msda.transform(X)
    assert Z.dtype == dtype
    expected = MSDA(n_layers, alpha=0.1).fit_transform(X)
    np.testing.assert_allclose(Z, expected, atol=1e-12 if dtype == np.float64 else 1e-5)


def test_layers_have_an_order():
    X = make_rows()
    msda = MSDA(2)
    with pytest.raises(ValueError, match=r"layer=1, but it is the turn of layer=0"):
        msda.partial_fit(X, layer=1)
    with pytest.raises(ValueError, match=r"layer 0, which has not seen a row"):
        msda.partial_fit(layer=0)
    msda.partial_fit(X)
    with pytest.raises(ValueError, match=r"turn of layer=0.*call partial_fit\(layer=0\) to learn"):
        msda.partial_fit(X, layer=1)
    msda.partial_fit(layer=0)
    with pytest.raises(ValueError, match=r"layer=0, but it is the turn of layer=1"):
        msda.partial_fit(X)
    with pytest.raises(ValueError, match=r"layer 1, which has not seen a row"):
        msda.partial_fit(layer=1)


def test_transform_waits_for_the_last_layer():
    X = make_rows()
    msda = MSDA(2)
    for layer in range(2):
        msda.partial_fit(X, layer=layer)
        for method in (msda.transform, msda.get_feature_names_out):
            with pytest.raises(NotFittedError):
                method(X)
        msda.partial_fit(layer=layer)
    assert msda.transform(X).shape == (50, 18)


def test_rows_of_other_columns_are_refused_and_change_nothing():
    X = make_rows()
    msda = MSDA(1).partial_fit(X[:20])
    with pytest.raises(ValueError, match="5 features"):
        msda.partial_fit(X[20:, :5])
    msda.partial_fit(X[20:]).partial_fit()
    np.testing.assert_allclose(msda.transform(X), MSDA(1).fit_transform(X), atol=1e-12)


def test_a_stream_starts_anew_after_a_fit_and_is_ended_by_one():
    X = make_rows()
    expected = MSDA(1).fit_transform(X)
    msda = MSDA(1).fit(X[:10]).partial_fit(X).partial_fit()
    np.testing.assert_allclose(msda.transform(X), expected, atol=1e-12)
    msda.partial_fit(X[:10]).fit(X)
    np.testing.assert_allclose(msda.transform(X), expected, atol=1e-12)


def test_a_stream_goes_on_after_storage():
    X = make_rows()
    msda = pickle.loads(pickle.dumps(MSDA(1).partial_fit(X[:20])))
    msda.partial_fit(X[20:]).partial_fit()
    np.testing.assert_allclose(msda.transform(X), MSDA(1).fit_transform(X), atol=1e-12)


def test_a_layer_that_cannot_be_learned_is_streamed_again():
    X = make_rows()
    msda = MSDA(1).partial_fit(np.full((2, 6), 1e200))
    with pytest.raises(ValueError, match="overflow"):
        msda.partial_fit()
    msda.partial_fit(X).partial_fit()
    np.testing.assert_allclose(msda.transform(X), MSDA(1).fit_transform(X), atol=1e-12)


def test_the_most_frequent_columns_of_a_stream_are_not_known():
    msda = MSDA(n_features_to_reconstruct=2)
    assert not hasattr(msda, "partial_fit")
    with pytest.raises(AttributeError) as info:
        msda.partial_fit(make_rows())
    assert "n_features_to_reconstruct=2" in str(info.value.__cause__)
