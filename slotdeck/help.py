"""How `--help` reads: sub-commands in groups, each in one whole sentence; arguments by their names; examples last.

A sub-command's docstring is its help; blocks with a title, such as `Examples:`, are printed line by line as they stand,
at the end.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

from typer.core import TyperCommand, TyperGroup


class _Help:
    """What both have. Of typer's own pages it keeps the order and the usage line."""

    help: str | None
    get_params: Any

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text("\n\n".join(part for part in self._paragraphs() if ":\n  " not in part))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments, options = [], []
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                arguments.append((_argument(param), param.help))
            else:
                name = " ".join(
                    [", ".join(sorted(param.opts, key=len)), *([param.metavar] if param.metavar else [])]
                )
                options.append((name, f"{param.help or ''}{_facts(param)}"))
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        del ctx
        for part in self._paragraphs():
            title, found, lines = part.partition(":\n  ")
            if found:
                with formatter.section(title):
                    formatter.write("".join(f"  {line.strip()}\n" for line in lines.splitlines()))

    def _paragraphs(self) -> list[str]:
        return inspect.cleandoc(self.help or "").split("\n\n")


class Command(_Help, TyperCommand):
    """A sub-command."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] RUN [TEXT]`."""
        params = self.get_params(ctx)
        return ["[OPTIONS]", *(_argument(param) for param in params if param.param_type_name == "argument")]


class Group(_Help, TyperGroup):
    """Sub-commands, listed by the panel each belongs to."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        panels: dict[str, list[tuple[str, str]]] = defaultdict(list)
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for name in names:
            command: Any = self.get_command(ctx, name)
            sentence = " ".join((command.help or "").partition("\n\n")[0].split()).rstrip(".")
            panels[command.rich_help_panel or "Commands"].append((f"{name:<{width}}", sentence))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


def _argument(param: Any) -> str:
    """As in the usage line: in brackets where it may be left out, unless its name has some."""
    name = str(param.metavar or param.name.upper())
    return name if param.required or "[" in name else f"[{name}]"


def _facts(param: Any) -> str:
    """`  [default: runs, or SLOTDECK_RUNS]`; nothing for what is off or empty."""
    facts = [f"default: {param.default}"] if param.default and not isinstance(param.default, bool) else []
    facts += [f"or {param.envvar}"] if param.envvar else []
    return f"  [{', '.join(facts)}]" if facts else ""
