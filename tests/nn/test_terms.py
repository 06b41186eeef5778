import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sk_dann.nn import (
    CentralMomentDiscrepancy,
    DANNLoss,
    InformationMaximization,
    MinimumClassConfusion,
    NetworkOutput,
    Term,
    central_moment_discrepancy,
    class_confusion_loss,
    information_maximization_loss,
)

SHARES = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
UNIFORM = torch.full((3,), 1 / 3, dtype=torch.float64)


def _draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# Information maximisation


def test_information_maximization_is_minus_the_mutual_information_for_equal_shares():
    proba = _draw(2, 7, 3).softmax(-1)
    mean = proba.mean(1)
    conditional = -(proba * proba.log()).sum(-1).mean(1)
    marginal = -(mean * mean.log()).sum(-1)
    found = information_maximization_loss(proba.log(), UNIFORM)
    torch.testing.assert_close(found, conditional - marginal + math.log(3))


def test_information_maximization_is_least_for_sure_predictions_with_the_shares():
    rows = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor([2, 3, 5]), 0)
    assert information_maximization_loss(60 * rows[None], SHARES).item() == pytest.approx(0)
    for other in (_draw(1, 10, 3), 60 * rows.flip(1)[None], 60 * rows[:4][None]):
        assert information_maximization_loss(other, SHARES) > 0.1


# Minimum class confusion


def _confusion_of_the_paper(logits, temperature):
    """Equations 2 to 6 of Jin et al., for one member."""
    n_rows, n_classes = logits.shape
    proba = (logits / temperature).softmax(-1)
    certainty = 1 + torch.exp((proba * proba.log()).sum(-1))
    certainty = n_rows * certainty / certainty.sum()
    confusion = proba.T @ torch.diag(certainty) @ proba
    confusion = confusion / confusion.sum(1, keepdim=True)
    return (confusion.sum() - confusion.trace()) / n_classes


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_class_confusion_is_the_papers_for_equal_shares(temperature):
    logits = 3 * _draw(2, 7, 3)
    expected = torch.stack([_confusion_of_the_paper(own, temperature) for own in logits])
    found = class_confusion_loss(logits, UNIFORM, temperature=temperature)
    torch.testing.assert_close(found, expected)


def test_a_class_that_does_not_occur_cannot_be_confused():
    logits = _draw(1, 7, 3)
    only = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    each = [class_confusion_loss(logits, one) for one in torch.eye(3, dtype=torch.float64)]
    torch.testing.assert_close(class_confusion_loss(logits, only), each[1])
    torch.testing.assert_close(
        class_confusion_loss(logits, SHARES), sum(s * e for s, e in zip(SHARES, each, strict=True))
    )


def test_no_gradient_passes_through_the_weights_of_the_rows():
    # Two classes and one row: beside the diagonal stands what the other class has, whatever the
    # row weighs, so the gradient is that of sum_j share_j (1 - p_j).
    logits = _draw(1, 1, 2).requires_grad_()
    shares = torch.tensor([0.3, 0.7], dtype=torch.float64)
    (found,) = torch.autograd.grad(class_confusion_loss(logits, shares).sum(), logits)
    direct = (shares * (1 - (logits / 2.5).softmax(-1))).sum()
    torch.testing.assert_close(found, torch.autograd.grad(direct, logits)[0])


# Central moment discrepancy


def _cmd_of_the_authors(x1, x2, n_moments):
    """The numpy version of Zellinger's repository, for one member."""
    mx1, mx2 = x1.mean(0), x2.mean(0)
    sx1, sx2 = x1 - mx1, x2 - mx2
    scms = [((mx1 - mx2) ** 2).sum() ** 0.5]
    for k in range(2, n_moments + 1):
        ss1, ss2 = (sx1**k).mean(0), (sx2**k).mean(0)
        scms.append(((ss1 - ss2) ** 2).sum() ** 0.5)
    return sum(scms)


