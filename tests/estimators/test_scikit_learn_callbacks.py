"""scikit-learn's own callbacks, on releases that have them."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_dann import DANNClassifier

sklearn_callback = pytest.importorskip(
    "sklearn.callback", reason="scikit-learn has callbacks since 1.9"
)

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


@pytest.fixture
def monitor():
    return sklearn_callback.ScoringMonitor(scoring="accuracy")


def _scores(monitor):
    logs = monitor.get_logs(select="most_recent")
    log = logs[0] if isinstance(logs, list) else logs
    return [row for row in log.data if row["task_name"] == "epoch"]


def test_scoring_monitor_scores_every_epoch_on_the_source(moons, monitor):
    X, y, X_tgt = moons
    clf = DANNClassifier(**QUICK).set_callbacks(monitor).fit(X, y, X_tgt)
    rows = _scores(monitor)
    assert len(rows) == 3
    expected = [DANNClassifier(**{**QUICK, "max_iter": 3}).fit(X, y, X_tgt).score(X, y)]
    assert rows[-1]["accuracy"] == expected[0] == clf.score(X, y)
    assert len({row["accuracy"] for row in rows}) > 1 or rows[0]["accuracy"] > 0


def test_stacked_domains_are_scored_on_source_rows(moons, monitor):
    X, y, X_tgt = moons
    stacked = np.vstack([X_tgt, X])
    domain = np.r_[-np.ones(50, int), np.ones(60, int)]
    clf = DANNClassifier(**QUICK).set_callbacks(monitor)
    clf.fit(stacked, np.r_[np.full(50, np.nan), y], sample_domain=domain)
    assert _scores(monitor)[-1]["accuracy"] == clf.score(X, y)


def _pipeline(*callbacks):
    dann = DANNClassifier(**QUICK).set_callbacks(*callbacks)
    return Pipeline([("scale", StandardScaler()), ("dann", dann)], transform_input=["X_tgt"])


def test_scoring_monitor_in_a_pipeline_and_a_search(moons, monitor):
    X, y, X_tgt = moons
    grid = {"dann__lambda_adapt": [0.0, 1.0]}
    with config_context(enable_metadata_routing=True):
        pipeline = _pipeline(monitor).fit(X, y, X_tgt=X_tgt)
        assert _scores(monitor)[-1]["accuracy"] == pipeline.score(X, y)
        heard, silent = (
            GridSearchCV(_pipeline(*callbacks), grid, cv=2).fit(X, y, X_tgt=X_tgt)
            for callbacks in ([monitor], [])
        )
    # Two values of λ in two folds and the refit, three epochs each.
    assert len(_scores(monitor)) == (2 * 2 + 1) * 3
    np.testing.assert_array_equal(
        heard.cv_results_["mean_test_score"], silent.cv_results_["mean_test_score"]
    )


def test_progress_bar_alone_in_a_pipeline_and_in_a_search(moons, capsys):
    pytest.importorskip("rich")
    X, y, X_tgt = moons
    with config_context(enable_metadata_routing=True):
        for outer in (
            DANNClassifier(**QUICK),
            _pipeline(),
            GridSearchCV(_pipeline(), {"dann__lambda_adapt": [0.0, 1.0]}, cv=2),
        ):
            bar = sklearn_callback.ProgressBar(max_propagation_depth=None)
            outer.set_callbacks(bar).fit(X, y, X_tgt=X_tgt)
            shown = capsys.readouterr()
            assert "DANNClassifier" in shown.out + shown.err


def test_a_callback_can_stop_the_fit(moons):
    class StopAfterTwo:
        def setup(self, estimator, context):
            self.seen = []

        def teardown(self, estimator, context):
            self.torn_down = True

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.seen.append(fitted_estimator.predict_proba(moons[2]))
                return len(self.seen) == 2
            return False

    callback = StopAfterTwo()
    clf = DANNClassifier(**{**QUICK, "max_iter": 50}).set_callbacks(callback).fit(*moons)
    assert clf.n_iter_ == 2
    assert callback.torn_down
    # Each epoch's estimator stays what it was.
    assert np.abs(callback.seen[0] - callback.seen[1]).max() > 0
    np.testing.assert_array_equal(callback.seen[1], clf.predict_proba(moons[2]))


def test_listening_changes_nothing_and_leaves_nothing_behind(moons, monitor):
    import pickle

    heard = DANNClassifier(**QUICK).set_callbacks(monitor).fit(*moons)
    silent = DANNClassifier(**QUICK).fit(*moons)
    np.testing.assert_array_equal(heard.predict_proba(moons[2]), silent.predict_proba(moons[2]))
    assert len(pickle.dumps(heard.net_)) < 1.1 * len(pickle.dumps(silent.net_))
