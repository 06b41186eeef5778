import json
from functools import partial

import numpy as np
import pytest

from sk_dann import DANNClassifier


def test_both_searches_are_timed_and_compared(benchmark, tmp_path, monkeypatch, capsys):
    search_speed = benchmark("search_speed")
    workloads = benchmark("_workloads")
    monkeypatch.setattr(search_speed, "WORKLOADS", {"table": lambda: workloads.table(90)})
    monkeypatch.setattr(search_speed, "LAMBDAS", (0.0, 1.0))
    monkeypatch.setattr(search_speed, "DANNClassifier", partial(DANNClassifier, max_iter=2))
    path = tmp_path / "results.json"
    command = ["search_speed.py", "--workloads", "table", "--rounds", "2", "--folds", "2"]
    monkeypatch.setattr("sys.argv", [*command, "--scoring", "infomax", "--json", str(path)])
    search_speed.main()
    assert "times as long as DANNClassifierCV" in capsys.readouterr().out
    found = json.loads(path.read_text())["results"]["table"]
    assert len(found["ratios"]) == 2
    assert all(np.asarray(seconds).min() > 0 for seconds in found["seconds"].values())
    means = found["mean_test_score"]
    assert set(means) == {"GridSearchCV", "DANNClassifierCV"}
    assert means["GridSearchCV"] == pytest.approx(means["DANNClassifierCV"], abs=0.2)
    assert 0 <= found["lost"] < 0.2
