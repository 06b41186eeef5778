import numpy as np
import pytest
import torch

from sk_dann.nn import DANNLoss, DANNNetwork, MemberLinear, make_network, member_mlp


def _load(layer, weight, bias):
    with torch.no_grad():
        layer.weight[0] = torch.from_numpy(np.atleast_2d(weight)).T
        layer.bias[0, 0] = torch.from_numpy(np.atleast_1d(bias))


def _read(layer):
    return layer.weight[0].T.detach().numpy(), layer.bias[0, 0].detach().numpy()


@pytest.mark.parametrize("problem", ["binary", "multiclass", "small_lambda", "no_adversary"])
def test_steps_are_those_of_the_papers_authors(problem, golden_dir):
    """Replay Algorithm 1 on what the authors' own numpy code computed."""
    golden = np.load(golden_dir / f"{problem}.npz")
    n_classes, n_hidden = golden["V0"].shape
    network = make_network(
        golden["W0"].shape[1],
        n_classes,
        hidden_layer_sizes=(n_hidden,),
        domain_hidden_layer_sizes=(),
        activation="logistic",
        dtype=torch.float64,
    )
    layers = [
        network.feature_extractor[0],
        network.label_predictor[0],
        network.domain_classifier[0],
    ]
    for layer, (weight, bias) in zip(layers, ("Wb", "Vc", "ud"), strict=True):
        _load(layer, golden[f"{weight}0"], golden[f"{bias}0"])
    optimizer = torch.optim.SGD(network.parameters(), lr=float(golden["learning_rate"]))
    loss = DANNLoss(domain_weight=float(golden["lambda_adapt"]))
    X_src, X_tgt = torch.from_numpy(golden["X_src"]), torch.from_numpy(golden["X_tgt"])
    y = torch.from_numpy(golden["y_src"])
    reversal = 0.0 if problem == "no_adversary" else 1.0
    domain = torch.tensor([0, 1])
    for step, j in enumerate(golden["target_index"]):
        i = step % len(X_src)
        optimizer.zero_grad()
        output = network(torch.stack([X_src[i], X_tgt[j]]), reversal, n_source=1)
        loss(output, y[i : i + 1], domain).total.backward()
        optimizer.step()
    for layer, (weight, bias) in zip(layers, ("Wb", "Vc", "ud"), strict=True):
        for found, expected in zip(_read(layer), (golden[weight], golden[bias]), strict=True):
            np.testing.assert_allclose(found.squeeze(), expected.squeeze(), rtol=0, atol=1e-9)
    with torch.no_grad():
        output = network(X_src)
    np.testing.assert_allclose(output.features[0], golden["hidden"], rtol=0, atol=1e-9)
    proba = output.label_logits.softmax(-1)[0]
    np.testing.assert_allclose(proba, golden["proba"], rtol=0, atol=1e-9)
    # The authors' code calls the source 0 and the target 1.
    np.testing.assert_array_equal(output.domain_logits[0, :, 0] < 0, golden["domain"] == 1)


def test_members_trained_as_one_are_the_members_trained_alone():
    together = make_network(4, 3, n_members=3, hidden_layer_sizes=(5,), dtype=torch.float64)
    alone = []
    for k in range(3):
        network = make_network(4, 3, hidden_layer_sizes=(5,), dtype=torch.float64)
        with torch.no_grad():
            for mine, theirs in zip(_linear(network), _linear(together), strict=True):
                mine.weight.copy_(theirs.weight[k : k + 1])
                mine.bias.copy_(theirs.bias[k : k + 1])
        alone.append(network)
    batches = [torch.randn(8, 4, dtype=torch.float64) for _ in range(5)]
    for network in (together, *alone):
        _train(network, batches)
    with torch.no_grad():
        expected = torch.cat([network(batches[0]).label_logits for network in alone])
        torch.testing.assert_close(together(batches[0]).label_logits, expected)


def _linear(network):
    return [module for module in network.modules() if isinstance(module, MemberLinear)]


def _train(network, batches):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    y, domain = torch.tensor([0, 1, 2, 0]), torch.tensor([0] * 4 + [1] * 4)
    for batch in batches:
        optimizer.zero_grad()
        DANNLoss()(network(batch, 0.5, n_source=4), y, domain).total.backward()
        optimizer.step()


@pytest.mark.parametrize(("n_sources", "n_logits"), [(1, 1), (2, 3), (4, 5)])
def test_one_logit_for_one_source_else_one_a_domain(n_sources, n_logits):
    output = make_network(4, 2, n_sources)(torch.zeros(3, 4))
    assert output.domain_logits.shape == (1, 3, n_logits)


def test_without_source_domains_there_is_no_domain_classifier():
    network = make_network(4, 2, 0)
    assert network.domain_classifier is None
    assert network(torch.zeros(3, 4)).domain_logits is None


def test_label_path_starts_alike_with_and_without_domain_classifier():
    networks = [make_network(4, 2, n, generator=torch.Generator().manual_seed(3)) for n in (0, 1)]
    x = torch.randn(3, 4)
    assert torch.equal(*(network(x).label_logits for network in networks))


def test_only_source_rows_pay_for_label_logits():
    output = make_network(4, 2)(torch.zeros(6, 4), n_source=2)
    assert output.label_logits.shape == (1, 2, 2)
    assert output.domain_logits.shape == (1, 6, 1)


def test_own_modules_fit_in():
    network = DANNNetwork(member_mlp((4, 6)), MemberLinear(6, 3), MemberLinear(6, 1))
    assert network(torch.zeros(2, 4)).label_logits.shape == (1, 2, 3)


def test_an_outline_has_the_shapes_and_takes_no_memory():
    network = make_network(10**9, 3, hidden_layer_sizes=(1000, 7), outline=True)
    parameters = dict(network.named_parameters())
    assert all(parameter.is_meta for parameter in parameters.values())
    assert parameters["feature_extractor.0.weight"].shape == (1, 10**9, 1000)


def test_in_an_outline_ones_own_modules_are_tried_as_ever():
    network = make_network(4, 3, feature_extractor=torch.nn.LazyLinear(6), outline=True)
    assert network.feature_extractor.members[0].weight.shape == (6, 4)
    assert network.label_predictor[0].weight.is_meta
