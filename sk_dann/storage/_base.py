"""What both formats share: optional packages, and whose networks can be stored."""

from importlib import import_module

from sklearn.pipeline import Pipeline

from ..estimators import BagOfWordsDANNClassifier, DANNClassifier, DANNClassifierCV


def import_extra(name, extra):
    """Import a module of an optional package, or say how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This needs the package {name.partition('.')[0]!r}, which could not be imported. "
            f'Install it with: pip install "sk-dann[{extra}]"'
        ) from error


def check_kind(estimator):
    """Refuse what is not the one estimator that has the networks, and say where that is.

    Raises
    ------
    TypeError
    """
    if isinstance(estimator, DANNClassifier):
        return
    kind = type(estimator).__name__
    where = {
        DANNClassifierCV: "it is at best_estimator_",
        Pipeline: "it may be the last step, pipeline[-1]",
        BagOfWordsDANNClassifier: "its pipelines_ end in several; store it by skops or joblib",
    }
    hints = [hint for known, hint in where.items() if isinstance(estimator, known)]
    raise TypeError(
        f"estimator must be a DANNClassifier or CDANClassifier, got {kind}: {hints[0]}."
        if hints
        else f"estimator must be a DANNClassifier or CDANClassifier, got {kind}."
    )
