"""Names that the template, the commands and the bill share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastrcf.errors import InvalidParameterError

# On everything that has tags; its value is the prefix.
TAG = "fastrcf:solution"
DEFAULT_PREFIX = "fraud-detection"
# As the template has it.
_PREFIX = re.compile(r"[a-z][a-z0-9-]{1,27}[a-z0-9]")


@dataclass(frozen=True)
class Names:
    """What things are called in one account and region.

    Parameters
    ----------
    prefix : str
        The parameter SolutionPrefix; also the stack's name.
    account, region : str
        Where.
    """

    prefix: str
    account: str
    region: str

    @property
    def code_bucket(self) -> str:
        """Bucket of zips, models and templates that `deploy` uploads."""
        return self._bucket("code")

    @property
    def model_bucket(self) -> str:
        """The stack's bucket of models and data."""
        return self._bucket("md")

    @property
    def output_bucket(self) -> str:
        """The stack's bucket of results."""
        return self._bucket("out")

    @property
    def buckets(self) -> tuple[str, ...]:
        """All three."""
        return (self.code_bucket, self.model_bucket, self.output_bucket)

    @property
    def log_groups(self) -> tuple[str, ...]:
        """Log groups of the stack, which late writers make again after it is gone."""
        return (
            f"/aws/lambda/{self.prefix}-scorer",
            f"/aws/kinesisfirehose/{self.prefix}-results",
            f"/aws/apigateway/{self.prefix}-access",
        )

    def _bucket(self, kind: str) -> str:
        return f"{self.prefix}-{self.account}-{self.region}-{kind}"


def check_prefix(prefix: str) -> str:
    """Give a prefix, if the template takes it.

    Raises
    ------
    InvalidParameterError
        If it does not.
    """
    if not _PREFIX.fullmatch(prefix):
        raise InvalidParameterError(
            f"prefix: {prefix!r} is not 3 to 29 lower-case letters, digits and hyphens, "
            "a letter first and no hyphen last"
        )
    return prefix
