import re
import shutil
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from sk_dann.datasets import _amazon_reviews, fetch_amazon_reviews

N_TEST = {"books": 4465, "dvd": 3586, "electronics": 5681, "kitchen": 5945}
XY_NAMES = ("X_src", "y_src", "X_tgt", "X_test", "y_test")
FILES_OF_XY = ["books_train", "kitchen_test", "kitchen_train"]


def assert_same(first, second):
    """Compare two CSR matrices or two arrays."""
    if sp.issparse(first):
        assert abs(first - second).nnz == 0
    else:
        assert_array_equal(first, second)


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.fixture(scope="module")
def tasks(amazon_data_home):
    """Return four tasks in which every domain is source once and target once."""
    ring = zip(N_TEST, [*list(N_TEST)[1:], "books"], strict=True)
    return {
        source: fetch_amazon_reviews(
            source, target, data_home=amazon_data_home, download_if_missing=False
        )
        for source, target in ring
    }


@pytest.fixture
def published(amazon_data_home, server, monkeypatch):
    """Serve the published files where the loader looks for them."""
    pytest.importorskip("pooch")
    pytest.importorskip("filelock")
    for path in (amazon_data_home / "amazon_reviews").glob("*.svmlight"):
        server.files[path.name] = path.read_bytes()
    monkeypatch.setattr(_amazon_reviews, "_BASE_URL", server.url)
    return server


def test_shapes_and_types(tasks):
    for source, data in tasks.items():
        assert data.X_src.shape == data.X_tgt.shape == (2000, 5000)
        assert data.X_test.shape == (N_TEST[data.target], 5000)
        assert data.X_src_test.shape == (N_TEST[source], 5000)
        for X in (data.X_src, data.X_tgt, data.X_test, data.X_src_test):
            assert sp.issparse(X)
            assert X.format == "csr"
            assert X.dtype == np.float64
            assert X.indices.dtype == X.indptr.dtype == np.int32
            X.check_format(full_check=True)
            # Counts; the first and the last feature id show that ids are 0-based.
            assert X.data.min() >= 1
            assert_array_equal(X.data, np.round(X.data))
            assert 62 < X.nnz / X.shape[0] < 93
    assert min(data.X_src.indices.min() for data in tasks.values()) == 0
    assert max(data.X_src.indices.max() for data in tasks.values()) == 4999


def test_labels(tasks):
    for data in tasks.values():
        assert data.target_names == ["negative", "positive"]
        assert_array_equal(np.bincount(data.y_src), [1000, 1000])
        assert_array_equal(np.bincount(data.y_tgt), [1000, 1000])
        for X, y in [(data.X_test, data.y_test), (data.X_src_test, data.y_src_test)]:
            assert y.shape == (X.shape[0],)
            assert y.dtype == np.int64
            assert_array_equal(np.unique(y), [0, 1])
            assert 0.48 < y.mean() < 0.52


def test_published_plus_one_is_positive(tasks, amazon_data_home):
    for source, data in tasks.items():
        file = amazon_data_home / "amazon_reviews" / f"{source}_train.svmlight"
        signs = [line.split()[0] for line in file.read_text().splitlines()]
        published_names = {"-1": "negative", "+1": "positive", "1": "positive"}
        assert [data.target_names[y] for y in data.y_src] == [published_names[s] for s in signs]


def test_one_domain_is_the_same_in_both_roles(tasks):
    for data in tasks.values():
        as_source = tasks[data.target]
        assert_same(data.X_tgt, as_source.X_src)
        assert_same(data.y_tgt, as_source.y_src)
        assert_same(data.X_test, as_source.X_src_test)
        assert_same(data.y_test, as_source.y_src_test)


def test_sentiment_carries_over(tasks):
    for data in tasks.values():
        model = LogisticRegression(C=0.01, max_iter=1000).fit(data.X_src, data.y_src)
        assert model.score(data.X_src_test, data.y_src_test) > 0.78
        assert model.score(data.X_test, data.y_test) > 0.68


def test_return_X_y_reads_three_files(tasks, published, tmp_path):
    data = tasks["books"]
    parts = fetch_amazon_reviews("books", data.target, data_home=tmp_path, return_X_y=True)
    for name, part in zip(XY_NAMES, parts, strict=True):
        assert_same(data[name], part)
    assert len(published.log) == 3


def test_all_pairs_name_published_files():
    for source, target in permutations(N_TEST, 2):
        for part in (f"{source}_train", f"{source}_test", f"{target}_train", f"{target}_test"):
            assert len(_amazon_reviews._SHA256[part]) == 64


