"""Dask: searches on a cluster, prediction block by block, as docs/user_guide/clusters.md shows."""

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
from distributed import Client
from joblib import parallel_config
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.model_selection import SourceKFold

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "batch_size": 16, "random_state": 0}
NAMES = ["left", "up"]


@pytest.fixture(scope="module")
def moons():
    """Source, its labels and target: frames, classes that are strings, a target of its own size."""
    X, y, X_tgt, _ = make_inter_twinning_moons(60, n_samples_target=50, random_state=0)
    X, X_tgt = pd.DataFrame(X, columns=NAMES), pd.DataFrame(X_tgt, columns=NAMES)
    return X, np.array(["low", "high"])[y], X_tgt


@pytest.fixture(scope="module")
def fitted(moons):
    return DANNClassifier(**QUICK).fit(*moons)


@pytest.fixture(scope="module")
def client():
    """Two worker processes. Only what asks for them runs there, not all that Dask computes."""
    # Any free port: the usual one may be another test process's.
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with Client(**options, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


def _on_cluster(client, search, *args, **kwargs):
    """Fit on the cluster, and see that both workers had their part in it."""
    before = _tasks_done(client)
    with parallel_config("dask", client=client, wait_for_workers_timeout=60):
        search.fit(*args, **kwargs)
    assert all(after > before[worker] for worker, after in _tasks_done(client).items())
    return search


def _tasks_done(client):
    return client.run(
        lambda dask_worker: sum(dask_worker.state.task_counter.cumulative_elapsed().values())
    )


def _assert_same_search(one, other, X):
    assert one.best_params_ == other.best_params_
    for key, found in one.cv_results_.items():
        if "time" not in key:
            np.testing.assert_array_equal(found, other.cv_results_[key], err_msg=key)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


# Searches


def test_grid_search_over_a_pipeline_gives_the_same_bits(client, moons):
    X, y, X_tgt = moons
    steps = [("scale", StandardScaler()), ("dann", DANNClassifier(**QUICK))]
    pipeline = Pipeline(steps, transform_input=["X_tgt"])
    grid = {"dann__alpha": [1e-4, 1.0], "dann__hidden_layer_sizes": [(4,), (6,)]}
    here = GridSearchCV(pipeline, grid, cv=2, return_train_score=True)
    there = clone(here)
    with config_context(enable_metadata_routing=True):
        here.fit(X, y, X_tgt=X_tgt)
        _on_cluster(client, there, X, y, X_tgt=X_tgt)
    assert len(set(here.cv_results_["mean_train_score"])) > 1
    _assert_same_search(here, there, X_tgt)


def test_grid_search_over_stacked_domains_gives_the_same_bits(client, moons):
    X, y, X_tgt = moons
    pipeline = make_pipeline(StandardScaler(), DANNClassifier(**QUICK))
    here = GridSearchCV(pipeline, {"dannclassifier__alpha": [1e-4, 1.0]}, cv=SourceKFold(2))
    there = clone(here)
    domain = np.repeat([1, -1], [len(X), len(X_tgt)])
    data = pd.concat([X, X_tgt]), np.r_[y, np.full(len(X_tgt), "?")]
    marks = {"groups": domain, "dannclassifier__sample_domain": domain}
    here.fit(*data, **marks)
    _on_cluster(client, there, *data, **marks)
    _assert_same_search(here, there, X_tgt)


def test_the_built_in_search_hands_its_outer_loops_over(client, moons):
    grid = {"hidden_layer_sizes": [(4,), (6,)], "class_weight": [None, "balanced"]}
    here = DANNClassifierCV(
        DANNClassifier(**QUICK),
        lambdas=[0, 1],
        param_grid=grid,
        cv=2,
        scoring="reverse_validation",
        random_state=0,
    )
    there = clone(here)
    here.fit(*moons)
    _on_cluster(client, there, *moons)
    _assert_same_search(here, there, moons[2])


# Prediction


@pytest.fixture
def dd():
    reason = "Dask's frames need pandas 2 and pyarrow"
    return pytest.importorskip("dask.dataframe", exc_type=ImportError, reason=reason)


def _functions():
    """What the page defines. Nested, so that workers, who cannot import this file, get the code."""

    def predict(rows, model):
        return model.predict(rows) if rows.shape[0] else model.classes_[:0]

    def label(part, model):
        return pd.Series(predict(part, model), index=part.index, name="label")

    return predict, label


_predict, _label = _functions()


def test_an_array_is_predicted_block_by_block(moons):
    X, y, X_tgt = (np.asarray(part) for part in moons)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    seen = []

    def look(rows, model):
        seen.append(len(rows))
        return _predict(rows, model)

    rows = da.from_array(X_tgt, chunks=(20, -1))
    labels = rows.map_blocks(look, model=clf, drop_axis=1, dtype=clf.classes_.dtype)
    assert labels.shape == (50,)
    assert labels.dtype == clf.classes_.dtype
    assert not any(seen)  # but to find out about types, with no rows at all
    np.testing.assert_array_equal(labels.compute(), clf.predict(X_tgt))
    assert sorted(filter(None, seen)) == [10, 20, 20]


def test_probabilities_have_a_column_a_class(moons):
    X, y, X_tgt = (np.asarray(part) for part in moons)
    y = np.where(X[:, 0] > 0.5, "far", y)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    rows = da.from_array(X_tgt, chunks=(20, -1))
    proba = rows.map_blocks(clf.predict_proba, chunks=(rows.chunks[0], (3,)), dtype=X.dtype)
    assert proba.shape == (50, 3)
    # BLAS sums otherwise in blocks of other sizes.
    np.testing.assert_allclose(proba.compute(), clf.predict_proba(X_tgt), rtol=1e-12)


def test_blocks_without_rows_have_no_labels(moons):
    X, y, X_tgt = (np.asarray(part) for part in moons)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    X_tgt = X_tgt[np.argsort(X_tgt[:, 0])]
    rows = da.from_array(X_tgt, chunks=(20, -1))
    for least in (np.median(X_tgt[:, 0]), np.inf):
        kept = X_tgt[X_tgt[:, 0] > least]
        some = rows[rows[:, 0] > least]
        labels = some.map_blocks(_predict, model=clf, drop_axis=1, dtype=clf.classes_.dtype)
        found = labels.compute()
        assert found.dtype == clf.classes_.dtype
        assert found.tolist() == (clf.predict(kept).tolist() if len(kept) else [])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_blocks_stay_sparse(moons, kind):
    X, y, X_tgt = (np.asarray(part) for part in moons)
    clf = DANNClassifier(**QUICK).fit(kind(X), y, kind(X_tgt))
    seen = []

    def look(rows, model):
        seen.append(sparse.issparse(rows))
        return _predict(rows, model)

    rows = da.from_array(X_tgt, chunks=(20, -1)).map_blocks(kind)
    seen.clear()
    labels = rows.map_blocks(look, model=clf, drop_axis=1, dtype=clf.classes_.dtype)
    np.testing.assert_array_equal(labels.compute(), clf.predict(kind(X_tgt)))
    assert seen[-3:] == [True] * 3


def test_a_frame_is_predicted_partition_by_partition(dd, moons, fitted):
    frame = dd.from_pandas(moons[2], npartitions=3)
    meta = pd.Series(fitted.classes_[:0], name="label")
    labels = frame.map_partitions(_label, fitted, meta=meta)
    assert labels.npartitions == 3
    expected = pd.Series(fitted.predict(moons[2]), index=moons[2].index, name="label")
    pd.testing.assert_series_equal(labels.compute(), expected)
    # Left to itself Dask finds the type out, by a made-up row.
    pd.testing.assert_series_equal(frame.map_partitions(_label, fitted).compute(), expected)


def test_partitions_without_rows_have_no_labels(dd, moons, fitted):
    frame = dd.from_pandas(moons[2].sort_values("left"), npartitions=3, sort=False)
    meta = pd.Series(fitted.classes_[:0], name="label")
    for least in (moons[2]["left"].median(), np.inf):
        some = frame[frame["left"] > least]
        assert 0 in some.map_partitions(len).compute().tolist()
        labels = some.map_partitions(_label, fitted, meta=meta).compute()
        kept = some.compute()
        assert labels.index.equals(kept.index)
        assert labels.tolist() == (fitted.predict(kept).tolist() if len(kept) else [])


def test_column_names_are_checked_in_each_partition(dd, moons, fitted):
    frame = dd.from_pandas(moons[2][NAMES[::-1]], npartitions=2)
    meta = pd.Series(fitted.classes_[:0], name="label")
    labels = frame.map_partitions(_label, fitted, meta=meta)
    with pytest.raises(ValueError, match="feature names should match"):
        labels.compute()


def test_workers_predict_the_same_with_a_model_that_was_sent_ahead(dd, client, moons, fitted):
    frame = dd.from_pandas(moons[2], npartitions=3)
    meta = pd.Series(fitted.classes_[:0], name="label")
    model = client.scatter(fitted, broadcast=True)
    labels = client.compute(frame.map_partitions(_label, model, meta=meta)).result(timeout=60)
    np.testing.assert_array_equal(labels, fitted.predict(moons[2]))
    X, y, X_tgt = (np.asarray(part) for part in moons)
    clf = DANNClassifier(**QUICK).fit(X, y, X_tgt)
    model, dtype = client.scatter(clf, broadcast=True), clf.classes_.dtype
    rows = da.from_array(X_tgt, chunks=(20, -1))
    labels = rows.map_blocks(_predict, model=model, drop_axis=1, dtype=dtype)
    np.testing.assert_array_equal(client.compute(labels).result(timeout=60), clf.predict(X_tgt))


def test_threads_share_a_model(dd, moons, fitted):
    """Dask's default for both collections is a pool of threads."""
    frame = dd.from_pandas(moons[2], npartitions=25)
    meta = pd.Series(fitted.classes_[:0], name="label")
    labels = frame.map_partitions(_label, fitted, meta=meta)
    with dask.config.set(scheduler="threads", num_workers=4):
        found = labels.compute()
    np.testing.assert_array_equal(found, fitted.predict(moons[2]))
