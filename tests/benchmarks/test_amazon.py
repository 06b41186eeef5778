import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pooch")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def amazon(benchmark):
    return benchmark("amazon")


@pytest.fixture
def report(benchmark):
    return benchmark("_amazon_report")


def make_runs(values, task="books→dvd", model="DANN", measure="accuracy"):
    """A run for each value, the seeds from 0 on."""
    about = {"task": task, "model": model, "measure": measure}
    return [about | {"seed": seed, "value": value} for seed, value in enumerate(values)]


def test_tasks_are_the_papers(benchmark, report):
    numbers = benchmark("_paper_numbers")
    tasks = benchmark("_tasks").AMAZON_TASKS
    assert len(set(tasks)) == 12
    means = {name: numbers.published_mean(name, tasks) for name in numbers.PUBLISHED}
    assert means["counts", "DANN"] == pytest.approx(0.763, abs=0.0005)
    assert means["mSDA", "DANN"] == pytest.approx(0.813, abs=0.0005)
    assert means["counts", "WDGRL"] == pytest.approx(0.825, abs=0.0005)
    assert set(report.PUBLISHED_MODELS.values()) <= set(means)


def test_development_tasks_are_averaged_apart(benchmark, report):
    groups = report.groups_of(benchmark("_tasks").AMAZON_TASKS)
    assert {name: len(tasks) for name, tasks in groups.items()} == {
        "all": 12,
        "development": 4,
        "others": 8,
    }
    assert list(report.groups_of([("books", "dvd")])) == ["all", "others"]


def test_error_of_a_mean_is_that_of_the_means_of_the_seeds(report):
    tasks = [("books", "dvd"), ("dvd", "books")]
    # What one seed gains on one task it loses on the other: the mean is sure.
    runs = make_runs([0.7, 0.8]) + make_runs([0.8, 0.7], "dvd→books")
    summary = report.summarize(report.to_frame(runs), tasks)
    assert summary["books→dvd"]["accuracy", "DANN"] == pytest.approx((0.75, 0.05))
    assert summary["mean of all (2)"]["accuracy", "DANN"] == pytest.approx((0.75, 0))
    assert summary["mean of all (2)"]["published", "paper's DANN"][0] == pytest.approx(0.7535)


def test_a_mean_is_of_all_tasks_or_of_none(report):
    tasks = [("books", "dvd"), ("dvd", "books")]
    runs = make_runs([0.7, 0.8]) + make_runs([0.8], "dvd→books")
    runs += make_runs([0.9], "dvd→books", "CORAL")
    summary = report.summarize(report.to_frame(runs), tasks)
    mean, error = summary["mean of all (2)"]["accuracy", "DANN"]
    assert mean == pytest.approx(0.75)
    assert np.isnan(error)  # the second seed has one task only
    assert ("accuracy", "CORAL") not in summary["mean of all (2)"]
    assert summary["dvd→books"]["accuracy", "CORAL"][0] == pytest.approx(0.9)


def test_runs_that_were_made_again_replace_earlier_ones(amazon, tmp_path):
    path = tmp_path / "earlier.json"
    models = {"DANN": {"about": "old"}, "CORAL": {"about": "a peer"}}
    runs = make_runs([0.1, 0.2]) + make_runs([0.3], model="CORAL")
    path.write_text(json.dumps({"models": models, "runs": runs}))
    new = make_runs([0.9])
    kept, about = amazon.add_earlier(new, {"DANN": {"about": "new"}}, path)
    values = {(run["model"], run["seed"]): run["value"] for run in kept}
    assert values == {("DANN", 0): 0.9, ("DANN", 1): 0.2, ("CORAL", 0): 0.3}
    assert about == {"DANN": {"about": "new"}, "CORAL": {"about": "a peer"}}


def test_every_model_tells_how_it_was_chosen(benchmark):
    models = benchmark("_amazon_models").models({"max_iter": 3})
    assert all(model.about for model in models.values())
    assert models["DANN"].run.args[0]().max_iter == 3
    alone = models["source-only"].run.args[0]()
    assert (alone.lambda_adapt, alone.max_iter) == (0, 3)
    nobody = benchmark("_amazon_models").Model(print, "", needs="sk_dann.NoSuchClassifier")
    assert not nobody.is_installed
    assert models["logistic"].is_installed


def test_peers_are_fitted_where_they_are_installed(benchmark, amazon_data_home, monkeypatch):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    models = benchmark("_amazon_models").models({})
    data = benchmark("_reviews").Reviews("dvd", "books")
    # A hundred rows of each, and columns that occur.
    data.dense = tuple(X[::20, :300].toarray() for X in data.tfidf)
    data.y_src, data.y_test = data.y_src[::20], data.y_test[::20]
    for name, model in models.items():
        if model.is_peer and model.is_installed:
            n_components = {"n_components": 5} if name == "subspace alignment" else {}
            accuracy, auc, seconds = model.run(data, 0, **n_components)
            assert 0.3 < accuracy < 1, name
            assert 0.3 < auc < 1, name
            assert seconds > 0


def test_runs(amazon_data_home, tmp_path):
    pytest.importorskip("matplotlib")
    path, figure = tmp_path / "results" / "amazon.json", tmp_path / "amazon.png"
    command = [sys.executable, "-W", "error", BENCHMARKS / "amazon.py", "--json", path]
    command += ["--tasks", "dvd-books", "--seeds", "2", "--params", "max_iter=1"]
    command += ["--models", "logistic", "source-only", "DANN", "--figure", figure]
    environment = {**os.environ, "SK_DANN_DATA": str(amazon_data_home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["params"] == {"max_iter": 1}
    assert {"command", "date", "versions", "n_threads"} <= set(result)
    assert all("about" in about for about in result["models"].values())
    # Two measures and the time, of two models with two seeds and of one in which nothing is random.
    assert len(result["runs"]) == 15
    mean = next(
        entry["mean"]
        for entry in result["means"]
        if (entry["of"], entry["measure"], entry["model"]) == ("dvd→books", "accuracy", "logistic")
    )
    assert mean > 0.75
    assert re.search(rf"^dvd→books\* +{mean:.3f} ", done.stdout, flags=re.MULTILINE)
    assert "WDGRL: Shen et al. (2018): tuned on target labels" in done.stdout
    assert figure.stat().st_size > 5_000
