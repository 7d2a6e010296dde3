"""The template, read once."""

import pytest

pytest.importorskip("yaml", reason="PyYAML is not installed (extra cli)")

from fastrcf.stack.template import Template

CODE = {"CodeBucket": "some-code", "CodeKey": "code/0.zip"}


@pytest.fixture(scope="session")
def template():
    found = Template.load()
    assert found.content["Resources"]
    return found


@pytest.fixture(scope="session")
def values(template):
    """All parameters, with some of them given."""

    def of(**given):
        return template.check({**CODE, **given})

    return of
