import pytest

from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons


@pytest.fixture(scope="session", autouse=True)
def _without_a_window():
    matplotlib = pytest.importorskip("matplotlib")
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    matplotlib.use(backend)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="session")
def moons():
    """X_src, y_src, X_tgt, y_tgt with classes "lower" and "upper"; 100 and 90 rows."""
    X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(100, random_state=0)
    names = {0: "upper", 1: "lower"}
    return X_src, [names[y] for y in y_src], X_tgt[:90], [names[y] for y in y_tgt[:90]]


@pytest.fixture(scope="session")
def make_dann():
    def make(**params):
        return DANNClassifier(
            **{"hidden_layer_sizes": 8, "max_iter": 3, "random_state": 0} | params
        )

    return make


@pytest.fixture(scope="session")
def adapted(moons, make_dann):
    return make_dann().fit(*moons[:3])


@pytest.fixture(scope="session")
def source_only(moons, make_dann):
    return make_dann(lambda_adapt=0).fit(*moons[:3])


@pytest.fixture(scope="session")
def without_target(moons, make_dann):
    with pytest.warns(UserWarning, match="target"):
        return make_dann().fit(*moons[:2])
