"""The forms of an adaptation report: text, and a page for notebooks. Both say the same."""

from html import escape

import numpy as np

# More are told by those whose share changes most.
_MAX_CLASSES = 8
_CAVEAT = (
    "No label of the target was seen. Where classes mean something else there (concept shift), "
    "nothing here shows it: label some target rows if a wrong verdict is costly."
)
_NOTHING = "Nothing out of the ordinary."
_COLORS = {"adapt": "#1b7837", "do not adapt": "#b2182b", "cannot tell": "#8c6d1f"}
_STYLE = """
.sk-dann-report {font: 14px/1.45 system-ui, sans-serif; max-width: 46em; color: #1a1a1a;
  background: #fff; padding: 1em 1.2em; border: 1px solid #d0d0d0; border-radius: 4px}
.sk-dann-report h3 {margin: 0 0 .3em; font-size: 1.25em}
.sk-dann-report h4 {margin: 1.1em 0 .3em; font-size: 1em}
.sk-dann-report p {margin: .3em 0}
.sk-dann-report table {border-collapse: collapse; margin: .3em 0; width: 100%}
.sk-dann-report th, .sk-dann-report td {padding: .2em .6em; text-align: right; color: inherit;
  background: none; border: 0; border-bottom: 1px solid #e4e4e4; font-weight: normal}
.sk-dann-report th {font-weight: 600}
.sk-dann-report th:first-child, .sk-dann-report td:first-child {text-align: left}
.sk-dann-report .small {color: #555; font-size: .9em}
.sk-dann-report li {margin: .35em 0}
@media print {.sk-dann-report {border: 0; padding: 0; max-width: none; font-size: 11px}
  .sk-dann-report table, .sk-dann-report li {break-inside: avoid}}
"""


def to_text(report):
    """Return a report as text.

    Parameters
    ----------
    report : AdaptationReport

    Returns
    -------
    str
    """
    lines = [f"Verdict: {report.verdict}", *report.reasons, *_reliability(report), ""]
    lines += [_about(report), ""]
    for header, rows in (_measurements(report), _shares(report)):
        lines += [*_align([header, *rows]), ""]
    lines += [_estimate(report), "", "Training:"]
    lines += [f"- {finding}" for finding in report.findings] or [f"- {_NOTHING}"]
    return "\n".join([*lines, "", _CAVEAT])


def to_html(report):
    """Return a report as a piece of HTML that stands for itself, and fits a page.

    Parameters
    ----------
    report : AdaptationReport

    Returns
    -------
    str
    """
    color = _COLORS[report.verdict]
    reasons = "".join(f"<p>{escape(reason)}</p>" for reason in report.reasons)
    reliability = "".join(f'<p class="small">{escape(line)}</p>' for line in _reliability(report))
    findings = "".join(
        f"<li><b>{escape(f.seen)}</b> {escape(f.why)} <i>Try:</i> {escape(f.advice)}.</li>"
        for f in report.findings
    )
    return (
        f'<div class="sk-dann-report"><style>{_STYLE}</style>'
        f'<h3>Verdict: <span style="color: {color}">{report.verdict}</span></h3>'
        f"{reasons}{reliability}"
        f"<h4>What was measured</h4>{_table(*_measurements(report))}"
        f'<p class="small">{escape(_about(report))}</p>'
        f"<h4>How often the classes occur</h4>{_table(*_shares(report))}"
        f'<p class="small">{escape(_estimate(report))}</p>'
        f"<h4>Is the training working?</h4>"
        f"{f'<ul>{findings}</ul>' if findings else f'<p>{_NOTHING}</p>'}"
        f'<p class="small">{escape(_CAVEAT)}</p></div>'
    )


def _about(report):
    return (
        f"{report.n_source} source rows, {report.n_target} target rows, {report.n_splits} pairs of "
        "fits with other seeds; accuracy is that of source rows left out of training. A linear "
        "classifier often tells adapted features apart better than others, which is no failure: "
        "they are alike in the eyes of the domain classifier that takes part."
    )


def _reliability(report):
    if report.reliability is None:
        return []
    right, n_cases = report.reliability
    return [f"Verdicts for this reason were right in {right} of {n_cases} benchmark cases."]


def _measurements(report):
    """Return a header and rows of cells."""
    error = report.source_accuracy_error
    names = {
        "calibrated_confidence": "confidence on target (calibrated)",
        "importance_weighted": "importance-weighted accuracy",
        "infomax": "InfoMax",
    }
    rows = [("accuracy on source", *report.source_accuracy, f"± {_number(error)}")]
    rows += [("confidence on source", *report.source_confidence, "")]
    rows += [(names[key], *value, "") for key, value in report.scores.items()]
    rows += [
        ("domain distance, features", *report.domain_distance, "0 alike, 2 told apart"),
        ("domain distance, input", report.input_distance, None, f"overlap {report.overlap:.0%}"),
        ("domain classifier right", None, report.domain_accuracy, ".5 at chance"),
        ("seeds disagree on", *report.disagreement, "of target rows"),
        ("prediction changed by adapting", None, report.moved, "of target rows"),
    ]
    header = ("", "without", "adapted", "")
    return header, [(name, _number(a), _number(b), note) for name, a, b, note in rows]


def _shares(report):
    estimate = report.share_estimate
    header = ("class", "source", "estimated in target", "predicted without", "predicted adapted")
    change = np.abs(report.predicted_shares.gain)
    some = np.sort(np.argsort(-change)[:_MAX_CLASSES])
    rows = [
        (
            str(report.classes[k]),
            _number(report.class_shares[k]),
            f"{_number(None if estimate.reason else estimate.target_shares[k])} "
            f"({_number(estimate.interval[0, k])} to {_number(estimate.interval[1, k])})",
            _number(report.predicted_shares.source_only[k]),
            _number(report.predicted_shares.adapted[k]),
        )
        for k in some
    ]
    return header, rows


def _estimate(report):
    n_hidden = len(report.classes) - _MAX_CLASSES
    hidden = f"{n_hidden} classes that changed less are left out. " if n_hidden > 0 else ""
    estimate = report.share_estimate
    said = "In brackets 90 % of what the target's share might be"
    if estimate.reason:
        said += f"; no estimate is made, and the source's stand for it: {estimate.reason}."
    else:
        said += "; the estimate itself is drawn to the source's, to be on the safe side."
    return (
        f"{hidden}{said} Maximum likelihood (EM) would have the shares differ by "
        f"{report.em_shift:.2f} from those taken for granted."
    )


def _number(value):
    if value is None or np.isnan(value):
        return "–"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _align(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others[:2], widths[1:3], strict=True)]
        rest = [cell.ljust(width) for cell, width in zip(others[2:], widths[3:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, *rest]).rstrip()


def _table(header, rows):
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
