import json

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("matplotlib")
pytest.importorskip("pooch")

FEW_ROWS, FEW_COLUMNS = slice(0, 200), slice(0, 400)


@pytest.fixture
def paper(benchmark, amazon_data_home, monkeypatch):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    return benchmark("paper")


@pytest.fixture
def few_rows(benchmark, monkeypatch):
    """Cut the reviews to a small corner, and the grid to what runs in no time."""
    features, networks = benchmark("_paper_features"), benchmark("_paper_networks")
    fetch = features.fetch_amazon_reviews

    def fetch_few(*args):
        data = fetch(*args)
        for name in ("X_tgt", "X_test"):
            data[name] = data[name][FEW_ROWS, FEW_COLUMNS]
        for name in ("y_tgt", "y_test"):
            data[name] = data[name][FEW_ROWS]
        return data

    monkeypatch.setattr(features, "fetch_amazon_reviews", fetch_few)
    return networks.Grid((0.1, 1.0), (3,), (1e-3, 1e-1))


def test_coordinates_keep_the_products_with_the_training_rows(benchmark):
    rotate = benchmark("_paper_features").rotate
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 50)) for n in (8, 5)]
    others = [rng.normal(size=(4, 50)) for _ in range(2)]
    first, first_other, second, second_other = rotate(rows, others)
    before, after = np.concatenate(rows), np.concatenate([first, second])
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-2)
    for own, other in zip((first_other, second_other), others, strict=True):
        np.testing.assert_allclose(own @ after.T, other @ before.T, atol=1e-2)


def test_both_directions_of_a_pair_have_their_own_labels(benchmark, paper):
    from sk_dann.datasets import fetch_amazon_reviews

    sides = benchmark("_paper_features").counts_of(("books", "dvd"))
    for source, target in (("books", "dvd"), ("dvd", "books")):
        X_src, y_src, X_tgt, X_test, y_test = fetch_amazon_reviews(source, target, return_X_y=True)
        assert (X_src != sides[source].X).nnz == 0
        assert (X_tgt != sides[target].X).nnz == 0
        assert (sides[target].X_test != X_test).nnz == 0
        np.testing.assert_array_equal(sides[source].y, y_src)
        np.testing.assert_array_equal(sides[target].y_test, y_test)


def test_target_labels_choose_nothing(benchmark, paper, few_rows):
    networks = benchmark("_paper_networks")
    sides = benchmark("_paper_features").counts_of(("books", "dvd"))
    X_src, y_src, _, _ = sides["books"]
    X_tgt, _, X_test, y_test = sides["dvd"]
    scrambled = np.random.default_rng(0).permutation(y_test)
    runs = [
        networks.measure_methods("counts", X_src, y_src, X_tgt, X_test, y, few_rows, 0)
        for y in (y_test, scrambled)
    ]
    assert list(runs[0]) == list(networks.METHODS)
    for name in networks.METHODS:
        assert runs[0][name]["chosen"] == runs[1][name]["chosen"]
    assert runs[0]["NN"]["chosen"]["lambda_adapt"] == 0
    assert runs[0]["DANN"]["chosen"]["lambda_adapt"] in few_rows.lambdas
    assert runs[0]["SVM"]["chosen"]["C"] in few_rows.C


def test_the_table_trains_for_as_long_as_it_is_told(benchmark, paper, few_rows):
    table, params = benchmark("_paper_table"), {"max_iter": 4, "early_stopping": False}
    rows = table.run_table("counts", [("dvd", "books")], few_rows, [0], params, n_jobs=1)
    assert [row.get("n_iter") for row in rows] == [4, 4, None]  # of DANN, NN and the SVM


def test_grids_are_the_papers(benchmark):
    full = benchmark("_paper_networks").FULL
    assert (len(full.lambdas), len(full.C), full.hidden) == (9, 10, (50, 100))
    ends = [*full.lambdas[:: len(full.lambdas) - 1], *full.C[:: len(full.C) - 1]]
    np.testing.assert_allclose(ends, [0.01, 1, 1e-5, 1])


def test_all_parts_run_and_keep_what_is_there(
    benchmark, paper, few_rows, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(paper, "FULL", few_rows)
    moons = benchmark("_paper_moons")
    monkeypatch.setitem(moons.SETTINGS, "max_iter", 2)
    path = tmp_path / "paper.json"
    options = ["--tasks", "dvd-books", "--seeds", "2", "--json", str(path)]
    options += ["--pictures", str(tmp_path), "--features", "counts"]
    for parts in (["table"], ["moons", "distances"]):
        monkeypatch.setattr("sys.argv", ["paper.py", *parts, *options])
        paper.main()
    printed = capsys.readouterr().out
    assert "paper" in printed
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result) == {"table", "moons", "distances"}
    assert len(result["table"]["counts"]["runs"]) == 2 * 3
    assert all("command" in part for part in (result["moons"], result["table"]["counts"]))
    (distances,) = result["distances"]["distances"].values()
    assert set(distances) == {"counts", "DANN", "DANN, 100 units", "NN, 100 units"}
    assert all(0 <= value <= 2 for value in distances.values())
    for name in ("paper_moons.png", "paper_distances.png"):
        assert (tmp_path / name).stat().st_size > 5_000


def test_msda_features_are_those_of_the_transformer(benchmark, paper, few_rows):
    from sk_dann.preprocessing import MarginalizedStackedDenoisingAutoencoder

    features = benchmark("_paper_features")
    counts, made = (make(("books", "dvd")) for make in features.MAKERS.values())
    msda = MarginalizedStackedDenoisingAutoencoder(n_layers=5, noise=0.5)
    msda.fit(sparse.vstack([counts["books"].X, counts["dvd"].X]))
    X, Z = msda.transform(counts["books"].X), msda.transform(counts["dvd"].X_test)
    scale = np.abs(X @ Z.T).max()
    np.testing.assert_allclose(made["books"].X @ made["dvd"].X_test.T, X @ Z.T, atol=0.01 * scale)
