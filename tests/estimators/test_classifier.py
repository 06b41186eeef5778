"""Every parameter does something, every attribute says what it promises."""

import functools
import math

import numpy as np
import pytest
import torch
from scipy import sparse
from skorch.callbacks import Callback

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.exceptions import NoTargetWarning
from sk_dann.nn import MemberDropout, MemberLinear
from sk_dann.training import infer, label_log_proba


def repr_without_address(value):
    return getattr(value, "__name__", repr(value)[:20])


SMALL = {"hidden_layer_sizes": (6,), "max_iter": 3, "batch_size": 32, "random_state": 0}


def _fit(data, **params):
    return DANNClassifier(**{**SMALL, **params}).fit(*data)


def _layers(clf, part):
    modules = getattr(clf.net_.module_, part).modules()
    return [tuple(m.weight.shape) for m in modules if isinstance(m, MemberLinear)]  # (K, d, h)


# Parameters


@pytest.mark.parametrize(
    ("name", "part", "sizes", "expected"),
    [
        ("hidden_layer_sizes", "feature_extractor", 4, [(1, 2, 4)]),
        ("hidden_layer_sizes", "feature_extractor", [4, 3], [(1, 2, 4), (1, 4, 3)]),
        ("label_hidden_layer_sizes", "label_predictor", (), [(1, 6, 2)]),
        ("label_hidden_layer_sizes", "label_predictor", np.array([5]), [(1, 6, 5), (1, 5, 2)]),
        ("domain_hidden_layer_sizes", "domain_classifier", (), [(1, 6, 1)]),
        ("domain_hidden_layer_sizes", "domain_classifier", (7,), [(1, 6, 7), (1, 7, 1)]),
    ],
)
def test_layer_sizes_are_the_networks(moons, name, part, sizes, expected):
    assert _layers(_fit(moons, max_iter=1, **{name: sizes}), part) == expected


@pytest.mark.parametrize(
    ("activation", "module"), [("identity", "Identity"), ("logistic", "Sigmoid"), ("tanh", "Tanh")]
)
def test_activation_is_the_networks(moons, activation, module):
    network = _fit(moons, activation=activation).net_.module_
    kinds = [type(m).__name__ for part in network.children() for m in part]
    assert module in kinds
    assert "ReLU" not in kinds


def test_dropout_is_the_networks(moons):
    dropouts = [
        [m.p for m in _fit(moons, dropout=p).net_.module_.modules() if isinstance(m, MemberDropout)]
        for p in (0.0, 0.3)
    ]
    assert dropouts == [[], [0.3]]


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("lambda_adapt", 5.0),
        ("lambda_schedule", "constant"),
        ("lambda_schedule", lambda progress: 1 - progress),
        ("solver", "adamw"),
        ("solver", "sgd"),
        ("solver", torch.optim.RMSprop),
        ("learning_rate_init", 0.01),
        ("learning_rate", "dann"),
        ("learning_rate", lambda progress: 0.5),
        ("alpha", 1.0),
        ("batch_size", 10),
        ("max_iter", 4),
        ("n_estimators", 2),
        ("dropout", 0.0),
        ("class_weight", {0: 1, 1: 3}),
        ("random_state", 1),
        ("early_stopping", True),
    ],
    ids=repr_without_address,
)
def test_each_parameter_changes_the_fit(moons, param, value):
    base = _fit(moons).predict_proba(moons[2])
    changed = _fit(moons, **{param: value}).predict_proba(moons[2])
    assert np.abs(base - changed).max() > 1e-6


@pytest.mark.parametrize(("n_target", "n_epochs"), [(60, 640), (100, 320), (2500, 20)])
def test_max_iter_auto_counts_epochs_or_on_small_data_steps(moons, n_target, n_epochs):
    X, y, X_tgt = moons
    clf = DANNClassifier((3,), random_state=0, batch_size=64)
    assert clf.fit(X, y, np.resize(X_tgt, (n_target, 2))).n_iter_ == n_epochs


