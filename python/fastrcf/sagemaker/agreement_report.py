"""What a comparison found: figures, checks, the rows that differ, in text and as a page."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from fastrcf._typing import Floats
    from fastrcf.sagemaker.agreement_limits import Check, Verdict
    from fastrcf.sagemaker.causes import Cause


@dataclass(frozen=True)
class Difference:
    """A row that the two score differently.

    Attributes
    ----------
    row : int
        Its number.
    ours, theirs : float
        Scores.
    ours_rank, theirs_rank : int
        Places among the rows compared, 1 the highest; equal scores share the first.
    causes : tuple of Cause
        What our score comes from; empty where our model cannot tell.
    """

    row: int
    ours: float
    theirs: float
    ours_rank: int
    theirs_rank: int
    causes: tuple[Cause, ...] = ()

    @property
    def gap(self) -> float:
        """Theirs less ours."""
        return self.theirs - self.ours


@dataclass(frozen=True)
class AgreementReport:
    """How far two models agree; printed, a table.

    Attributes
    ----------
    n_rows : int
        Rows compared.
    scale : float or None
        The factor that brings our scores nearest to theirs (least squares).
    correlation : float or None
        Of scores. None where all scores of a side are equal, as for ``rank``.
    rmse : float
        Root of the mean squared difference.
    rank : float or None
        Spearman's correlation, of ranks; equal scores share their mean rank.
    top : int
        Rows that are compared as the highest.
    overlap : float
        Share of their ``top`` highest rows that are among our ``top`` highest.
    ours_cutoff, theirs_cutoff : float
        Mean and three standard deviations of each side's scores of these rows.
    ours_above, theirs_above, both_above : int
        Rows above the own cutoff.
    noise : float or None
        Root mean squared difference of two trainings of ours, the median; None where it
        is not known.
    checks : tuple of Check
    verdict : {"agree", "differ", "undecided"}
    why : str
        The verdict in a sentence.
    worst : tuple of Difference
        The rows that differ most, the first most.
    quantiles : numpy.ndarray of float64, shape (k, 2)
        Scores of ours and theirs at the same shares of rows, ascending.
    points : numpy.ndarray of float64, shape (m, 2)
        Scores of ours and theirs, of at most 2,000 rows, the highest among them.
    ours_name, theirs_name : str
        What they are called in the report.
    """

    n_rows: int
    scale: float | None
    correlation: float | None
    rmse: float
    rank: float | None
    top: int
    overlap: float
    ours_cutoff: float
    theirs_cutoff: float
    ours_above: int
    theirs_above: int
    both_above: int
    noise: float | None
    checks: tuple[Check, ...]
    verdict: Verdict
    why: str
    worst: tuple[Difference, ...]
    quantiles: Floats = field(repr=False)
    points: Floats = field(repr=False)
    ours_name: str = "ours"
    theirs_name: str = "theirs"

    @property
    def agrees(self) -> bool:
        """Whether the verdict is that they agree."""
        return self.verdict == "agree"

    def to_dict(self) -> dict[str, Any]:
        """Give figures, checks and the rows that differ as plain values, for JSON."""
        left_out = ("checks", "worst", "quantiles", "points")
        out = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        out["checks"] = [
            {**vars(check), "passed": check.passed, "wanted": check.wanted} for check in self.checks
        ]
        out["worst"] = [
            {**vars(one), "causes": [vars(cause) for cause in one.causes]} for one in self.worst
        ]
        return out

    def html(self) -> str:
        """Give the report as one HTML page that needs nothing else; needs the extra ``report``."""
        # The first import says what is missing.
        import fastrcf.report  # noqa: F401
        from fastrcf.sagemaker.agreement_page import render

        return render(self)

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : path
            A file's name, or ``"-"`` for standard output.

        Raises
        ------
        MissingExtraError
            Without the extra ``report``.
        OSError
            If it cannot be written; what was there before stays.
        """
        page = self.html().encode("utf-8", errors="replace")
        from fastrcf.files.sinks import open_whole

        with open_whole(str(path)) as file:
            file.write(page)

    def __str__(self) -> str:
        lines = [f"{self.n_rows:,} rows: {self.ours_name} against {self.theirs_name}", ""]
        for check in self.checks:
            said = {True: "", False: "MISSED", None: "undefined"}[check.passed]
            value = "" if check.value is None else f"{check.value:.4f}"
            noise = ", as two trainings of ours" if check.by_noise else ""
            name = f"overlap of the {self.top:,} highest" if check.name == "overlap" else check.name
            lines.append(f"{name:<26} {value:>8}  {check.wanted}{noise} {said}".rstrip())
        names = {check.name for check in self.checks}
        if "rmse" not in names:
            lines.append(f"{'rmse':<26} {self.rmse:>8.4f}")
        lines.append(
            f"{'cutoff, mean + 3 sd':<26} {self.ours_cutoff:>8.4f}  ours, {self.ours_above:,} rows "
            f"above; theirs {self.theirs_cutoff:.4f}, {self.theirs_above:,} above; "
            f"{self.both_above:,} above both"
        )
        if self.worst:
            lines += ["", "where they differ most:"]
            for one in self.worst[:5]:
                said = "; ".join(str(cause) for cause in one.causes)
                lines.append(
                    f"  row {one.row:<9} ours {one.ours:.4f}  theirs {one.theirs:.4f}  "
                    f"{one.gap:+.4f}" + (f"  {said}" if said else "")
                )
        return "\n".join([*lines, "", f"{self.verdict}: {self.why}"])