def test_second_fetch_needs_no_server(published, tmp_path):
    first = fetch_amazon_reviews("books", "kitchen", data_home=tmp_path)
    names = sorted(entry["name"] for entry in published.log)
    assert names == [
        f"{domain}_{part}.svmlight" for domain in ("books", "kitchen") for part in ("test", "train")
    ]
    published.files.clear()
    second = fetch_amazon_reviews("books", "kitchen", data_home=tmp_path)
    assert len(published.log) == 4
    assert first.keys() == second.keys()
    for name in ("X_src", "y_src", "X_tgt", "y_tgt", "X_test", "y_test"):
        assert_same(first[name], second[name])


def test_fetch_survives_a_cut(published, tasks, tmp_path):
    published.cut_after = 400_000
    data = fetch_amazon_reviews("dvd", "electronics", data_home=tmp_path, n_retries=1, delay=0.01)
    assert_same(data.X_src, tasks["dvd"].X_src)
    first, second = published.log[:2]
    assert first["name"] == second["name"] == "dvd_train.svmlight"
    size = len(published.files["dvd_train.svmlight"])
    start = int(second["range"].removeprefix("bytes=").removesuffix("-"))
    assert second["n_sent"] == size - start < size


def test_damaged_file_in_the_cache_is_refused(published, tmp_path):
    fetch_amazon_reviews("books", "kitchen", data_home=tmp_path)
    path = tmp_path / "amazon_reviews" / "kitchen_test.svmlight"
    content = bytearray(path.read_bytes())
    # One digit more or less in a count: the file still parses.
    content[content.index(b":1") + 1] ^= 2
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"kitchen_test\.svmlight is damaged"):
        fetch_amazon_reviews("books", "kitchen", data_home=tmp_path)


def test_damaged_file_on_the_server_is_refused(published, tmp_path):
    content = bytearray(published.files["books_train.svmlight"])
    content[content.index(b":1") + 1] ^= 2
    published.files["books_train.svmlight"] = bytes(content)
    with pytest.raises(OSError, match=r"books_train\.svmlight.*does not match"):
        fetch_amazon_reviews("books", "kitchen", data_home=tmp_path, n_retries=0)
    assert list(tmp_path.rglob("*.svmlight")) == []


def test_read_only_data_home_is_read_without_writing(amazon_data_home, tmp_path, monkeypatch):
    folder = tmp_path / "amazon_reviews"
    folder.mkdir()
    for part in FILES_OF_XY:
        shutil.copy(amazon_data_home / "amazon_reviews" / f"{part}.svmlight", folder)
    # Nothing that only downloading needs may be needed.
    for package in ("pooch", "filelock", "requests"):
        monkeypatch.setitem(sys.modules, package, None)
    folder.chmod(0o555)
    before = snapshot(tmp_path)
    try:
        fetch_amazon_reviews("books", "kitchen", data_home=tmp_path, return_X_y=True)
    finally:
        folder.chmod(0o755)
    # The superuser could have written all the same.
    assert snapshot(tmp_path) == before


def test_data_home_from_the_environment(amazon_data_home, tmp_path, monkeypatch):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    fetch_amazon_reviews(download_if_missing=False, return_X_y=True)
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_amazon_reviews(data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize("value", [None, ""])
def test_data_home_defaults_to_the_cache_folder(value, tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.delenv("SK_DANN_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SK_DANN_DATA", value)
    path = tmp_path / "sk_dann" / "amazon_reviews" / "books_train.svmlight"
    with pytest.raises(OSError, match=re.escape(str(path))):
        fetch_amazon_reviews(download_if_missing=False)


def test_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = tmp_path / "here" / "amazon_reviews" / "books_train.svmlight"
    with pytest.raises(OSError, match=re.escape(str(path))):
        fetch_amazon_reviews(data_home=Path("~") / "here", download_if_missing=False)


@pytest.mark.parametrize("package", ["pooch", "filelock"])
def test_download_without_its_packages_says_what_to_install(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"'{package}'.*pip install \"sk-dann\[data\]\""):
        fetch_amazon_reviews(data_home=tmp_path)


@pytest.mark.parametrize("name", ["source", "target"])
def test_unknown_domain(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter") as info:
        fetch_amazon_reviews(**{name: "shoes"})
    assert all(domain in str(info.value) for domain in N_TEST)


def test_source_must_differ_from_target():
    with pytest.raises(ValueError, match=r"'target' parameter must differ .*'books', 'dvd'"):
        fetch_amazon_reviews("kitchen", "kitchen")


@pytest.mark.parametrize(
    "params", [{"n_retries": -1}, {"delay": -1.0}, {"data_home": 3}, {"download_if_missing": "no"}]
)
def test_bad_parameter_is_named(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"'{name}' parameter of fetch_amazon_reviews"):
        fetch_amazon_reviews(**params)
