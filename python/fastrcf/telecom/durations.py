"""Rules that hold durations, as plain values of JSON and back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastrcf.telecom.alerts import AlertRule
    from fastrcf.telecom.silence import SilenceRule


def plain_rule(rule: AlertRule | SilenceRule) -> dict[str, Any]:
    """Write times as seconds."""
    return {
        name: {"seconds": value.total_seconds()} if isinstance(value, timedelta) else value
        for name, value in asdict(rule).items()
    }


def timed_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Read what :func:`plain_rule` wrote."""

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return timedelta(seconds=value["seconds"])
        return tuple(value) if isinstance(value, list) else value

    return {name: read(value) for name, value in rule.items()}
