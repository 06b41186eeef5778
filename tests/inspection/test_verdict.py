"""The rules of the verdict, each where it fits and where it does not."""

import re
from dataclasses import replace

import numpy as np
import pytest

from sk_dann.inspection._signs import Comparison, Signs
from sk_dann.inspection._verdict import judge
from sk_dann.shift import no_estimate

CLASSES = np.array(["calm", "windy"])
HALF = np.array([0.5, 0.5])


def shares(positive):
    return np.array([1 - positive, positive])


def make_signs(
    *,
    lost=0.05,
    surer=0.05,
    predicted=(0.5, 0.5),
    em=0.5,
    right=0.6,
    expected=0.5,
    moved=0.013,
    told=False,
):
    """Return signs of a case in which, by default, adapting is to be recommended."""
    source = 0.85
    target = source - lost
    return Signs(
        source_accuracy=Comparison(0.84, 0.84),
        source_accuracy_error=0.01,
        source_confidence=Comparison(source, source),
        scores={"calibrated_confidence": Comparison(target, target + surer)},
        class_shares=HALF,
        expected_shares=shares(expected),
        predicted_shares=Comparison(*map(shares, predicted)),
        share_estimate=replace(no_estimate(HALF, "made up"), em_shares=shares(em)),
        moved=moved,
        disagreement=Comparison(0.1, 0.1),
        input_distance=1.0,
        domain_distance=Comparison(1.0, 0.5),
        domain_accuracy=right,
        shares_are_told=told,
    )


@pytest.mark.parametrize(
    ("case", "verdict", "rule", "words"),
    [
        ({}, "adapt", "surer", r"surer \(0.80 → 0.85, calibrated\)"),
        ({"surer": 0.01}, "cannot tell", "undecided", "changes 1% of the predictions"),
        ({"surer": -0.01}, "do not adapt", "less sure", r"less sure \(0.80 → 0.79"),
        ({"lost": 0.3}, "adapt", "lost", "from 0.85 on the source to 0.55"),
        ({"lost": 0.3, "predicted": (0.75, 0.52)}, "cannot tell", "pulled", "or .* It is lost"),
        (
            {"predicted": (0.75, 0.52)},
            "do not adapt",
            "pulled",
            "differ by 0.25.*25% of the target rows are predicted as calm, adapted 48%; 50% are",
        ),
        ({"predicted": (0.56, 0.5)}, "cannot tell", "pulled", "44% .* predicted as calm"),
        ({"em": 0.9}, "cannot tell", "contradiction", "by 0.00 if .* counted, and by 0.40 by"),
        ({"moved": 0.004}, "cannot tell", "no difference", "0.4% of .* no more than that"),
        ({"right": 0.95}, "cannot tell", "no overlap", "No overlap: nothing to align.*95%"),
    ],
)
def test_each_rule_decides_its_case(case, verdict, rule, words):
    found = judge(make_signs(**case), CLASSES)
    assert (found.verdict, found.rule) == (verdict, rule)
    assert len(found.reasons) == 1
    assert re.search(words, found.reasons[0])


def test_confidence_alone_never_recommends_adapting():
    # However sure the adapted network is: where shares are drawn along it is sure of the wrong.
    for surer in (0.05, 0.2):
        assert judge(make_signs(surer=surer, predicted=(0.8, 0.5)), CLASSES).verdict != "adapt"
        assert judge(make_signs(surer=surer, em=0.9), CLASSES).verdict != "adapt"
        assert judge(make_signs(surer=surer, right=0.99), CLASSES).verdict != "adapt"
        assert judge(make_signs(surer=surer, predicted=(0.5, 0.99)), CLASSES).verdict != "adapt"


def test_to_be_lost_without_adaptation_is_not_enough():
    # What is said of the adapted network counts too.
    for case in ({"surer": -0.3}, {"surer": 0.0}, {"predicted": (0.5, 0.99)}, {"right": 0.95}):
        assert judge(make_signs(lost=0.3, **case), CLASSES).verdict != "adapt"


def test_shares_that_the_network_was_told_are_no_harm():
    # label_shift says 80 %: that the adapted network predicts so is as it should be.
    case = {"predicted": (0.6, 0.8), "em": 0.4, "expected": 0.8}
    told = judge(make_signs(**case, told=True), CLASSES)
    assert told.verdict == "adapt"
    assert "were told or estimated" in told.reasons[0]
    assert judge(make_signs(**case), CLASSES).verdict == "do not adapt"
    # The source's shares can be told too.
    assert judge(make_signs(predicted=(0.8, 0.5), told=True), CLASSES).verdict == "adapt"


def test_away_from_the_shares_is_not_towards_them():
    assert judge(make_signs(predicted=(0.5, 0.7)), CLASSES).verdict == "adapt"


def test_without_a_history_the_other_rules_hold():
    assert judge(make_signs(right=None), CLASSES).verdict == "adapt"


def test_verdicts_come_with_their_record_where_there_is_one():
    for case in ({}, {"surer": -0.01}, {"predicted": (0.75, 0.52)}):
        right, n_cases = judge(make_signs(**case), CLASSES).reliability
        assert 0.8 * n_cases < right <= n_cases
    for case in ({"surer": 0.01}, {"predicted": (0.56, 0.5)}, {"em": 0.9}, {"lost": 0.3}):
        assert judge(make_signs(**case), CLASSES).reliability is None
