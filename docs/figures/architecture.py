"""Draws architecture.svg: python docs/figures/architecture.py.

A plain picture needs no more than boxes, arrows and two sets of colours.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

WIDTH, HEIGHT = 1120, 736
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .area { fill: #f6f8fa; stroke: #d0d7de }
    .area-name { font-weight: 600; fill: #57606a }
    .box { fill: #ffffff; stroke: #8c959f }
    .ours { fill: #ddf4ff; stroke: #0969da }
    .model { fill: #fff8c5; stroke: #9a6700 }
    .optional { stroke-dasharray: 5 4 }
    .name { font-weight: 600 }
    .small { font-size: 11.5px; fill: #57606a }
    .arrow { fill: none; stroke: #57606a; stroke-width: 1.5; marker-end: url(#head) }
    .head { fill: #57606a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .area { fill: #161b22; stroke: #30363d }
      .area-name, .small { fill: #9198a1 }
      .box { fill: #0d1117; stroke: #6e7681 }
      .ours { fill: #0c2d6b; stroke: #4493f8 }
      .model { fill: #3d2e00; stroke: #d29922 }
      .arrow { stroke: #9198a1 }
      .head { fill: #9198a1 }
    }
"""


class Picture:
    """Collects the picture's elements; places are in pixels from the upper left corner."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def area(self, x: int, y: int, width: int, height: int, name: str) -> None:
        """Draw a place that things run in."""
        self._rectangle(x, y, width, height, "area", 10)
        self._text(x + 14, y + 22, name, "area-name")

    def box(self, x: int, y: int, width: int, kind: str, name: str, *lines: str) -> None:
        """Draw a thing: its name, and a line for each of what it does."""
        self._rectangle(x, y, width, 34 + 17 * len(lines), f"box {kind}", 6)
        self._text(x + 12, y + 21, name, "name")
        for i, line in enumerate(lines):
            self._text(x + 12, y + 39 + 17 * i, line, "small")

    def arrow(
        self, *places: tuple[int, int], label: str = "", at: tuple[int, int] = (0, 0)
    ) -> None:
        """Draw a way from place to place; its label, where there is one, at a place."""
        way = " L".join(f"{x},{y}" for x, y in places)
        optional = " optional" if label.startswith("optional") else ""
        self._parts.append(f'<path class="arrow{optional}" d="M{way}"/>')
        if label:
            self._text(*at, label, "small")

    def svg(self) -> str:
        """Give the whole picture."""
        body = "\n  ".join(self._parts)
        return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"
  aria-label="How data, models and requests go through fastrcf">
  <style>{STYLE}  </style>
  <defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
    orient="auto"><path class="head" d="M0,0 L8,4 L0,8 z"/></marker></defs>
  {body}
</svg>
"""

    def _rectangle(self, x: int, y: int, width: int, height: int, kind: str, radius: int) -> None:
        self._parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"'
            f' rx="{radius}"/>'
        )

    def _text(self, x: int, y: int, text: str, kind: str) -> None:
        self._parts.append(f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>')


def draw() -> str:
    """Draw how data, models and requests go."""
    picture = Picture()
    picture.area(16, 16, 250, 326, "What there is")
    picture.box(32, 54, 218, "", "Session records", "RADIUS, PGW-CDR, 1NCE, Twilio,", "Ultiroam")
    picture.box(32, 146, 218, "", "Transactions, any table", "CSV, Parquet, Arrow, data frames")
    picture.box(32, 221, 218, "ours", "fastrcf sessions generate", "labelled weeks from a seed")
    picture.box(32, 284, 218, "", "Streams", "rows as they come")

    picture.area(302, 16, 382, 326, "Where models are made")
    picture.box(318, 54, 350, "ours", "One machine: fastrcf", "features by Polars, a Rust forest",
                "detect, stories, one page of HTML")  # fmt: skip
    picture.box(318, 146, 350, "ours", "Spark: fastrcf_spark", "the same scores on workers",
                "fit, score, one forest a key, streams")  # fmt: skip
    picture.box(318, 238, 350, "ours optional", "SageMaker: fastrcf.sagemaker",
                "trains theirs or our container", "checks one against the other")  # fmt: skip

    picture.box(734, 140, 206, "model", "One model file", "forest, columns, threshold",
                "the same everywhere")  # fmt: skip

    picture.area(
        16, 372, 1088, 246, "What fastrcf stack deploys in your account: one CloudFormation file"
    )
    picture.box(36, 462, 150, "", "Callers", "SigV4 or API key")
    picture.box(36, 534, 150, "ours", "fastrcf traffic", "load, replayed rows")
    picture.box(250, 462, 196, "", "API Gateway", "throttling, validation,", "access logs")
    picture.box(
        510, 462, 216, "ours", "Lambda", "the engine in the function:", "score, grade, reasons"
    )
    picture.box(858, 410, 226, "", "S3: models by version")
    picture.box(858, 462, 226, "", "Firehose, then S3", "a JSON line a row, encrypted")
    picture.box(858, 532, 226, "optional", "SageMaker endpoint", "managed forest or our container,",
                "instead or in the shadow")  # fmt: skip
    picture.box(510, 554, 216, "", "CloudWatch", "alarms, drift of scores")

    picture.area(16, 640, 1088, 80, "Without a cloud")
    picture.box(250, 655, 196, "ours", "fastrcf serve", "HTTP, metrics, learning")
    picture.box(510, 655, 216, "ours", "fastrcf stack local", "gateway, function, files")
    picture.box(858, 655, 226, "ours", "fastrcf detect, stream", "the command line, Python")

    for y in (88, 179):
        picture.arrow((250, y), (318, y))
    picture.arrow((250, 247), (284, 247), (284, 100), (318, 100))
    picture.arrow((250, 309), (292, 309), (292, 196), (318, 196))
    picture.arrow((668, 88), (702, 88), (702, 160), (734, 160))
    picture.arrow((668, 174), (734, 174))
    picture.arrow((668, 272), (702, 272), (702, 190), (734, 190), label="optional", at=(676, 290))
    picture.arrow((940, 174), (970, 174), (970, 410), label="fastrcf stack deploy", at=(980, 300))
    picture.arrow((186, 488), (250, 488), label="HTTPS", at=(198, 480))
    picture.arrow((186, 560), (220, 560), (220, 504), (250, 504))
    picture.arrow((446, 496), (510, 496))
    picture.arrow((858, 427), (790, 427), (790, 480), (726, 480), label="cached", at=(740, 420))
    picture.arrow((726, 496), (858, 496), label="results", at=(800, 490))
    picture.arrow((726, 512), (790, 512), (790, 566), (858, 566), label="optional", at=(798, 560))
    picture.arrow((618, 530), (618, 554))
    return picture.svg()


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
