import json

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils import Bunch


def _fetch(source, target):
    rng = np.random.default_rng(0)
    data = Bunch()
    for name, n in (("src", 60), ("tgt", 50), ("src_test", 30), ("test", 40)):
        data[f"X_{name}"] = sparse.csr_matrix(rng.poisson(0.4, size=(n, 20)).astype(np.float64))
        data[f"y_{name}"] = (data[f"X_{name}"][:, [0]].toarray().ravel() > 0).astype(int)
    return data


def test_both_are_timed_and_learn_the_same(benchmark, tmp_path, monkeypatch, capsys):
    msda = benchmark("msda")
    monkeypatch.setattr(msda, "fetch_amazon_reviews", _fetch)
    path = tmp_path / "results.json"
    command = ["msda.py", "--tasks", "dvd-books", "dvd-kitchen", "--n-threads", "1"]
    monkeypatch.setattr("sys.argv", [*command, "--json", str(path)])
    msda.main()
    assert "times faster" in capsys.readouterr().out
    found = json.loads(path.read_text())
    assert found["n_threads"] == 1
    runs = {(run["task"], run["dtype"], run["contender"]): run for run in found["runs"]}
    assert len(runs) == len(found["runs"]) == 6
    assert all(run["fit_seconds"] > 0 and run["n_transformed"] == 70 for run in runs.values())
    for dtype in ("float32", "float64"):
        one, other = (runs["dvd-books", dtype, name]["accuracy"] for name in msda.CONTENDERS)
        assert one == pytest.approx(other, abs=0.03)


def test_the_formulas_are_the_authors(benchmark):
    msda = benchmark("msda")
    data = _fetch("dvd", "books")
    one, other = (
        make().fit(data.X_src, X_tgt=data.X_tgt).transform(data.X_test)
        for make in msda.CONTENDERS.values()
    )
    np.testing.assert_allclose(one, other, atol=1e-9)
