"""Results as text."""

# Which measures stand side by side.
_TABLES = {
    "Target rows held back": ("accuracy", "AUC"),
    "What else changed": ("source accuracy", "domains told apart (AUC)"),
}
_GAP = "   "


def summarize(results):
    """Return the means over seeds, a row for each pair, and their standard errors.

    With several pairs a last row "mean" follows, whose standard error is that of the mean over
    all pairs from seed to seed. With one seed the standard errors are NaN.
    """
    pairs = results.groupby("pair", sort=False)
    means, errors = pairs.mean(), pairs.sem()
    if len(means) > 1:
        seeds = results.groupby("seed").mean()
        means.loc["mean"], errors.loc["mean"] = seeds.mean(), seeds.sem()
    return means, errors


def format_tables(results):
    """Return both tables as text: how good on the target, and what adapting did beside that."""
    means, errors = summarize(results)
    return "\n\n".join(
        _format_table(title, means[list(measures)], errors[list(measures)])
        for title, measures in _TABLES.items()
    )


def _format_table(title, means, errors):
    blocks = [
        _format_block(measure, means[measure], errors[measure])
        for measure in means.columns.unique("measure")
    ]
    lines = zip(_left(["", title, *means.index]), *blocks, strict=True)
    return "\n".join(_GAP.join(line).rstrip() for line in lines)


def _format_block(measure, means, errors):
    """Return the lines of one measure: its name centred over the models' columns."""
    columns = [_right([model, *map(_format_cell, means[model], errors[model])]) for model in means]
    lines = ["  ".join(cells) for cells in zip(*columns, strict=True)]
    return [f" {measure} ".center(len(lines[0]), "-"), *lines]


def _format_cell(mean, error):
    return f"{mean:.3f}" if error != error else f"{mean:.3f}±{error:.3f}"


def _left(cells):
    width = max(map(len, cells))
    return [cell.ljust(width) for cell in cells]


def _right(cells):
    width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells]
