"""TensorBoard and MLflow, read back from local files, as docs/user_guide/tracking.md shows."""

import pickle
import tempfile

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer, MlflowLogger, TensorBoard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.datasets import make_inter_twinning_moons

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "batch_size": 16, "random_state": 0}
EVERY_EPOCH = {"label_loss", "domain_loss", "domain_accuracy", "lambda_adapt", "lr", "dur"}


@pytest.fixture(scope="module")
def moons():
    return make_inter_twinning_moons(40, n_samples_target=30, random_state=0)[:3]


# TensorBoard


class EachFit(TensorBoard):
    """Opens a folder of its own as training begins."""

    def __init__(self, folder, writer=None, **kwargs):
        super().__init__(writer, **kwargs)
        self.folder = folder

    def on_train_begin(self, net, **kwargs):
        self.writer = SummaryWriter(tempfile.mkdtemp(dir=self.folder))


def _curves(folder):
    """Read the scalars that were written: steps and values by name."""
    events = EventAccumulator(str(folder)).Reload()
    scalars = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    return {t: ([e.step for e in es], [e.value for e in es]) for t, es in scalars.items()}


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_tensorboard_gets_the_history(moons, tmp_path, n_estimators):
    board = TensorBoard(SummaryWriter(tmp_path))
    params = {**QUICK, "n_estimators": n_estimators, "early_stopping": True}
    clf = DANNClassifier(**params, callbacks=[board]).fit(*moons)
    curves = _curves(tmp_path)
    assert set(curves) == EVERY_EPOCH | {"Loss/train_loss", "Loss/valid_acc"}
    for tag, (steps, values) in curves.items():
        assert steps == [1, 2, 3]
        expected = [record[tag.removeprefix("Loss/")] for record in clf.history_]
        np.testing.assert_allclose(values, expected, rtol=1e-6)  # kept as float32
    watched = clf.predict_proba(moons[2])
    np.testing.assert_array_equal(
        watched, DANNClassifier(**params).fit(*moons).predict_proba(moons[2])
    )


def test_curves_go_on_with_warm_start(moons, tmp_path):
    board = TensorBoard(SummaryWriter(tmp_path))
    clf = DANNClassifier(**QUICK, warm_start=True, callbacks=[board]).fit(*moons)
    clf.set_params(max_iter=5).fit(*moons)
    assert _curves(tmp_path)["label_loss"][0] == [1, 2, 3, 4, 5]


