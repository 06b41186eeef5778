"""What the page on storage says is so: its code runs."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "storage.md"


def test_code_blocks_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    namespace = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        exec(block, namespace)
    assert capsys.readouterr().out == "[0, 1]\n(1, 2, 50)\n"
    expected = namespace["clf"].predict_proba(namespace["X_tgt"])
    loaded = namespace["loaded"].predict_proba(namespace["X_tgt"])
    np.testing.assert_array_equal(loaded, expected)
    np.testing.assert_allclose(namespace["probabilities"], expected, rtol=0, atol=1e-5)
    endings = {path.suffix for path in tmp_path.iterdir()}
    assert endings == {".joblib", ".skops", ".safetensors", ".onnx"}