def test_solvers_are_torchs_with_weight_decay_on_weights_alone(moons):
    for solver, kind in (("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")):
        clf = _fit(moons, solver=solver, alpha=0.3, momentum=0.7)
        optimizer = clf.net_.optimizer_
        assert type(optimizer).__name__ == kind
        names = {id(p): n.split(".")[-1] for n, p in clf.net_.module_.named_parameters()}
        decays = {
            (names[id(tensor)], group["weight_decay"])
            for group in optimizer.param_groups
            for tensor in group["params"]
        }
        assert decays == {("weight", 0.3), ("bias", 0)}
        if solver == "sgd":
            assert {group["momentum"] for group in optimizer.param_groups} == {0.7}


def test_momentum_acts_on_sgd(moons):
    fits = [_fit(moons, solver="sgd", momentum=m).predict_proba(moons[2]) for m in (0.0, 0.9)]
    assert np.abs(fits[0] - fits[1]).max() > 1e-6


def test_a_partial_optimizer_is_a_solver_too(moons):
    solver = functools.partial(torch.optim.SGD, momentum=0.9)
    one = _fit(moons, solver=solver).predict_proba(moons[2])
    other = _fit(moons, solver="sgd", momentum=0.9).predict_proba(moons[2])
    np.testing.assert_allclose(one, other)


def test_weight_decay_that_a_solver_lacks_is_refused(moons):
    with pytest.raises(ValueError, match=r"no weight decay.*alpha=0\.0001.*set alpha=0"):
        _fit(moons, solver=torch.optim.Rprop)
    _fit(moons, solver=torch.optim.Rprop, alpha=0)


def test_schedules_run_from_the_start_to_the_end(moons):
    seen = []

    class Watch(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append((net._lambda, net.optimizer_.param_groups[0]["lr"]))

    _fit(
        moons,
        lambda_adapt=2.0,
        lambda_schedule="dann",
        learning_rate="dann",
        learning_rate_init=0.1,
        callbacks=[Watch()],
    )
    lambdas, rates = np.array(seen).T
    progress = np.arange(6) / 6
    np.testing.assert_allclose(lambdas, 2 * np.tanh(5 * progress))
    np.testing.assert_allclose(rates, 0.1 / (1 + 10 * progress) ** 0.75)


def test_lambda_zero_is_the_network_without_adaptation(moons):
    X, y, X_tgt = moons
    params = {**SMALL, "hidden_layer_sizes": (6,), "lambda_adapt": 0.0}
    # As many target rows as source rows, so that epochs have the same steps.
    adapted = DANNClassifier(**params).fit(X, y, np.vstack([X_tgt, X_tgt])[: len(X)])
    with pytest.warns(NoTargetWarning):
        plain = DANNClassifier(**params).fit(X, y)
    np.testing.assert_allclose(adapted.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(adapted.loss_curve_, plain.loss_curve_, rtol=1e-9)


def test_class_weight_acts_like_row_weights_on_the_label_loss(moons):
    X, y, _ = moons
    weight = np.where(y == 1, 3.0, 1.0)
    with pytest.warns(NoTargetWarning):
        by_class = DANNClassifier(**SMALL, class_weight={0: 1, 1: 3}).fit(X, y)
    with pytest.warns(NoTargetWarning):
        by_row = DANNClassifier(**SMALL).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-9)


def test_balanced_class_weight_lifts_the_rare_class(moons):
    X, y, X_tgt = moons
    kept = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:5]]
    data = X[kept], y[kept], X_tgt
    plain, balanced = (
        _fit(data, class_weight=w, max_iter=30, learning_rate_init=0.01)
        .predict_proba(X)[:, 1]
        .mean()
        for w in (None, "balanced")
    )
    assert balanced > plain + 0.1


def test_sample_weight_acts_on_both_losses(moons):
    X, y, X_tgt = moons
    weight = np.random.default_rng(0).uniform(0.1, 5, len(X))
    plain = DANNClassifier(**SMALL).fit(X, y, X_tgt)
    weighted = DANNClassifier(**SMALL).fit(X, y, X_tgt, sample_weight=weight)
    assert weighted.loss_curve_ != plain.loss_curve_
    # Before the first step both networks are the same, and so are the losses but for the weights.
    full = {**SMALL, "batch_size": 1000, "max_iter": 1, "dropout": 0.0}
    losses = [
        DANNClassifier(**full).fit(X, y, X_tgt, sample_weight=w).domain_loss_curve_[0]
        for w in (None, weight)
    ]
    assert abs(losses[0] - losses[1]) > 1e-4


