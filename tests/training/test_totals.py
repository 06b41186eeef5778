import pytest
import torch

from sk_dann.nn import DANNLoss, LossTerms, make_network
from sk_dann.training._totals import EpochTotals


@pytest.mark.parametrize("n_steps", [1, 63, 64, 130])
def test_averages_are_over_rows_and_members(n_steps):
    totals, expected, n_rows = EpochTotals(), torch.zeros(3, dtype=torch.float64), 0
    network = make_network(2, 2, n_members=3, dtype=torch.float64)
    for step in range(n_steps):
        n = 3 + step % 4
        domain = (torch.arange(2 * n) >= n).long()
        X = torch.randn(2 * n, 2, dtype=torch.float64)
        with torch.no_grad():
            terms = DANNLoss()(network(X, n_source=n), domain[:n], domain)
        totals.add(terms, domain)
        hits = (terms.domain_log_proba.argmax(-1) == domain).double().mean()
        expected += 2 * n * torch.stack([terms.label.mean(), terms.domain.mean(), hits])
        n_rows += 2 * n
    record = totals.read(domain_weight=0.5)
    label, domain, hits = (expected / n_rows).tolist()
    assert record == pytest.approx(
        {
            "train_loss": label + 0.5 * domain,
            "label_loss": label,
            "domain_loss": domain,
            "domain_accuracy": hits,
        }
    )


def test_without_domains_there_is_the_label_loss_alone():
    totals = EpochTotals()
    totals.add(LossTerms(torch.tensor([1.0, 3.0])), torch.zeros(4))
    assert totals.read(1.0) == {"train_loss": 2.0, "label_loss": 2.0}
