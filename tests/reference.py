"""Writes docs/reference.md from the code: every setting, command, table and permission. A test compares it."""

import argparse
from pathlib import Path
from typing import Any

import typer.main
from pydantic_core import PydanticUndefined

from server import alltables, cli
from server.auth import permissions
from server.settings import Settings

PATH = Path(__file__).resolve().parents[1] / "docs" / "reference.md"


def settings() -> list[str]:
    lines = ["## Settings", "", "Each may come from a file: `JIKAO_NAME_FILE=/path` sets `JIKAO_NAME`.", ""]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", PydanticUndefined) else f"`{field.default}`"
        lines.append(f"| `JIKAO_{name.upper()}` | {default} | {field.description} |")
    return [*lines, ""]


def commands() -> list[str]:
    lines = ["## Commands", ""]
    for name, command in _walk(typer.main.get_command(cli.app), "jikao"):
        usage = " ".join(f" {one.name.upper()}" for one in command.params if one.param_type_name == "argument")
        lines += [f"### `{name}{usage}`", "", " ".join((command.help or "").split()), ""]
        for one in command.params:
            text = getattr(one, "help", "") or ""
            if one.param_type_name == "option" and one.name != "help":
                lines.append(f"- `{'`, `'.join(one.opts)}`: {text}")
            elif one.param_type_name == "argument":
                lines.append(f"- {one.name.upper()}: {text}")
        if command.params:
            lines.append("")
    return lines


def _walk(command: Any, name: str) -> list[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        return [(name, command)]
    return [pair for key in sorted(inner) for pair in _walk(inner[key], f"{name} {key}")]


def tables() -> list[str]:
    lines = ["## Tables", "", "Append-only tables refuse updates and deletes by trigger, on both databases.", ""]
    lines += ["| table | key | append-only | columns |", "|---|---|---|---|"]
    for name, table in sorted(alltables.metadata.tables.items()):
        keys = ", ".join(column.name for column in table.primary_key)
        others = ", ".join(column.name for column in table.columns if not column.primary_key)
        may_change = alltables.APPEND_ONLY.get(name)
        fixed = "" if may_change is None else "yes" + (f", once: {', '.join(may_change)}" if may_change else "")
        lines.append(f"| {name} | {keys} | {fixed} | {others} |")
    return [*lines, ""]


def roles() -> list[str]:
    lines = ["## Permissions", "", "| action | roles |", "|---|---|"]
    lines += [f"| {action} | {', '.join(sorted(who))} |" for action, who in permissions.ACTIONS.items()]
    return [*lines, ""]


def text() -> str:
    head = ["# Reference", "", "Made from the code by `make reference`; a test compares it.", ""]
    return "\n".join([*head, *commands(), *settings(), *tables(), *roles()]).rstrip() + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        PATH.write_text(text(), encoding="utf-8")
    else:
        print(text())
