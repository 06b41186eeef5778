import math

import pytest

from sk_dann._optional import import_optional


def test_what_is_there_is_imported():
    assert import_optional("math", "data", "This") is math


def test_what_is_missing_says_who_needs_it_and_what_to_install():
    message = r"The demo needs the package 'no_such', .*pip install \"sk-dann\[data,plot\]\""
    with pytest.raises(ImportError, match=message) as caught:
        import_optional("no_such.module", "data,plot", "The demo")
    assert isinstance(caught.value.__cause__, ImportError)
