import pandas as pd
import pytest

from sk_dann._demo._tasks import DEMOS
from sk_dann._demo._words import describe, verdict


def results_of(pairs, domain_auc=(0.6, 0.9)):
    """Return results of one seed: pair → accuracy before and after, AUC before and after."""
    records = {}
    for pair, (acc_before, acc_after, auc_before, auc_after) in pairs.items():
        records[pair, 0] = {
            ("rows", "target"): 100,
            ("accuracy", "source-only"): acc_before,
            ("accuracy", "DANN"): acc_after,
            ("AUC", "source-only"): auc_before,
            ("AUC", "DANN"): auc_after,
            ("source accuracy", "source-only"): 0.8,
            ("source accuracy", "DANN"): 0.79,
            ("domains told apart (AUC)", "tf-idf"): 0.99,
            ("domains told apart (AUC)", "source-only"): domain_auc[0],
            ("domains told apart (AUC)", "DANN"): domain_auc[1],
        }
    results = pd.DataFrame.from_dict(records, orient="index")
    results.index = pd.MultiIndex.from_tuples(results.index, names=["pair", "seed"])
    results.columns = pd.MultiIndex.from_tuples(results.columns, names=["measure", "model"])
    return results


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.70, 0.71, 0.80, 0.81), "helped"),
        ((0.70, 0.70, 0.80, 0.81), "helped"),
        ((0.70, 0.69, 0.80, 0.81), "raised AUC but cost accuracy"),
        ((0.70, 0.71, 0.80, 0.79), "raised accuracy but cost AUC"),
        ((0.70, 0.70, 0.80, 0.80), "did not help"),
        ((0.70, 0.69, 0.80, 0.80), "did not help"),
        ((0.70, 0.69, 0.80, 0.79), "did not help"),
        # Nothing that the table does not show.
        ((0.7001, 0.7004, 0.8001, 0.8004), "did not help"),
    ],
)
def test_verdict(numbers, expected):
    assert verdict(results_of({"a → b": numbers}).iloc[0]) == expected


def test_every_loss_is_told():
    text = describe(
        results_of({"pets → cooking": (0.71, 0.70, 0.75, 0.74), "a → b": (0.6, 0.7, 0.8, 0.9)}),
        DEMOS["food"],
    )
    lines = text.splitlines()
    assert lines[0] == "Adapting helped on a → b: accuracy 0.600 → 0.700, AUC 0.800 → 0.900."
    assert lines[1] == (
        "Adapting did not help on pets → cooking: accuracy 0.710 → 0.700, AUC 0.750 → 0.740."
    )
    assert "Mean of the 2 pairs: accuracy 0.655 → 0.700 (+0.045 ±0.055; better on 1, worse" in text
    assert "accuracy 0.800 → 0.790" in text


@pytest.mark.parametrize(
    ("domain_auc", "word"), [((0.9, 0.6), "harder"), ((0.6, 0.9), "no harder")]
)
def test_domains_harder_to_tell_apart_or_not(domain_auc, word):
    text = describe(results_of({"a → b": (0.7, 0.7, 0.8, 0.8)}, domain_auc), DEMOS["food"])
    assert f"finds the domains {word} to tell apart" in text
    assert "{:.3f} → {:.3f} by the network's features".format(*domain_auc) in text


def test_accuracy_has_the_standard_error_of_its_rows():
    text = describe(results_of({"a → b": (0.5, 0.5, 0.5, 0.5)}), DEMOS["food"])
    assert "measured on 100 target rows, so it has a standard error of up to ±0.050" in text
