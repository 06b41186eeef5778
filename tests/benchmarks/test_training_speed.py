import numpy as np
import pytest

pytest.importorskip("pandas")


@pytest.mark.parametrize(
    "name",
    [
        "hand-written loop",
        "DANNClassifier",
        "DANNClassifier, 16 members",
        "loop, default network",
        "DANNClassifier, default network",
        "DANNClassifier, default with label_shift",
    ],
)
def test_contenders_fit_the_same_network(benchmark, name):
    workload = benchmark("_workloads").table(n_rows=100)
    fit = benchmark("_contenders").CONTENDERS[name](workload)(5)
    assert fit.n_steps == 5 * 2
    assert fit.n_members == (16 if "16" in name else 1)
    fit.check(workload, 5, default_network="default" in name)
    with pytest.raises(AssertionError):
        fit.check(workload, 6, default_network="default" in name)


@pytest.mark.parametrize("sparse", [False, True])
def test_bare_forward_is_what_predict_proba_computes(benchmark, sparse):
    workloads = benchmark("_workloads")
    workload = workloads.hashed(500, n_rows=100) if sparse else workloads.table(n_rows=100)
    clf = benchmark("_contenders").Estimator(workload).make(2)
    clf.fit(workload.X_src, workload.y_src, workload.X_tgt)
    X, constant = workload.X_tgt, np.zeros(workload.X_tgt.shape[1], dtype=bool)
    bare = benchmark("_speed_prediction").bare_forward
    for chunk in (None, 30):
        np.testing.assert_allclose(bare(clf, X, chunk, constant), clf.predict_proba(X), rtol=1e-4)


def test_hashed_rows_have_the_non_zeros_that_were_asked_for(benchmark):
    X = benchmark("_workloads").hashed(2**20, n_rows=50, n_nonzero=100).X_src
    assert X.shape == (50, 2**20)
    assert X.has_canonical_format
    assert set(np.diff(X.indptr)) == {100}


def test_ratios_are_taken_within_rounds(benchmark):
    timing = benchmark("_timing")
    # A machine that slows down does not change them.
    assert timing.spread(timing.ratios([1, 2, 4], [2, 4, 8]), 1) == "0.5 (0.5–0.5)"
    assert timing.versus([0.5], 0.6) == "≤ 0.6: yes"
    assert timing.versus([1.5], 1.6, at_least=True) == "≥ 1.6: NO"


def test_scaling_draws_what_it_measured(benchmark, tmp_path):
    pytest.importorskip("matplotlib")
    scaling = benchmark("scaling")
    measured = scaling.measure("epochs", 1, n_doublings=0)
    assert [(row["value"], len(row["seconds"])) for row in measured] == [(5, 1), (5, 1)]
    rows = [
        {"panel": panel, "series": name, "value": n, "seconds": [1.0 + n, 2.0 + n, 3.0 + n]}
        for panel, (_, _, series) in scaling.PANELS.items()
        for name in series
        for n in (4, 8, 16)
    ]
    frame = scaling.summarize(rows)
    np.testing.assert_allclose(frame["line"], 2.0 + frame["value"])
    np.testing.assert_allclose(frame["times half"].dropna(), 5 * [10 / 6, 18 / 10])
    scaling.draw(frame, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
