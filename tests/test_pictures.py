"""The page of pictures: its code draws them. ``python tests/test_pictures.py`` stores them anew."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs/user_guide/pictures.md"
# A block of code, and the picture of its `display` where one follows.
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\s*!\[[^]]*\]\((.*?)\))?", re.MULTILINE | re.DOTALL)


def _draw():
    """Yield the path of each picture, the namespace of the page's code so far, and the figure."""
    namespace = {}
    for code, picture in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        exec(code, namespace)
        if picture:
            yield PAGE.parent / picture, namespace, namespace["display"].figure_


def test_the_code_of_the_page_draws_what_is_stored_and_told():
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    drawn = list(_draw())
    for path, _, figure in drawn:
        assert path.exists(), "store it: python tests/test_pictures.py"
        figure.canvas.draw()
        plt.close(figure)
    names, namespace = [path.stem for path, *_ in drawn], drawn[-1][1]
    assert names == [
        "feature_space",
        "proxy_a_distance",
        "training_curve",
        "lambda_path",
        "source_calibration",
    ]
    adapted, source_only = namespace["adapted"], namespace["source_only"]
    X_tgt, y_tgt = namespace["X_tgt"], namespace["y_tgt"]
    assert adapted.score(X_tgt, y_tgt) > source_only.score(X_tgt, y_tgt) + 0.1
    assert adapted.domain_loss_curve_[-1] > 1.25 > 1 > source_only.domain_loss_curve_[-1]


def _store():
    import matplotlib

    matplotlib.use("agg")
    from PIL import Image

    for path, _, figure in _draw():
        figure.set_dpi(90)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        # A palette takes a third of the bytes of full colours.
        Image.fromarray(pixels).quantize(128).save(path)


if __name__ == "__main__":
    _store()