def test_class_weight_leaves_the_domain_loss_alone(moons):
    full = {**SMALL, "batch_size": 1000, "max_iter": 1, "dropout": 0.0}
    plain, weighted = (
        DANNClassifier(**full, class_weight=w).fit(*moons) for w in (None, {0: 1, 1: 9})
    )
    assert plain.loss_curve_ != weighted.loss_curve_
    assert plain.domain_loss_curve_ == weighted.domain_loss_curve_


def test_balanced_counts_weighted_rows(moons):
    X, y, X_tgt = moons
    weight = np.where(y == 1, 4.0, 1.0)
    balanced = DANNClassifier(**SMALL, class_weight="balanced")
    balanced.fit(X, y, X_tgt, sample_weight=weight)
    # The classes have 30 rows each, so what the weights tilt, "balanced" tilts back.
    undone = DANNClassifier(**SMALL, class_weight={0: 4.0, 1: 1.0})
    undone.fit(X, y, X_tgt, sample_weight=weight)
    np.testing.assert_allclose(balanced.predict_proba(X), undone.predict_proba(X), rtol=1e-9)


def test_random_state_draws_the_initial_weights(moons):
    still = {**SMALL, "learning_rate_init": 1e-300, "max_iter": 1}
    first, second = (
        DANNClassifier(**{**still, "random_state": seed}).fit(*moons).predict_proba(moons[2])
        for seed in (0, 1)
    )
    assert np.abs(first - second).max() > 1e-3


def test_members_are_averaged(moons):
    clf = _fit(moons, n_estimators=3)
    network = clf.net_.module_
    with torch.no_grad():
        output = network.eval()(torch.from_numpy(moons[2]))
    expected = output.label_logits.softmax(-1).mean(0)
    np.testing.assert_allclose(clf.predict_proba(moons[2]), expected, rtol=1e-10)
    assert clf.transform(moons[2]).shape == (50, 18)
    assert output.label_logits.std(0).max() > 0.01, "members must differ"


