"""Figure 2 of the paper: what adapting does to a network of 15 units on the moons."""

import warnings

import numpy as np
from _paper_networks import SHALLOW
from _results import mean_and_error
from matplotlib import rc_context
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA

from sk_dann import DANNClassifier
from sk_dann._demo._figures import CLASS_COLORS, STYLE, new_figure, save_png
from sk_dann.datasets import make_inter_twinning_moons
from sk_dann.exceptions import AdaptationWarning

# Epochs and λ are the authors' own, and so is the learning rate: .05 for steps of one row.
BATCH_SIZE = 10
SETTINGS = SHALLOW | {
    "hidden_layer_sizes": 15,
    "learning_rate_init": 0.05 * BATCH_SIZE,
    "batch_size": BATCH_SIZE,
    "max_iter": 500,
}
LAMBDAS = {"NN": 0.0, "DANN": 6.0}
PANELS = ("label classification", "representation PCA", "domain classification", "hidden neurons")
# Where the points are to be that are followed into the features.
_LETTERS = {"A": (-2.4, -1.6), "B": (-1.2, 0.4), "C": (0.8, -0.5), "D": (2.5, 1.5)}
_SIDES = ("#009E73", "#CC79A7")
_TARGET = {"s": 12, "c": "0.15", "marker": ".", "linewidths": 0, "alpha": 0.8}


def fit_moons(seed, n_samples=300, **params):
    """Return the data and both networks of one seed, which draws points and weights."""
    data = make_inter_twinning_moons(n_samples, random_state=seed)
    models = {}
    with warnings.catch_warnings(action="ignore", category=AdaptationWarning):
        for name, lambda_adapt in LAMBDAS.items():
            settings = SETTINGS | params | {"lambda_adapt": lambda_adapt}
            models[name] = DANNClassifier(**settings, random_state=seed).fit(*data[:3])
    return data, models


def measure_moons(data, models):
    """Return accuracy on both domains, and how well the domains can be told apart."""
    X_src, y_src, X_tgt, y_tgt = data
    return {
        name: {
            "source": float(model.score(X_src, y_src)),
            "target": float(model.score(X_tgt, y_tgt)),
            "domain": float(_domain_accuracy(model, X_src, X_tgt)),
        }
        for name, model in models.items()
    }


def _domain_accuracy(model, X_src, X_tgt):
    called_target = [model.predict_domain_proba(X)[:, -1] > 0.5 for X in (X_src, X_tgt)]
    return (np.mean(~called_target[0]) + np.mean(called_target[1])) / 2


def summarize_moons(runs):
    """Return the mean of each measure over seeds, and its standard error."""
    return [
        {"network": name, "measure": measure, "mean": mean, "standard_error": error}
        for name in LAMBDAS
        for measure in runs[0]["measured"][name]
        for mean, error in [mean_and_error([run["measured"][name][measure] for run in runs])]
    ]


@rc_context(STYLE)
def draw_moons(data, models, path):
    """Draw a row of panels for each network, in the order of the paper's figure."""
    figure = new_figure(11, 5.6)
    letters = _nearest(np.concatenate([data[0], data[2]]))
    measured = measure_moons(data, models)
    for row, (name, model) in zip(figure.subplots(2, 4), models.items(), strict=True):
        found = measured[name]
        titles = [
            f"{PANELS[0]}: target {found['target']:.2f}",
            PANELS[1],
            f"{PANELS[2]}: {found['domain']:.2f}",
            PANELS[3],
        ]
        for ax, title in zip(row, titles, strict=True):
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"{name}: {title}")
        _draw_labels(row[0], model, data, letters)
        _draw_features(row[1], model, data, letters)
        _draw_domains(row[2], model, data)
        _draw_neurons(row[3], model, data)
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=color, label=label)
        for label, marker, color in (
            ("source, class 0", "_", CLASS_COLORS[0]),
            ("source, class 1", "+", CLASS_COLORS[1]),
            ("target (unlabelled)", ".", "0.15"),
            ("taken for source", "s", _SIDES[0]),
            ("taken for target", "s", _SIDES[1]),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    save_png(figure, path)


def _nearest(X):
    """Return letter → the row nearest to where it is to be."""
    return {
        letter: X[np.argmin(((X - place) ** 2).sum(axis=1))] for letter, place in _LETTERS.items()
    }


def _scatter(ax, X_src, y_src, X_tgt):
    ax.scatter(*X_tgt.T, **_TARGET)
    for label, marker in enumerate("_+"):
        rows = X_src[y_src == label]
        ax.scatter(*rows.T, s=26, marker=marker, c=CLASS_COLORS[label], linewidths=1.1, alpha=0.8)


def _mark(ax, letters):
    for letter, place in letters.items():
        ax.annotate(
            letter,
            place,
            xytext=(0, 14),
            textcoords="offset points",
            ha="center",
            fontsize=11,
            weight="bold",
            arrowprops={"arrowstyle": "->", "color": "0.1"},
        )


def _draw_labels(ax, model, data, letters):
    _fill(ax, lambda X: model.predict_proba(X)[:, 1], data, CLASS_COLORS)
    _scatter(ax, *data[:3])
    _mark(ax, letters)


def _draw_features(ax, model, data, letters):
    X_src, y_src, X_tgt, _ = data
    spaces = [model.transform(X) for X in (X_src, X_tgt)]
    pca = PCA(n_components=2, random_state=0).fit(np.concatenate(spaces))
    _scatter(ax, pca.transform(spaces[0]), y_src, pca.transform(spaces[1]))
    places = pca.transform(model.transform(np.array(list(letters.values()))))
    _mark(ax, dict(zip(letters, places, strict=True)))
    ax.margins(0.12)


def _draw_domains(ax, model, data):
    _fill(ax, lambda X: model.predict_domain_proba(X)[:, -1], data, _SIDES)
    X_src, _, X_tgt, _ = data
    for X, color in zip((X_src, X_tgt), _SIDES, strict=True):
        ax.scatter(*X.T, s=12, c=color, marker=".", linewidths=0)


def _draw_neurons(ax, model, data):
    """Draw the line where each hidden unit is at one half."""
    (low, high), X_src, X_tgt = _limits(data), data[0], data[2]
    ax.scatter(*np.concatenate([X_src, X_tgt]).T, s=6, c="0.7", linewidths=0)
    layer = model.net_.module_.feature_extractor[0]
    weights, biases = layer.weight.detach()[0].T.numpy(), layer.bias.detach()[0, 0].numpy()
    for (a, b), c in zip(weights, biases, strict=True):
        # The point of the line that is nearest to the origin, and the line's direction.
        foot, along = -c * np.array([a, b]) / (a * a + b * b), np.array([-b, a]) / np.hypot(a, b)
        ends = foot + np.array([[-20.0], [20.0]]) * along
        ax.plot(*ends.T, linewidth=1, alpha=0.8)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _limits(data):
    points = np.concatenate([data[0], data[2]])
    return points.min(axis=0) - 0.3, points.max(axis=0) + 0.3


def _fill(ax, proba, data, colors, n=200):
    """Tint the sides of the curve where `proba` is 0.5."""
    low, high = _limits(data)
    x, y = (np.linspace(*ends, n) for ends in zip(low, high, strict=True))
    values = proba(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(n, n)
    ax.contourf(x, y, values, levels=[0, 0.5, 1], colors=colors, alpha=0.18)
    if values.min() < 0.5 < values.max():
        ax.contour(x, y, values, levels=[0.5], colors="0.1", linewidths=1.6)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
