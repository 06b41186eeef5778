"""Files beyond pickle: weights that any framework reads, and ONNX, which predicts without Python.

For whole estimators ``pickle``, ``joblib`` and ``skops.io`` need no help from here.
"""

from ._onnx import to_onnx
from ._weights import load_weights, save_weights

__all__ = ["load_weights", "save_weights", "to_onnx"]