def test_an_open_writer_cannot_be_copied_and_the_error_names_it(moons, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        clf = DANNClassifier(**QUICK, callbacks=[TensorBoard(writer)])
        with pytest.raises(TypeError, match=r"^callbacks=.*TensorBoard.*open files and runs in"):
            GridSearchCV(clf, {"alpha": [1e-4]}, cv=2).fit(*moons[:2], X_tgt=moons[2])
        with pytest.raises(TypeError, match=r"^callbacks="):
            DANNClassifierCV(clf, lambdas=[0]).fit(*moons)
    # What else cannot be copied is not laid at its door.
    with pytest.raises(TypeError, match=r"^cannot pickle"):
        clone(DANNClassifier(feature_extractor=(i for i in ()), callbacks=[EpochTimer()]))


def test_a_closed_writer_can_be_copied_and_stored(moons, tmp_path):
    clf = DANNClassifier(**QUICK, callbacks=[TensorBoard(SummaryWriter(tmp_path))]).fit(*moons)
    other = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(other.predict_proba(moons[2]), clf.predict_proba(moons[2]))
    assert clone(clf).fit(*moons).n_iter_ == 3


def test_each_fit_of_a_search_has_curves_of_its_own(moons, tmp_path):
    clf = DANNClassifier(**QUICK, callbacks=[EachFit(tmp_path)])
    search = GridSearchCV(clf, {"alpha": [1e-4, 1.0]}, cv=2, error_score="raise")
    search.fit(*moons[:2], X_tgt=moons[2])
    folders = list(tmp_path.iterdir())
    assert len(folders) == 2 * 2 + 1
    for folder in folders:
        assert _curves(folder)["domain_loss"][0] == [1, 2, 3]
    assert clone(pickle.loads(pickle.dumps(search)).best_estimator_).callbacks[0].folder == tmp_path


# MLflow

# MLflow 3.17 warns of its own type hints on import, and calls scikit-learn 1.9 by an old name.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*[Tt]ype hint:UserWarning:mlflow"),
    pytest.mark.filterwarnings("ignore:`y_pred` was renamed:FutureWarning"),
    # Newer versions refuse it, until they are told to take it.
    pytest.mark.filterwarnings("ignore:The filesystem tracking backend:FutureWarning"),
]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder as MLflow's only store, with no message home; gives all runs, the latest first."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    # It would load each model in a process of its own, to see which packages that takes.
    monkeypatch.setenv("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "1")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    experiment = mlflow.set_experiment("moons")
    yield lambda: MlflowClient().search_runs([experiment.experiment_id])
    mlflow.sklearn.autolog(disable=True)
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def _pipeline(dann, **params):
    return Pipeline([("scale", StandardScaler()), ("dann", dann)], **params)


def test_autologging_records_a_pipeline_and_its_model(moons, runs):
    X, y, X_tgt = moons
    mlflow.sklearn.autolog(silent=True, extra_tags={"kind": "pipeline"})
    pipeline = _pipeline(DANNClassifier(**QUICK, lambda_adapt=0.5), transform_input=["X_tgt"])
    with config_context(enable_metadata_routing=True):
        pipeline.fit(X, y, X_tgt=X_tgt)
    (run,) = runs()
    assert run.data.params["dann__lambda_adapt"] == "0.5"
    assert run.data.params["transform_input"] == "['X_tgt']"
    assert run.data.metrics["training_score"] == pipeline.score(X, y)
    (model,) = MlflowClient().search_logged_models([run.info.experiment_id])
    loaded = mlflow.sklearn.load_model(model.model_uri)
    np.testing.assert_array_equal(loaded.predict_proba(X_tgt), pipeline.predict_proba(X_tgt))


def test_autologging_records_a_search_with_a_child_for_each_candidate(moons, runs):
    X, y, X_tgt = moons
    mlflow.sklearn.autolog(silent=True, log_models=False)
    pipeline = _pipeline(DANNClassifier(**QUICK), transform_input=["X_tgt"])
    search = GridSearchCV(pipeline, {"dann__alpha": [1e-4, 1.0]}, cv=2)
    with config_context(enable_metadata_routing=True):
        search.fit(X, y, X_tgt=X_tgt)
    (parent,) = [run for run in runs() if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs() if run.info.run_id != parent.info.run_id]
    assert parent.data.params["best_dann__alpha"] == str(search.best_params_["dann__alpha"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    scores = {
        float(run.data.params["dann__alpha"]): run.data.metrics["mean_test_score"]
        for run in children
    }
    expected = dict(zip([1e-4, 1.0], search.cv_results_["mean_test_score"], strict=True))
    assert scores == expected


def test_bare_estimators_are_not_recorded_but_what_they_fit_on_the_way_is(moons, runs):
    mlflow.sklearn.autolog(silent=True, log_models=False)
    DANNClassifier(**QUICK).fit(*moons)
    assert runs() == []
    DANNClassifier(**QUICK, label_shift="estimate").fit(*moons)
    (run,) = runs()
    assert "logisticregression__tol" in run.data.params


@pytest.mark.parametrize(
    "dann",
    [
        DANNClassifier(**QUICK, label_shift="estimate"),
        DANNClassifierCV(DANNClassifier(**QUICK), lambdas=[0, 1], cv=2, random_state=0),
    ],
    ids=lambda dann: type(dann).__name__,
)
def test_in_a_pipeline_estimators_are_recorded_and_nothing_else(moons, runs, dann):
    X, y, X_tgt = moons
    mlflow.sklearn.autolog(silent=True, log_models=False)
    _pipeline(dann).fit(X, y, dann__X_tgt=X_tgt)
    (run,) = runs()
    assert run.data.params["dann__random_state"] == "0"


def test_skorchs_logger_records_each_epoch_of_a_bare_estimator(moons, runs, tmp_path):
    logger = MlflowLogger(terminate_after_train=False)
    clf = DANNClassifier(**QUICK, early_stopping=True, callbacks=[logger])
    with mlflow.start_run():
        mlflow.log_params(clf.get_params())
        clf.fit(*moons)
        mlflow.log_metric("after", 1)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["batch_size"] == "16"
    assert set(run.data.metrics) == EVERY_EPOCH | {"train_loss", "valid_acc", "after"}
    client = MlflowClient()
    for key in EVERY_EPOCH:
        recorded = client.get_metric_history(run.info.run_id, key)
        assert [metric.step for metric in recorded] == [1, 2, 3]
        assert [metric.value for metric in recorded] == [epoch[key] for epoch in clf.history_]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"params.pth", "optimizer.pth", "criterion.pth", "history.json"}


def test_a_logged_model_predicts_the_same(moons, runs):
    clf = DANNClassifier(**QUICK).fit(*moons)
    kind = {"name": "dann", "pip_requirements": ["sk-dann"]}
    with mlflow.start_run():
        with pytest.raises(MlflowException, match=r"skops_trusted_types.*DANNClassifier"):
            mlflow.sklearn.log_model(clf, **kind, serialization_format="skops")
        model = mlflow.sklearn.log_model(clf, **kind, serialization_format="cloudpickle")
    loaded = mlflow.sklearn.load_model(model.model_uri)
    np.testing.assert_array_equal(loaded.predict_proba(moons[2]), clf.predict_proba(moons[2]))
    served = mlflow.pyfunc.load_model(model.model_uri)
    np.testing.assert_array_equal(served.predict(moons[2]), clf.predict(moons[2]))
