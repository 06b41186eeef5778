import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sk_dann._demo._measure import domain_auc
from sk_dann._demo._tables import format_tables, summarize


@pytest.mark.parametrize(("shift", "expected"), [(0, 0.5), (1, 0.76), (10, 1)])
def test_domain_auc_of_shifted_normals(shift, expected):
    # Two normals a standard deviations apart: AUC = Φ(a / √2).
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(600, 1)), rng.normal(shift, size=(900, 1))
    found = domain_auc(source, target, LogisticRegression())
    # With nothing to find, the two halves lead each other astray.
    assert found == pytest.approx(expected, abs=0.06)


def results_of(accuracies):
    """Return results with the same numbers everywhere: pair → a number for each seed."""
    measures = {
        "accuracy": ("logistic", "source-only", "DANN"),
        "AUC": ("logistic", "source-only", "DANN"),
        "source accuracy": ("logistic", "source-only", "DANN"),
        "domains told apart (AUC)": ("tf-idf", "source-only", "DANN"),
    }
    columns = [(measure, model) for measure, models in measures.items() for model in models]
    return pd.DataFrame(
        np.repeat([[value] for values in accuracies.values() for value in values], 12, axis=1),
        index=pd.MultiIndex.from_tuples(
            [(pair, seed) for pair, values in accuracies.items() for seed in range(len(values))],
            names=["pair", "seed"],
        ),
        columns=pd.MultiIndex.from_tuples(columns, names=["measure", "model"]),
    )


def test_means_and_standard_errors():
    means, errors = summarize(results_of({"a → b": [0.5, 0.7], "b → a": [0.7, 0.9]}))
    assert means["accuracy", "DANN"].to_dict() == pytest.approx(
        {"a → b": 0.6, "b → a": 0.8, "mean": 0.7}
    )
    # Seeds move all pairs alike here, so averaging over pairs does not make the mean surer.
    np.testing.assert_allclose(errors["accuracy", "DANN"], 0.1)


def test_one_seed_has_no_standard_error():
    table = format_tables(results_of({"a → b": [0.51234], "b → a": [0.7]}))
    assert "±" not in table
    assert "0.512" in table
    assert "mean" in table


def test_one_pair_has_no_mean_row():
    table = format_tables(results_of({"a → b": [0.5, 0.7]}))
    assert "0.600±0.100" in table
    assert "mean" not in table


def test_columns_stand_under_their_headings():
    lines = format_tables(results_of({"a → b": [0.5], "b → a": [0.7]})).split("\n\n")[0].split("\n")
    ends = [
        [len(line[: i + 1]) for i in range(len(line)) if line[i:].startswith("0.")]
        for line in lines[2:]
    ]
    assert ends[0] == ends[1] == ends[2]
    assert len({len(line) for line in lines}) == 1
