"""``python -m sk_dann``: the demo."""

import sys

from ._demo._cli import main

if __name__ == "__main__":
    # A terminal that cannot show "→" is no reason to lose the table.
    sys.stdout.reconfigure(errors="replace")
    main()
