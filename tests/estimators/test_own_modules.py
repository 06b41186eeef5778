"""Feature extractor, label predictor and domain classifier of one's own."""

import contextlib
import copy
import functools
import threading

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from sk_dann import DANNClassifier
from sk_dann.exceptions import NoTargetWarning

QUICK = {"max_iter": 3, "batch_size": 16, "random_state": 0}


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 7), nn.ReLU(), nn.Dropout(0.3))

    def forward(self, x):
        return self.layers(x)


class CategoryEmbedding(nn.Module):
    """Embeds the last column, a category's code, and puts the vector beside the numbers."""

    def __init__(self, n_categories=3, width=4):
        super().__init__()
        self.embedding = nn.Embedding(n_categories, width)
        self.hidden = nn.Linear(11 + width, 8)

    def forward(self, x):
        vectors = self.embedding(x[:, -1].long())
        return torch.relu(self.hidden(torch.cat([x[:, :-1], vectors], dim=1)))


class TooDeep(nn.Module):
    def forward(self, x):
        return x[:, None]


def test_classes_and_instances_are_taken(three_classes):
    for extractor in (Extractor, Extractor()):
        clf = DANNClassifier(feature_extractor=extractor, **QUICK).fit(*three_classes)
        assert clf.transform(three_classes[2]).shape == (60, 7)
        assert len(clf.get_feature_names_out()) == 7
        assert clf.predict_proba(three_classes[2]).shape == (60, 3)


def test_all_three_can_be_replaced(three_classes):
    clf = DANNClassifier(
        feature_extractor=nn.Linear(12, 5),
        label_predictor=nn.Linear(5, 3),
        domain_classifier=nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)),
        max_iter=40,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(*three_classes)
    assert clf.score(*three_classes[:2]) > 0.9
    assert clf.predict_domain_proba(three_classes[2]).shape == (60, 2)
    kinds = {type(m).__name__ for m in clf.net_.module_.modules()}
    assert "MemberLinear" not in kinds


def test_instances_are_copied_and_never_trained_in_place(three_classes):
    extractor = Extractor()
    before = copy.deepcopy(extractor.state_dict())
    clf = DANNClassifier(feature_extractor=extractor, **QUICK).fit(*three_classes)
    for name, value in extractor.state_dict().items():
        assert torch.equal(value, before[name])
    assert extractor.layers[0].weight.dtype == torch.float32
    trained = clf.net_.module_.feature_extractor.members[0].layers[0].weight
    assert not torch.equal(trained.float(), before["layers.0.weight"])
    # A clone starts from the same weights.
    one, other = (clone(clf).fit(*three_classes).predict_proba(three_classes[2]) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, clf.predict_proba(three_classes[2]))


def test_modules_that_draw_randomly_do_so_repeatably(three_classes):
    before = torch.get_rng_state()
    one, other = (
        DANNClassifier(feature_extractor=Extractor, **QUICK).fit(*three_classes).loss_curve_
        for _ in range(2)
    )
    assert one == other
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_of_ones_own_is_on_in_training_and_off_in_prediction(three_classes):
    clf = DANNClassifier(feature_extractor=Extractor, **QUICK).fit(*three_classes)
    proba = [clf.predict_proba(three_classes[2]) for _ in range(2)]
    np.testing.assert_array_equal(*proba)
    assert not any(module.training for module in clf.net_.module_.eval().modules())


def test_members_are_separate_modules(three_classes):
    clf = DANNClassifier(feature_extractor=Extractor, n_estimators=3, **QUICK).fit(*three_classes)
    members = clf.net_.module_.feature_extractor.members
    assert len(members) == 3
    weights = [member.layers[0].weight for member in members]
    assert not torch.equal(weights[0], weights[1])
    assert clf.transform(three_classes[2]).shape == (60, 21)


def test_the_plain_network_as_modules_of_ones_own_learns_alike(three_classes):
    from sk_dann.nn import MemberLinear

    params = {"hidden_layer_sizes": (6,), "dropout": 0, **QUICK}
    default = DANNClassifier(**params).fit(*three_classes)
    starts = DANNClassifier(**{**params, "max_iter": 1, "learning_rate_init": 1e-300})
    network = starts.fit(*three_classes).net_.module_
    extractor = nn.Sequential(nn.Linear(12, 6), nn.ReLU()).double()
    layer = next(m for m in network.feature_extractor if isinstance(m, MemberLinear))
    with torch.no_grad():
        extractor[0].weight.copy_(layer.weight[0].T)
        extractor[0].bias.copy_(layer.bias[0, 0])
    # The other two parts are drawn first now, so they are put in as well.
    heads = {}
    for name in ("label_predictor", "domain_classifier"):
        parts = []
        for module in getattr(network, name):
            if isinstance(module, MemberLinear):
                _, d, h = module.weight.shape
                linear = nn.Linear(d, h).double()
                with torch.no_grad():
                    linear.weight.copy_(module.weight[0].T)
                    linear.bias.copy_(module.bias[0, 0])
                parts.append(linear)
            else:
                parts.append(module)
        heads[name] = nn.Sequential(*parts)
    own = DANNClassifier(feature_extractor=extractor, **heads, **params).fit(*three_classes)
    np.testing.assert_allclose(own.loss_curve_, default.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(own.domain_loss_curve_, default.domain_loss_curve_, rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"label_predictor": nn.Linear(100, 4)},
            "label_predictor=Linear returns 4 outputs a row, but 3 are needed: one a class",
        ),
        (
            {"domain_classifier": nn.Linear(100, 2)},
            "domain_classifier=Linear returns 2 outputs a row, but 1 are needed",
        ),
        (
            {"feature_extractor": nn.Linear(5, 4)},
            r"feature_extractor=Linear failed on rows of shape \(2, 12\)",
        ),
        (
            {"feature_extractor": Extractor, "label_predictor": nn.Linear(9, 3)},
            r"label_predictor=Linear failed on rows of shape \(2, 7\)",
        ),
        ({"feature_extractor": TooDeep}, r"feature_extractor=TooDeep must return one row"),
    ],
)
def test_a_wrong_width_names_the_module_and_both_widths(three_classes, params, message):
    with pytest.raises(ValueError, match=message):
        DANNClassifier(**QUICK, **params).fit(*three_classes)


