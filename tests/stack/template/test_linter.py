"""cfn-lint, which knows CloudFormation's own descriptions; all regions: `make stack-lint`."""

import pytest

cfnlint = pytest.importorskip("cfnlint.api", reason="cfn-lint is not installed")

BROKEN = """
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: pass}
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/a
      Runtime: python3.1
"""


def lint(text):
    from cfnlint.config import ManualArgs

    return [str(match) for match in cfnlint.lint(text, config=ManualArgs(regions=["eu-west-1"]))]


def test_cfn_lint_finds_nothing(template):
    assert lint(template.text) == []


def test_cfn_lint_finds_what_is_wrong():
    assert any("python3.1" in told for told in lint(BROKEN))
