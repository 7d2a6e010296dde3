"""What a reader of a report should know before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf.report import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf.report.facts import (
        CategoryFacts,
        DataFacts,
        ModelFacts,
        NumberFacts,
        ScoreFacts,
    )

# Share of rows outside of all that was fitted, from which on it is told.
_OUTSIDE = 0.01


def warnings(
    model: ModelFacts,
    data: DataFacts,
    scores: ScoreFacts,
    numbers: Sequence[NumberFacts],
    categories: Sequence[CategoryFacts],
) -> Iterator[str]:
    """Yield sentences, the gravest first."""
    columns: list[NumberFacts | CategoryFacts] = [*numbers, *categories]
    apart = [column.name for column in columns if column.separates]
    if apart:
        yield (
            f"{_columns(apart)} alone {'tell' if len(apart) > 1 else 'tells'} (nearly) all rows "
            f"that {words.plain(data.label or '')} marks from all others: perhaps made from the "
            "label, or known only after it. Train without, unless it is known when a row is "
            "scored."
        )
    alerts = scores.alerts
    if alerts.reading != "as fitted":
        yield (
            f"{alerts.reading.capitalize()} alerts than asked for: {words.share(alerts.found)} of "
            f"rows instead of {words.share(alerts.expected)}. The data are not like the rows that "
            "the model was fitted to, or the rows are not a fair sample."
        )
    strongly = [c.name for c in columns if c.reading == "strongly shifted"]
    if strongly:
        yield (
            f"{_columns(strongly)} {'are' if len(strongly) > 1 else 'is'} strongly shifted against "
            "the fitted rows: see Drift, and fit again if the change is here to stay."
        )
    outside = [column.name for column in numbers if column.outside >= _OUTSIDE]
    if outside:
        yield (
            f"{_columns(outside)}: at least {words.share(_OUTSIDE)} of rows lie outside of all "
            "values that were fitted."
        )
    constant = [c.name for c in numbers if c.was_constant]
    constant += [c.name for c in categories if c.n_fitted <= 1]
    if constant:
        yield (
            f"{_columns(constant)} had one value only in training: the model has learnt nothing "
            "from that."
        )
    stuck = [c.name for c in numbers if c.is_constant and not c.was_constant and data.n_rows > 1]
    if stuck:
        yield f"{_columns(stuck)} {'have' if len(stuck) > 1 else 'has'} one value only in the data."
    if data.n_set_aside:
        total = data.n_rows + data.n_set_aside
        yield (
            f"{words.counted(data.n_set_aside, 'row')} of {total:,} could not be used and "
            f"{'was' if data.n_set_aside == 1 else 'were'} put aside: see Model and data."
        )
    if data.n_rows * model.alert_rate < 1 and not scores.alerts.rows:
        yield (
            f"{words.counted(data.n_rows, 'row')} {'is' if data.n_rows == 1 else 'are'} too few to "
            f"expect an alert at a rate of {words.share(model.alert_rate)}."
        )


def _columns(names: list[str]) -> str:
    return ("Columns " if len(names) > 1 else "Column ") + words.listed(names)
