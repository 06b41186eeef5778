import numpy as np
import pytest

from sk_dann.metrics import target_risk_bound


def test_terms_by_hand():
    bound = target_risk_bound(
        0.1, 0.3, n_source=2000, n_target=1000, vc_dimension=10, joint_risk=0.05, delta=0.1
    )
    source = np.sqrt(4 / 2000 * (10 * np.log(2 * np.e * 200) + np.log(40)))
    divergence = 4 * np.sqrt(1 / 1000 * (10 * np.log(200) + np.log(40)))
    assert bound.source_complexity == pytest.approx(source)
    assert bound.divergence_complexity == pytest.approx(divergence)
    assert bound.total == pytest.approx(0.1 + 0.3 + 0.05 + source + divergence)


def test_more_rows_bound_closer():
    totals = [
        target_risk_bound(0.1, 0.3, n_source=n, n_target=n, vc_dimension=5).total
        for n in (100, 10_000, 10**8)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source_risk", 1.2),
        ("source_risk", np.nan),
        ("divergence", -0.1),
        ("joint_risk", 3),
        ("vc_dimension", 0),
        ("vc_dimension", 51),
        ("delta", 0),
        ("delta", 1),
    ],
)
def test_what_is_out_of_range_is_refused(name, value):
    arguments = {"source_risk": 0.1, "divergence": 0.3, "vc_dimension": 2}
    arguments |= {"n_source": 100, "n_target": 50, name: value}
    with pytest.raises(ValueError, match=f"^{name} must be"):
        target_risk_bound(**arguments)
