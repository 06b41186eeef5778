"""Training: the skorch net, the batch stream, devices. Arrays in, a trained network out."""

from ._batches import Batch, BatchStream
from ._decay import weight_decay_groups
from ._devices import network_dtype, resolve_device
from ._early_stopping import EarlyStopping
from ._inference import (
    MemberValidationRows,
    ValidationRows,
    domain_log_proba_of,
    infer,
    label_log_proba,
    member_features,
    member_log_proba,
)
from ._net import DANNNet, TrainingDivergedError
from ._progress import EpochProgressBar
from ._rows import take_rows, to_batch
from ._totals import HISTORY_KEYS

__all__ = [
    "HISTORY_KEYS",
    "Batch",
    "BatchStream",
    "DANNNet",
    "EarlyStopping",
    "EpochProgressBar",
    "MemberValidationRows",
    "TrainingDivergedError",
    "ValidationRows",
    "domain_log_proba_of",
    "infer",
    "label_log_proba",
    "member_features",
    "member_log_proba",
    "network_dtype",
    "resolve_device",
    "take_rows",
    "to_batch",
    "weight_decay_groups",
]
