"""The page in Chromium: what it shows, a row that is scored and told why, by mouse and keys."""

import json
from contextlib import contextmanager

import numpy as np
import pytest

import fastrcf
from fastrcf.service import page
from fastrcf.service.app import Options, application
from fastrcf.service.auth import ByKey
from fastrcf.service.core import LocalModel, Service
from fastrcf.service.keys import ApiKeys, hash_of
from tests.browser import NARROW, WIDE, browser
from tests.serving.live import serving


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@contextmanager
def opened(chromium, client, *, size=WIDE, dark=False):
    """Open the page; what it logs, and where it asks, may be nothing but this server."""
    scheme = "dark" if dark else "light"
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    tab = context.new_page()
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    try:
        tab.goto(f"http://127.0.0.1:{client.port}/")
        yield tab, said
        assert all(url.startswith(f"http://127.0.0.1:{client.port}/") for url in asked), asked
        width = tab.evaluate("document.documentElement.scrollWidth")
        assert width <= tab.evaluate("document.documentElement.clientWidth")
    finally:
        context.close()


def made(model, options=None, **given):
    service = Service(LocalModel(model, "v1", **given))
    return lambda load: application(service, load, options or Options())


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("wide", WIDE, False), ("narrow", NARROW, False), ("dark", WIDE, True)],
)
def test_a_row_is_scored_and_told_why(chromium, detector, tmp_path, name, size, dark):
    with (
        serving(made(detector)) as client,
        opened(chromium, client, size=size, dark=dark) as (tab, said),
    ):
        tab.wait_for_selector("#try:not([hidden])")
        assert tab.inner_text("#state") == "answers"
        assert "v1" in tab.inner_text("#facts")
        assert tab.locator("#fields label").all_inner_texts()[0].startswith("amount")
        tab.click("#go")
        tab.wait_for_selector("#told .usual")
        assert tab.inner_text("#told .verdict") == "Usual"
        tab.fill("#fields label:has-text('amount') input", "90000")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#told .alert")
        told = tab.inner_text("#told")
        assert "Unusual: an alert" in told
        assert "amount = 90000: higher than any in training" in told
        shot = tmp_path / f"{name}.png"
        tab.screenshot(path=shot, full_page=True)
        assert shot.stat().st_size > 10_000
        tab.fill("#fields label:has-text('items') input", "many")
        tab.click("#go")
        assert tab.inner_text("#problem") == "items: expected a number"
        tab.fill("#fields label:has-text('items') input", "1e31")
        tab.click("#go")
        tab.wait_for_selector("#problem:has-text('row 0')")
        tab.click("#reset")
        assert tab.inner_text("#problem") == ""
        assert tab.is_hidden("#told")
        # The browser itself notes the one request that was refused.
        assert [line for line in said if "400" not in line] == []


def test_a_key_is_asked_for(chromium, detector):
    options = Options(ByKey(ApiKeys({"web": hash_of("secret-1")})))
    with (
        serving(made(detector, options)) as client,
        opened(chromium, client) as (tab, said),
    ):
        tab.wait_for_selector("#entry:not([hidden])")
        assert tab.is_hidden("#model")
        tab.fill("#key", "wrong")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("text=the key is not known")
        tab.fill("#key", "secret-1")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#try:not([hidden])")
        assert tab.is_hidden("#entry")
        tab.click("#go")
        tab.wait_for_selector("#told .verdict")
        assert [line for line in said if "401" not in line and "403" not in line] == []


def test_names_of_columns_are_text_and_nothing_else(chromium, table):
    name = "<img src=x onerror=document.title='run'>"
    model = fastrcf.Detector(n_trees=10, sample_size=32, random_state=1).fit(
        {name: table["amount"], "b": table["items"]}
    )
    with serving(made(model)) as client, opened(chromium, client) as (tab, said):
        tab.wait_for_selector("#try:not([hidden])")
        assert name in tab.inner_text("#fields")
        tab.fill("#fields input >> nth=0", "90000")
        tab.click("#go")
        tab.wait_for_selector("#told .alert")
        assert name in tab.inner_text("#told")
        assert tab.title() == "fastrcf"
        assert said == []


def test_columns_may_have_any_name(chromium):
    names = ["__proto__", 'say "hi"', "constructor", "back\\slash", ""]
    values = np.random.default_rng(1).normal(size=(500, len(names)))
    model = fastrcf.Detector(n_trees=10, sample_size=32, random_state=1).fit(
        {name: values[:, j] for j, name in enumerate(names)}
    )
    with serving(made(model)) as client, opened(chromium, client) as (tab, said):
        tab.wait_for_selector("#try:not([hidden])")
        tab.fill("#fields input >> nth=0", "90000")
        tab.click("#go")
        tab.wait_for_selector("#told .alert")
        assert "__proto__ = 90000" in tab.inner_text("#told")
        assert tab.inner_text("#problem") == ""
        assert said == []


def test_a_forest_and_categories(chromium, forest, with_categories):
    with serving(made(forest)) as client, opened(chromium, client) as (tab, said):
        tab.wait_for_selector("#try:not([hidden])")
        tab.click("#go")
        tab.wait_for_selector("#told .verdict")
        assert "score" in tab.inner_text("#told")
        assert said == []
    with serving(made(with_categories)) as client, opened(chromium, client) as (tab, said):
        tab.wait_for_selector("#try:not([hidden])")
        tab.fill("#fields label:has-text('kind') input", "pigeon")
        tab.click("#go")
        tab.wait_for_selector("#told .alert")
        assert "a category never seen in training" in tab.inner_text("#told")
        assert said == []


def test_a_server_that_goes_away_is_seen(chromium, detector):
    with serving(made(detector)) as client:
        context = chromium.new_context()
        tab = context.new_page()
        tab.goto(f"http://127.0.0.1:{client.port}/")
        tab.wait_for_selector("#state.good")
        tab.route("**/ping", lambda route: route.abort())
        tab.evaluate("health()")
        tab.wait_for_selector("#state.bad")
        assert tab.inner_text("#state") == "does not answer"
        context.close()


def test_only_its_own_script_may_run(detector):
    with serving(made(detector)) as client:
        status, told, body = client.ask("GET", "/")
        assert (status, body) == (200, page.HTML)
        policy = told["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        model = json.loads(client.ask("GET", "/v1/model")[2])
    assert b"http://" not in body
    assert b"https://" not in body
    assert model["kind"] == "detector"
