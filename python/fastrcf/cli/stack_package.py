"""``fastrcf stack package``: the function's zip."""

from __future__ import annotations

import json

import click

_FILE = click.Path(exists=True, dir_okay=False)


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default=".",
    show_default=True,
    help="File to write, NAME.zip, or a folder.",
)
@click.option("--arch", type=click.Choice(["arm64", "x86_64"]), default="arm64", show_default=True)
@click.option("--wheel", type=_FILE, help="Of fastrcf.  [default: the one in dist]")
@click.option("--from-index", is_flag=True, help="Else pip may download fastrcf by name.")
@click.option(
    "--wheels", type=_FILE, multiple=True, help="Of NumPy and msgspec.  [default: by pip]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def package(
    out: str,
    arch: str,
    wheel: str | None,
    wheels: tuple[str, ...],
    *,
    from_index: bool,
    as_json: bool,
) -> None:
    """Make the zip of the Lambda function: fastrcf, NumPy and msgspec.

    The same wheels give the same bytes, so that its digest tells whether there is anything to
    deploy. `fastrcf stack deploy` makes and uploads it by itself.
    """
    from fastrcf.stack import package as packages

    path = packages.build(
        out,
        arch=arch,  # type: ignore[arg-type]
        wheel=wheel,
        wheels=wheels or None,
        from_index=from_index,
        tell=lambda text: click.echo(text, err=True),
    )
    made = packages.inspect(path)
    if as_json:
        told = {
            "path": str(made.path),
            "bytes": made.size,
            "unpacked_bytes": made.unpacked,
            "files": made.files,
            "sha256": made.sha256,
            "code_sha256": made.code_sha256,
        }
        click.echo(json.dumps(told))
        return
    click.echo(f"{made.path}: {made.size / 1e6:.1f} MB, unpacked {made.unpacked / 1e6:.1f} MB")
    click.echo(f"sha256 {made.sha256}")