@pytest.mark.parametrize("n_moments", [1, 2, 5])
def test_central_moment_discrepancy_is_the_authors(n_moments):
    source, target = _draw(2, 7, 4).sigmoid(), _draw(2, 5, 4, seed=1).sigmoid()
    expected = torch.stack(
        [_cmd_of_the_authors(*pair, n_moments) for pair in zip(source, target, strict=True)]
    )
    found = central_moment_discrepancy(source, target, n_moments=n_moments)
    torch.testing.assert_close(found, expected)
    # Features and interval stretched alike are as far apart.
    wide = central_moment_discrepancy(4 * source, 4 * target, n_moments=n_moments, width=4.0)
    torch.testing.assert_close(wide, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_sides_have_no_distance(dtype):
    features = _draw(1, 6, 3).to(dtype)
    found = central_moment_discrepancy(features, features.flip(1))
    assert found.item() == pytest.approx(0, abs=1e-5)


def test_where_there_is_no_distance_the_gradient_is_a_number():
    # Rows that are all the same: every central moment is exactly zero.
    features = torch.ones(1, 4, 3, requires_grad=True)
    distance = central_moment_discrepancy(features, torch.ones(1, 2, 3))
    distance.sum().backward()
    assert distance.item() == 0
    assert not features.grad.any()


# All of them

TERMS = {
    "information maximization": lambda s, t, ws, wt: information_maximization_loss(t, SHARES, wt),
    "class confusion": lambda s, t, ws, wt: class_confusion_loss(t, SHARES, wt),
    "central moments": central_moment_discrepancy,
}
every_term = pytest.mark.parametrize("loss", TERMS.values(), ids=TERMS)


@every_term
def test_gradients_are_numerical_ones(loss, monkeypatch):
    # Weights that depend on the predictions, but pass no gradient, would show in differences.
    monkeypatch.setattr(
        "sk_dann.nn._term_losses.certainty_weight",
        lambda log_proba: torch.linspace(1, 2, 5, dtype=torch.float64).expand(2, 5),
    )
    source, target = _draw(2, 6, 3).requires_grad_(), _draw(2, 5, 3, seed=1).requires_grad_()
    weights = _draw(6).exp(), _draw(2, 5).exp()
    assert torch.autograd.gradcheck(
        lambda s, t: loss(s, t, *weights), (source, target), fast_mode=False
    )


@every_term
def test_weight_two_is_the_row_twice(loss):
    source, target = _draw(2, 4, 3), _draw(2, 3, 3, seed=1)
    twice, thrice = torch.tensor([0, 0, 1, 2, 3]), torch.tensor([0, 1, 1, 1])
    weights = torch.tensor([2.0, 1, 1, 1]).double(), torch.tensor([1.0, 3, 0]).double()
    expected = loss(source[:, twice], target[:, thrice], None, None)
    torch.testing.assert_close(loss(source, target, *weights), expected)


@every_term
def test_members_are_apart_and_may_weigh_rows_differently(loss):
    source, target = _draw(2, 4, 3), _draw(2, 3, 3, seed=1)
    weights = _draw(2, 4).exp(), _draw(2, 3).exp()
    together = loss(source, target, *weights)
    alone = [loss(source[k : k + 1], target[k : k + 1], *(w[k] for w in weights)) for k in range(2)]
    torch.testing.assert_close(together, torch.cat(alone))


@every_term
@pytest.mark.parametrize("side", [0, 1])
def test_a_side_without_weight_loses_nothing_and_is_no_nan(loss, side):
    source, target = _draw(1, 4, 3).requires_grad_(), _draw(1, 3, 3, seed=1).requires_grad_()
    weights = [torch.ones(4, dtype=torch.float64), torch.ones(3, dtype=torch.float64)]
    weights[side] *= 0
    found = loss(source, target, *weights)
    (found.sum() + 0 * (source.sum() + target.sum())).backward()
    if side == 1 or loss is central_moment_discrepancy:
        assert found.item() == 0
        assert not source.grad.any()
        assert not target.grad.any()


@every_term
@given(scale=st.sampled_from([0.0, 1e-3, 10.0, 1e3, 1e6]), seed=st.integers(0, 99))
def test_extreme_logits_and_features_give_numbers(loss, scale, seed):
    source, target = (
        (scale * _draw(2, 4, 3, seed=seed + i)).float().requires_grad_() for i in range(2)
    )
    if loss is central_moment_discrepancy:
        source, target = (side.detach().sigmoid().requires_grad_() for side in (source, target))
    loss(source, target, None, None).sum().backward()
    assert torch.isfinite(target.grad).all()


# The modules


class OwnTerm(Term):
    def forward(self, step):
        self.seen = step
        return step.target_logits.mean(dim=(1, 2))


class InfoNCE(OwnTerm):
    pass


def _output():
    return (
        NetworkOutput(_draw(2, 5, 4), _draw(2, 5, 3), None),
        torch.tensor([0, 1]),
        torch.tensor([0, 0, 1, 1, 1]),
    )


def test_names_are_those_of_the_classes_and_differ():
    terms = [OwnTerm(), InformationMaximization(), OwnTerm(), InfoNCE(), OwnTerm()]
    assert DANNLoss(terms=terms).term_names == [
        "own_term", "information_maximization", "own_term_2", "info_nce", "own_term_3"
    ]  # fmt: skip


def test_a_term_is_shown_both_sides_and_equal_shares_by_default():
    output, y, domain = _output()
    term = OwnTerm(weight=0.5)
    losses = DANNLoss(terms=[term])(output, y, domain, target_weight=torch.ones(3))
    torch.testing.assert_close(term.seen.source_features, output.features[:, :2])
    torch.testing.assert_close(term.seen.target_features, output.features[:, 2:])
    torch.testing.assert_close(term.seen.source_logits, output.label_logits[:, :2])
    torch.testing.assert_close(term.seen.target_logits, output.label_logits[:, 2:])
    torch.testing.assert_close(term.seen.class_shares, UNIFORM)
    assert term.seen.source_weight is None
    expected = losses.label.sum() + 0.5 * output.label_logits[:, 2:].mean(dim=(1, 2)).sum()
    torch.testing.assert_close(losses.total, expected)


def test_a_term_sees_predictions_for_the_targets_class_shares():
    output, y, domain = _output()
    term = OwnTerm()
    criterion = DANNLoss(terms=[term])
    criterion.set_class_shares(UNIFORM, SHARES)
    criterion(output, y, domain)
    moved = output.label_logits[:, 2:].softmax(-1) * SHARES
    torch.testing.assert_close(
        term.seen.target_logits.softmax(-1), moved / moved.sum(-1, keepdim=True)
    )
    torch.testing.assert_close(term.seen.class_shares, SHARES)
    criterion.set_class_shares(SHARES, SHARES)
    criterion(output, y, domain)
    torch.testing.assert_close(term.seen.target_logits, output.label_logits[:, 2:])


def test_without_target_rows_there_are_no_terms():
    output, _, _ = _output()
    y = torch.tensor([0, 1, 2, 0, 1])
    assert DANNLoss(terms=[OwnTerm()])(output, y, torch.zeros(5)).extra is None


def test_a_term_must_return_a_value_a_member():
    class Wrong(Term):
        def forward(self, step):
            return step.target_logits.mean()

    output, y, domain = _output()
    with pytest.raises(ValueError, match=r"wrong must return a tensor of shape \(2,\)"):
        DANNLoss(terms=[Wrong()])(output, y, domain)
    with pytest.raises(NotImplementedError, match="Term must define forward"):
        DANNLoss(terms=[Term()])(output, y, domain)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InformationMaximization(weight=-1), "weight must be a finite number of at least"),
        (lambda: InformationMaximization(weight="1"), "weight must be a finite number of at least"),
        (lambda: InformationMaximization(schedule="linear"), "schedule must be one of"),
        (lambda: InformationMaximization(schedule=["dann"]), "schedule must be one of"),
        (lambda: MinimumClassConfusion(temperature=0), "temperature must be a finite number above"),
        (lambda: CentralMomentDiscrepancy(n_moments=0), "n_moments must be an integer of at least"),
        (lambda: CentralMomentDiscrepancy(width=math.inf), "width must be a finite number above"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_schedules_are_factors_of_the_weight():
    assert InformationMaximization().factor(0.0) == 0
    assert InformationMaximization(schedule="constant").factor(0.3) == 1
    assert InformationMaximization(schedule=lambda p: p / 2).factor(0.3) == 0.15