def test_verbose_shows_a_progress_bar_and_silence_is_the_default(moons, capsys):
    _fit(moons)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    _fit(moons, verbose=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3/3" in captured.err
    assert "label_loss=" in captured.err


# Early stopping


def test_early_stopping_restores_the_best_weights(moons):
    X, y, X_tgt = moons
    proba = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            proba.append(infer(net.module_, X, label_log_proba, "cpu"))

    clf = DANNClassifier(
        **{**SMALL, "max_iter": 100},
        lambda_schedule="constant",
        early_stopping=True,
        n_iter_no_change=4,
        tol=0.01,
        callbacks=[Watch()],
    ).fit(X, y, X_tgt, X_val=X, y_val=y)
    scores = clf.validation_scores_
    assert clf.n_iter_ == len(scores) < 100
    # Improvements by tol or less do not count, so training ended 4 epochs after the last that did.
    bar = -1.0
    for epoch, score in enumerate(scores):
        if score > bar:
            bar, last = score + 0.01, epoch
    assert last == clf.n_iter_ - 1 - 4
    # The latest of the best is kept.
    kept = clf.n_iter_ - 1 - int(np.argmax(scores[::-1]))
    np.testing.assert_array_equal(clf.predict_log_proba(X), proba[kept])
    assert kept == clf.n_iter_ - 1 or np.abs(proba[kept] - proba[-1]).max() > 1e-6


def test_early_stopping_waits_for_the_adaptation():
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    params = {"hidden_layer_sizes": (50, 50), "activation": "tanh", "dropout": 0.0}
    clf = DANNClassifier(
        **params, max_iter=150, early_stopping=True, n_iter_no_change=40, random_state=0
    ).fit(X_src, y_src, X_tgt)
    # Source accuracy is as good as it gets long before λ has grown.
    assert clf.n_iter_ >= 0.29 * 150 + 40
    assert clf.score(X_tgt, y_tgt) > 0.9


def test_validation_fraction_is_held_out(moons):
    X, y, X_tgt = moons
    step_rows = []

    class Watch(Callback):
        def on_batch_end(self, net, batch, **kwargs):
            step_rows.append(len(batch.y))

    DANNClassifier(
        early_stopping=True,
        validation_fraction=0.3,
        max_iter=1,
        batch_size=1000,
        callbacks=[Watch()],
    ).fit(X, y, X_tgt[:10])
    assert step_rows == [42]


def test_validation_labels_are_strings_if_the_labels_are(moons):
    X, y, X_tgt = moons
    names = np.array(["left", "right"])
    clf = DANNClassifier(**SMALL, early_stopping=True)
    clf.fit(X, names[y], X_tgt, X_val=X.tolist(), y_val=names[y].tolist())
    assert len(clf.validation_scores_) == 3


def test_scores_on_weighted_rows_are_weighted(moons):
    X, y, X_tgt = moons
    params = {**SMALL, "learning_rate_init": 0.01, "max_iter": 20}
    clf = DANNClassifier(**params, early_stopping=True)
    clf.fit(X, y, X_tgt, sample_weight=np.where(y == 0, 1.0, 1e-9))
    # Only class 0 counts, so that is what is learned and what is scored.
    assert clf.validation_scores_[-1] == pytest.approx(1, abs=1e-6)
    assert clf.score(X, y) < 0.9


# Methods and attributes


def test_probabilities_scores_and_predictions_agree(three_classes):
    clf = _fit(three_classes, max_iter=20, learning_rate_init=0.01, dropout=0)
    X, y, X_tgt = three_classes
    proba = clf.predict_proba(X_tgt)
    assert proba.shape == (60, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(proba), clf.predict_log_proba(X_tgt))
    np.testing.assert_array_equal(clf.decision_function(X_tgt), clf.predict_log_proba(X_tgt))
    np.testing.assert_array_equal(clf.predict(X_tgt), clf.classes_[proba.argmax(axis=1)])
    assert clf.score(X, y) == np.mean(clf.predict(X) == y) > 0.9


def test_two_classes_have_one_score_the_log_odds(moons):
    clf = _fit(moons)
    scores = clf.decision_function(moons[2])
    proba = clf.predict_proba(moons[2])
    np.testing.assert_allclose(scores, np.log(proba[:, 1] / proba[:, 0]))
    np.testing.assert_array_equal(clf.predict(moons[2]), clf.classes_[(scores > 0).astype(int)])


def test_curves_and_counts(moons):
    clf = _fit(moons, learning_rate_init=0.01)
    assert clf.n_iter_ == 3
    assert clf.loss_curve_ == [record["label_loss"] for record in clf.history_]
    assert clf.domain_loss_curve_ == [record["domain_loss"] for record in clf.history_]
    assert clf.domain_accuracy_ == clf.history_[-1]["domain_accuracy"]
    assert clf.validation_scores_ is None
    assert clf.n_source_domains_ == 1
    assert clf.n_features_in_ == 2
    assert clf.history_ is clf.net_.history
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


def test_without_a_target_nothing_is_said_about_domains(moons):
    with pytest.warns(NoTargetWarning, match="Pass X_tgt or sample_domain"):
        clf = DANNClassifier(**SMALL).fit(*moons[:2])
    assert clf.domain_loss_curve_ == []
    assert clf.domain_accuracy_ is None
    with pytest.raises(ValueError, match="fitted without a target"):
        clf.predict_domain_proba(moons[0])


def test_equal_domains_cost_two_ln_two():
    # Nothing tells the domains apart, so guessing is the best there is.
    X, y, _, _ = make_inter_twinning_moons(n_samples=200, random_state=0)
    clf = DANNClassifier(max_iter=30, random_state=0).fit(X, y, X)
    assert clf.domain_loss_curve_[-1] == pytest.approx(2 * math.log(2), abs=0.02)
    assert clf.domain_accuracy_ == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(clf.predict_domain_proba(X), 0.5, atol=0.1)


def test_domain_probabilities_recognise_far_domains_that_are_not_adapted(moons):
    X, y, X_tgt = moons
    far = X_tgt + 8
    clf = DANNClassifier(lambda_adapt=0, max_iter=100, learning_rate_init=0.01, random_state=0)
    clf.fit(X, y, far)
    assert clf.predict_domain_proba(X)[:, 0].mean() > 0.9
    assert clf.predict_domain_proba(far)[:, 1].mean() > 0.9
    assert clf.domain_accuracy_ > 0.9


def test_adapting_hides_the_domain(moons):
    X, y, X_tgt = moons
    far = X_tgt + 2
    apart = [
        DANNClassifier((30, 30), lambda_adapt=lam, max_iter=200, dropout=0, random_state=0)
        .fit(X, y, far)
        .domain_accuracy_
        for lam in (0.0, 1.0)
    ]
    assert apart[1] < apart[0] - 0.1


def test_transform_gives_the_features_with_names(moons):
    clf = _fit(moons)
    features = clf.transform(moons[2])
    with torch.no_grad():
        expected = clf.net_.module_.eval()(torch.from_numpy(moons[2])).features[0]
    np.testing.assert_array_equal(features, expected)
    names = clf.get_feature_names_out()
    assert list(names) == [f"dannclassifier{i}" for i in range(6)]
    frame = clf.set_output(transform="pandas").transform(moons[2])
    assert list(frame.columns) == list(names)
    polars = clf.set_output(transform="polars").transform(moons[2])
    assert polars.columns == list(names)


def test_fit_transform_passes_the_target_on(moons):
    X, y, X_tgt = moons
    one = DANNClassifier(**SMALL).fit_transform(X, y, X_tgt=X_tgt)
    np.testing.assert_array_equal(one, _fit(moons).transform(X))


def test_score_with_sample_domain_looks_at_source_rows_alone(moons):
    X, y, X_tgt = moons
    clf = _fit(moons)
    stacked = np.vstack([X_tgt, X])
    domain = np.r_[-np.ones(50), np.ones(60)].astype(int)
    labels = np.r_[np.full(50, np.nan), y]
    weight = np.r_[np.full(50, 1e6), np.linspace(0, 1, 60)]
    assert clf.score(stacked, labels, sample_domain=domain) == clf.score(X, y)
    assert clf.score(stacked, labels, weight, sample_domain=domain) == pytest.approx(
        clf.score(X, y, weight[50:])
    )
    with pytest.raises(ValueError, match="sample_domain has no positive"):
        clf.score(X_tgt, labels[:50], sample_domain=domain[:50])


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        np.array(["no", "yes"], dtype=object),
        [False, True],
        [-1, 1],
        [3.0, 7.0],
        np.array([2, 9], dtype=np.uint8),
    ],
    ids=lambda labels: str(np.asarray(labels).dtype),
)
def test_labels_of_any_kind_come_back_as_they_were(moons, labels):
    X, y, X_tgt = moons
    labels = np.asarray(labels)
    clf = DANNClassifier(**SMALL).fit(X, labels[y], X_tgt)
    assert clf.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(clf.classes_, labels)
    predicted = clf.predict(X_tgt)
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted, labels[_fit(moons).predict(X_tgt)])


