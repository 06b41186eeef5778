"""Transformers that learn from both domains; they know nothing of labels, nor of networks."""

from ._msda import MarginalizedStackedDenoisingAutoencoder

__all__ = ["MarginalizedStackedDenoisingAutoencoder"]
