"""``fastrcf sessions features``: features of session records in files."""

from __future__ import annotations

import json
import time

import click

from fastrcf.cli.progress import progress
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.peers import PeerTable


def features(
    data: str,
    out: str,
    *,
    timezone: str,
    group: tuple[str, ...],
    peers: str | None,
    no_peers: bool,
    columns: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compute features and say what was written.

    Parameters
    ----------
    data, out : str
        Folder or file of sessions, and folder to make.
    timezone : str
        Whose hours and days count.
    group : tuple of str
        Columns that make a group of peers.
    peers : str or None
        File of a table of peers; default: made of DATA.
    no_peers : bool
        Leave out what needs peers.
    columns : tuple of str
        Features to compute; none for all.
    as_json : bool
        Print JSON.
    """
    started = time.monotonic()
    known = None if no_peers else PeerTable.load(peers) if peers else "fit"
    with progress("sessions") as tell:
        written = features_folder(
            data,
            out,
            timezone=timezone,
            peers=known,  # type: ignore[arg-type]
            group=group,
            features=columns or None,
            progress=lambda what, share, rows: tell(share, rows),
        )
    seconds = time.monotonic() - started
    facts = {
        "folder": str(written.folder),
        "rows": written.rows,
        "parts": written.parts,
        "features": written.features,
        "seconds": round(seconds, 2),
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{written.folder}: {written.features} features of {written.rows:,} sessions in "
        f"{written.parts} parts, {seconds:.1f} s",
        err=True,
    )
