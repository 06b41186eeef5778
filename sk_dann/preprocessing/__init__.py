"""Transformers that learn from two domains; they know nothing of networks."""

from ._correlation_ratio import CorrelationRatioScaler
from ._msda import MarginalizedStackedDenoisingAutoencoder

__all__ = ["CorrelationRatioScaler", "MarginalizedStackedDenoisingAutoencoder"]
