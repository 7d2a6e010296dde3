"""What any page that we write has to be: whole, safe, and in need of nothing else."""

import re
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}
# Elements and attributes that could fetch or run something.
ACTIVE = {"script", "iframe", "object", "embed", "link", "img", "image", "base", "form", "audio"}


class Page(HTMLParser):
    """A page, checked while it is read.

    Attributes
    ----------
    ids : list of str
    text : str
        What is shown, with white space joined.
    tables : list of list of list of str
        The text of each table's cells by row.
    """

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.words, self.tables, self.targets = [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"
        assert len(set(self.ids)) == len(self.ids), "an id occurs twice"
        assert set(self.targets) <= set(self.ids), "a link leads nowhere"
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attributes):
        self._check(tag, attributes)
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self._check(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data
            assert "@import" not in data
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            row = self.tables[-1][-1]
            row[-1] = re.sub(r"\s+", " ", row[-1] + data).strip()

    def _check(self, tag, attributes):
        assert tag not in ACTIVE, f"<{tag}> at {self.getpos()}"
        for name, value in attributes:
            assert not name.startswith("on"), f"{name} at {self.getpos()}"
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href"):
                assert value.startswith("#"), value
                self.targets.append(value[1:])
            assert name != "src"
            if value and "url(" in value:
                self.targets += re.findall(r"url\(#([^)]*)\)", value)
                assert value.count("url(") == value.count("url(#")


def checked(html):
    """Read a page; nothing in it leads out of it."""
    assert html.startswith("<!DOCTYPE html>")
    assert "http:" not in html.replace("http-equiv", "")
    assert "https:" not in html
    return Page(html)


@contextmanager
def without_pictures():
    """Leave the pictures out of pages: drawing them is most of what a page takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastrcf.report.plots.Plots.picture", lambda *_, **__: "<svg></svg>")
        yield
