"""Domain-adversarial networks in plain torch, usable without scikit-learn.

Everything here works on tensors and has a leading *member* axis: K independent networks are
trained as one, sharing their batches.
"""

from ._closed_form import ClosedFormStep
from ._conditioning import MultilinearMap, RandomizedMap
from ._criterion import DANNLoss, LossTerms
from ._gradient_reversal import GradientReversal, gradient_reversal
from ._layers import MemberDropout, MemberLinear, member_mlp
from ._losses import average_members, domain_log_proba, domain_loss, label_loss
from ._members import Members
from ._network import DANNNetwork, NetworkOutput, make_network
from ._random import MemberGenerators, isolated_random_state
from ._schedules import SCHEDULES, constant, dann_lambda, dann_learning_rate
from ._sparse import CSRMatrix, SparseBatch, sparse_matmul
from ._stacking import (
    copy_members,
    count_members,
    finite_members,
    stack_members,
    view_members,
)
from ._term_losses import (
    central_moment_discrepancy,
    class_confusion_loss,
    information_maximization_loss,
)
from ._terms import (
    CentralMomentDiscrepancy,
    InformationMaximization,
    MinimumClassConfusion,
    Term,
    TermInput,
)

__all__ = [
    "SCHEDULES",
    "CSRMatrix",
    "CentralMomentDiscrepancy",
    "ClosedFormStep",
    "DANNLoss",
    "DANNNetwork",
    "GradientReversal",
    "InformationMaximization",
    "LossTerms",
    "MemberDropout",
    "MemberGenerators",
    "MemberLinear",
    "Members",
    "MinimumClassConfusion",
    "MultilinearMap",
    "NetworkOutput",
    "RandomizedMap",
    "SparseBatch",
    "Term",
    "TermInput",
    "average_members",
    "central_moment_discrepancy",
    "class_confusion_loss",
    "constant",
    "copy_members",
    "count_members",
    "dann_lambda",
    "dann_learning_rate",
    "domain_log_proba",
    "domain_loss",
    "finite_members",
    "gradient_reversal",
    "information_maximization_loss",
    "isolated_random_state",
    "label_loss",
    "make_network",
    "member_mlp",
    "sparse_matmul",
    "stack_members",
    "view_members",
]