@pytest.mark.parametrize("module", ["conv", 3, dict])
def test_what_is_no_module_is_refused(three_classes, module):
    with pytest.raises((ValueError, TypeError), match="feature_extractor"):
        DANNClassifier(feature_extractor=module, **QUICK).fit(*three_classes)


def test_sparse_rows_reach_modules_dense_a_batch_at_a_time(three_classes):
    X, y, X_tgt = three_classes
    dense = DANNClassifier(feature_extractor=Extractor, **QUICK).fit(X, y, X_tgt)
    csr = DANNClassifier(feature_extractor=Extractor, **QUICK)
    csr.fit(sparse.csr_array(X), y, sparse.csr_array(X_tgt))
    np.testing.assert_allclose(
        csr.predict_proba(sparse.csr_array(X_tgt)), dense.predict_proba(X_tgt), rtol=1e-9
    )


def test_convolutions_on_digits():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    source, target = np.arange(0, 900), np.arange(900, 1797)
    dimmed = X[target] * 0.6 + 0.1
    extractor = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    clf = DANNClassifier(
        feature_extractor=extractor, max_iter=30, learning_rate_init=0.01, random_state=0
    ).fit(X[source], y[source], dimmed)
    assert clf.score(dimmed, y[target]) > 0.8
    assert clf.transform(dimmed).shape == (897, 128)


def test_embeddings_of_a_category(three_classes):
    X, y, X_tgt = (part.copy() for part in three_classes)
    rng = np.random.default_rng(0)
    # The last column is a category now, and all that tells the classes apart.
    X[:, :-1], X_tgt[:, :-1] = rng.normal(size=(90, 11)), rng.normal(size=(60, 11))
    X[:, -1], X_tgt[:, -1] = y, np.arange(60) % 3
    clf = DANNClassifier(
        feature_extractor=CategoryEmbedding, max_iter=60, learning_rate_init=0.02, random_state=0
    ).fit(X, y, X_tgt)
    assert clf.score(X_tgt, np.arange(60) % 3) > 0.95


class Masked(nn.Module):
    """Reads the last column as an attention mask."""

    def forward(self, x):
        return x[:, :-1] * x[:, -1:] / x[:, -1:].sum(1, keepdim=True)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_modules_see_columns_that_are_constant_in_the_source(three_classes, container):
    X, y, X_tgt = (part.astype(np.float32) for part in three_classes)
    X[:, -2:] = 1
    embedding = nn.Embedding(3, 8).requires_grad_(False)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = embedding

        def forward(self, x):
            return self.embedding(x[:, -2:].long()).flatten(1)

    clf = DANNClassifier(feature_extractor=Encoder(), **QUICK)
    clf.fit(container(X), y, container(X[:60]))
    expected = Encoder()(torch.from_numpy(X)).numpy()
    np.testing.assert_array_equal(clf.transform(container(X)), expected)
    X_tgt[:, -1] = 1
    masked = DANNClassifier(feature_extractor=Masked, **QUICK)
    masked.fit(container(X), y, container(X_tgt))
    assert np.isfinite(masked.predict_proba(X_tgt)).all()


@pytest.mark.parametrize("n_samples", [48, 49, 50])
@pytest.mark.parametrize("estimates", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_batch_normalisation_takes_any_number_of_rows(three_classes, n_samples, estimates, alone):
    X, y, X_tgt = three_classes
    clf = DANNClassifier(
        feature_extractor=nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU()),
        label_predictor=nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 3)),
        label_shift="estimate" if estimates else None,
        **QUICK,
    )
    with pytest.warns(NoTargetWarning) if alone else contextlib.nullcontext():
        clf.fit(X[:n_samples], y[:n_samples], None if alone else X_tgt)
    assert np.isfinite(clf.predict_proba(X_tgt)).all()


def test_batch_normalisation_of_one_row_is_an_error_that_names_the_module(three_classes):
    class NormOfOne(nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x[:1]).expand_as(x)

    clf = DANNClassifier(feature_extractor=NormOfOne(12), max_iter=1)
    with pytest.raises(ValueError, match=r"feature_extractor.*batch_size"):
        clf.fit(*three_classes)


def test_a_partial_of_a_class_is_a_module(three_classes):
    clf = DANNClassifier(feature_extractor=functools.partial(nn.Linear, 12, 5), **QUICK)
    assert clf.fit(*three_classes).transform(three_classes[2]).shape == (60, 5)


def test_modules_that_draw_randomly_do_so_alike_in_threads(three_classes):
    def fit(found):
        clf = DANNClassifier(feature_extractor=Extractor, **QUICK).fit(*three_classes)
        found.append(clf.predict_proba(three_classes[2]))

    found = []
    fit(found)
    state = torch.get_rng_state()
    threads = [threading.Thread(target=fit, args=(found,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 7
    for proba in found[1:]:
        np.testing.assert_array_equal(proba, found[0])
    assert torch.equal(torch.get_rng_state(), state)
