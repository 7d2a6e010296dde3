"""From a body of rows to a body of scores, without HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastrcf.serving import answers, bodies
from fastrcf.serving.media import answer_format, body_format
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from fastrcf.serving.media import Media
    from fastrcf.serving.scorer import Scorer

Output = Literal["score", "detect"]
OUTPUTS: tuple[Output, ...] = ("score", "detect")


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, by its headers: they are refused before its body is read.

    Attributes
    ----------
    media : Media
        The body's format.
    answer : str
        The answer's format.
    output : {"score", "detect"}
        Scores, or scores with grades, alerts and reasons.
    """

    media: Media
    answer: str
    output: Output = "score"

    @classmethod
    def of(cls, content_type: str, accept: str, attributes: str = "") -> Question:
        """Read headers.

        Parameters
        ----------
        content_type, accept : str
            The headers, empty where they are absent.
        attributes : str
            SageMaker's custom attributes: ``output=score`` or ``output=detect``; others
            are passed over, as they may be meant for whoever reads the endpoint's records.

        Raises
        ------
        Problem
            415, 406 or 400.
        """
        output = "score"
        for attribute in attributes.replace(";", ",").split(","):
            name, _, value = attribute.partition("=")
            if name.strip().lower() == "output":
                output = value.strip()
        for known in OUTPUTS:
            if output == known:
                return cls(body_format(content_type), answer_format(accept), known)
        raise Problem(400, "invalid_request", f"output={output!r} is none of {', '.join(OUTPUTS)}")


def answer(scorer: Scorer, question: Question, body: bytes) -> bytes:
    """Answer a request.

    Raises
    ------
    Problem, FastRCFError
        What :func:`fastrcf.serving.problems.as_problem` makes statuses of.
    """
    rows = bodies.decode(body, question.media, scorer.names)
    if question.output == "detect":
        return answers.detections(scorer.detect(rows), question.answer)
    return answers.scores(scorer.score(rows), question.answer)
