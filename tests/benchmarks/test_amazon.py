import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pooch")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def amazon(monkeypatch):
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("amazon")


def test_tasks_are_the_papers(amazon):
    assert len(set(amazon.AMAZON_TASKS)) == 12
    assert set(amazon.PAPER) == set(amazon.AMAZON_TASKS)
    np.testing.assert_allclose(
        np.mean(list(amazon.PAPER.values()), axis=0), [0.763, 0.813], atol=0.0005
    )


def test_development_tasks_are_averaged_apart(amazon):
    groups = amazon.groups_of(amazon.AMAZON_TASKS)
    assert {name: len(tasks) for name, tasks in groups.items()} == {
        "all": 12,
        "development": 4,
        "others": 8,
    }
    assert list(amazon.groups_of([("books", "dvd")])) == ["all", "others"]


def test_error_of_a_mean_is_that_of_the_means_of_the_seeds(amazon):
    tasks = [("books", "dvd"), ("dvd", "books")]
    # What one seed gains on one task it loses on the other: the mean is sure.
    frame = pd.DataFrame(
        {("accuracy", "DANN"): [0.7, 0.8, 0.8, 0.7]},
        index=pd.MultiIndex.from_product(
            [["books→dvd", "dvd→books"], [0, 1]], names=["task", "seed"]
        ),
    )
    summary = amazon.summarize(frame, tasks)
    assert summary["books→dvd"]["accuracy", "DANN"] == pytest.approx((0.75, 0.05))
    assert summary["mean of all (2)"]["accuracy", "DANN"] == pytest.approx((0.75, 0))
    assert summary["mean of all (2)"]["paper's accuracy", "DANN"][0] == pytest.approx(0.7535)


def test_runs(amazon_data_home, tmp_path):
    path = tmp_path / "results" / "amazon.json"
    command = [sys.executable, "-W", "error", BENCHMARKS / "amazon.py", "--json", path]
    command += ["--tasks", "dvd-books", "--seeds", "2", "--params", "max_iter=1"]
    environment = {**os.environ, "SK_DANN_DATA": str(amazon_data_home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["params"] == {"max_iter": 1}
    assert {"command", "date", "versions", "n_threads"} <= set(result)
    # Two measures and the time, of three models, with two seeds.
    assert len(result["runs"]) == 18
    mean = next(
        entry["mean"]
        for entry in result["means"]
        if (entry["of"], entry["measure"], entry["model"]) == ("dvd→books", "accuracy", "logistic")
    )
    assert mean > 0.75
    assert re.search(rf"^dvd→books\* +{mean:.3f} ", done.stdout, flags=re.MULTILINE)