# Two ways in, several sources


def _stack(X, y, X_tgt, source_number=1):
    domain = np.r_[np.full(len(X), source_number), np.full(len(X_tgt), -1)]
    return np.vstack([X, X_tgt]), np.r_[y, np.full(len(X_tgt), -1)], domain


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_stacked_is_separate(moons, container):
    X, y, X_tgt = moons
    separate = DANNClassifier(**SMALL).fit(container(X), y, container(X_tgt))
    stacked, labels, domain = _stack(X, y, X_tgt, source_number=7)
    order = np.argsort(np.random.default_rng(0).permutation(len(domain)), kind="stable")
    # Interleave the domains without changing the order within each.
    source, target = np.sort(order[domain > 0]), np.sort(order[domain < 0])
    position = np.empty_like(order)
    position[source], position[target] = np.arange(60), np.arange(60, 110)
    other = DANNClassifier(**SMALL).fit(
        container(stacked[position]), labels[position], sample_domain=domain[position]
    )
    np.testing.assert_array_equal(separate.predict_proba(X_tgt), other.predict_proba(X_tgt))
    assert separate.domain_loss_curve_ == other.domain_loss_curve_


def test_each_source_domain_has_an_output_of_its_own(moons):
    X, y, X_tgt = moons
    stacked, labels, domain = _stack(X, y, X_tgt)
    stacked = stacked.copy()
    stacked[:20] += 9
    domain[:20] = 4
    clf = DANNClassifier(lambda_adapt=0, max_iter=80, random_state=0)
    clf.fit(stacked, labels, sample_domain=domain)
    assert clf.n_source_domains_ == 2
    proba = clf.predict_domain_proba(stacked)
    assert proba.shape == (110, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    # Columns: source 1, source 4, target.
    assert proba[:20].argmax(axis=1).tolist() == [1] * 20
    assert set(proba[20:].argmax(axis=1)) <= {0, 2}


def test_sparse_is_dense(three_classes):
    X, y, X_tgt = (np.where(np.abs(a) > 1, a, 0) if a.ndim == 2 else a for a in three_classes)
    dense = _fit((X, y, X_tgt)).predict_proba(X_tgt)
    for container in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        clf = _fit((container(X), y, container(X_tgt)))
        np.testing.assert_allclose(clf.predict_proba(container(X_tgt)), dense, rtol=1e-7)


def test_the_dtype_is_that_of_the_source(moons):
    X, y, X_tgt = moons
    for dtype in (np.float32, np.float64):
        clf = _fit((X.astype(dtype), y, X_tgt))
        assert clf.predict_proba(X_tgt).dtype == dtype
        assert clf.transform(X_tgt).dtype == dtype
    close = _fit((X.astype(np.float32), y, X_tgt)).predict_proba(X_tgt)
    np.testing.assert_allclose(close, _fit(moons).predict_proba(X_tgt), atol=1e-4)
    assert _fit((X.astype(np.float16), y, X_tgt)).predict_proba(X_tgt).dtype == np.float64


def test_constant_columns_of_the_source_do_not_matter_on_the_target(moons):
    X, y, X_tgt = moons
    rng = np.random.default_rng(0)
    wider = np.column_stack([X, np.full(60, 3.0), np.zeros(60)])
    wider_tgt = np.column_stack([X_tgt, rng.normal(size=(50, 2))])
    clf = _fit((wider, y, wider_tgt), max_iter=20)
    other = wider_tgt.copy()
    other[:, 2:] = rng.normal(scale=100, size=(50, 2))
    np.testing.assert_array_equal(clf.predict_proba(wider_tgt), clf.predict_proba(other))


# The reason for all this


def test_the_default_network_adapts(moons):
    """The domain loss reaches the features with exactly -λ times its plain gradient, not 0."""
    from sk_dann.nn import domain_log_proba, domain_loss

    X, y, X_tgt = moons
    network = DANNClassifier(max_iter=1, random_state=0).fit(X, y, X_tgt).net_.module_.eval()
    rows = torch.from_numpy(np.vstack([X, X_tgt]))
    domain = torch.tensor([0] * 60 + [1] * 50)
    gradients = []
    for reversal in (0.7, -1.0):
        network.zero_grad()
        logits = network(rows, reversal, n_source=60).domain_logits
        domain_loss(domain_log_proba(logits), domain, 60).sum().backward()
        gradients.append(network.feature_extractor[0].weight.grad.clone())
    reversed_, plain = gradients
    assert plain.abs().max() > 1e-3
    torch.testing.assert_close(reversed_, -0.7 * plain, rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dann_beats_its_own_network_on_the_moons(seed):
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=seed)
    params = {"hidden_layer_sizes": (50, 50), "activation": "tanh", "dropout": 0.0}
    clf = DANNClassifier(**params, max_iter=150, random_state=seed).fit(X_src, y_src, X_tgt)
    with pytest.warns(NoTargetWarning):
        plain = DANNClassifier(**params, max_iter=150, random_state=seed).fit(X_src, y_src)
    assert clf.score(X_tgt, y_tgt) > plain.score(X_tgt, y_tgt) + 0.1
    assert clf.score(X_src, y_src) > 0.95
