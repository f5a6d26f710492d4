"""`jikao tls init | renew`: a centre's own authority and certificates, and a sheet on how to install it in the exam room."""

import html
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from server import tls
from server.clock import SystemClock
from server.settings import load
from server.terminal import plainly, say

app = typer.Typer(help="HTTPS by the centre's own certificate authority.", no_args_is_help=True)

SHEET = Path(__file__).with_name("tls_sheet.html")

Hosts = Annotated[list[str], typer.Option("--host", help="Name or address browsers will use; again for another.")]
OtherHosts = Annotated[list[str] | None, typer.Option("--host", help="Other names or addresses than before.")]
Authority = Annotated[Path | None, typer.Option(help="Folder of the authority; otherwise `tls-authority` in the data folder.")]


@app.command()
@plainly
def init(host: Hosts, authority: Authority = None) -> None:
    """Make a certificate authority for the exam room and a server certificate by it; browsers must install it once."""
    folders, now = _folders(authority), SystemClock().now()
    made = tls.make(host, folders, now)
    sheet = folders.authority / "install.html"
    sheet.write_text(install_sheet(made, host[0], load().port), encoding="utf-8")
    say(f"Authority: {folders.authority_cert}   SHA-256 {made.fingerprint}")
    say(f"Install it in every browser of the exam room as the sheet says (print it): {sheet}")
    say(f"Lock {folders.authority_key} away, best on another medium: who has it can pose as {host[0]} to these browsers.")
    _how_to_serve(folders, made)


@app.command()
@plainly
def renew(host: OtherHosts = None, authority: Authority = None) -> None:
    """Make a new server key and certificate by the same authority; browsers need nothing. Then start the server again."""
    folders = _folders(authority)
    _how_to_serve(folders, tls.renew(host or [], folders, SystemClock().now()))


def _folders(authority: Path | None) -> tls.Folders:
    data = load().data_dir
    return tls.Folders(authority or data / "tls-authority", data / "tls")


def _how_to_serve(folders: tls.Folders, made: tls.Made) -> None:
    say(f"Certificate for {', '.join(made.hosts)} until {_day(made.ends)}: {folders.cert}")
    say(f"Serve with: JIKAO_HOST=0.0.0.0 jikao serve --tls-cert {folders.cert} --tls-key {folders.key}")


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def install_sheet(made: tls.Made, host: str, port: int) -> str:
    """A page to print, in Chinese and English, that needs nothing else."""
    name = f"[{host}]" if ":" in host else host
    sheet = SHEET.read_text(encoding="utf-8")
    for place, value in (
        ("{fingerprint}", made.fingerprint),
        ("{address}", f"https://{name}:{port}/exam"),
        ("{hosts}", ", ".join(made.hosts)),
    ):
        sheet = sheet.replace(place, html.escape(value))
    return sheet
