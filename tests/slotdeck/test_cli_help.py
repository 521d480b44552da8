"""What `--help` and the shell's completion say to somebody who has just installed it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from fake_run import write_fake_run
from nursery import ForkedProcess
from patience import PATIENCE_S
from slotdeck_command import ENVIRONMENT

from slotdeck import cli

COMMANDS = {
    command.name or command.callback.__name__ for command in cli.app.registered_commands if command.callback
}

ROOT_COMMAND = typer.main.get_group(cli.app)


def said_by(*words: str, cwd: Path, **environment: str) -> str:
    """What it prints on a terminal of 80 columns."""
    process = ForkedProcess("slotdeck", words, cwd, {**ENVIRONMENT, "COLUMNS": "80", **environment})
    stdout, stderr = process.communicate(PATIENCE_S)
    assert stderr == ""
    return stdout


def test_it_lists_every_command_in_one_whole_sentence(tmp_path: Path) -> None:
    said = said_by("--help", cwd=tmp_path)
    assert set(re.findall(r"^  ([a-z-]+)  +\S", said, re.M)) >= COMMANDS
    assert "..." not in said.replace("[ARGS]...", "")
    assert "Without a command" in said


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_commands_help_is_in_our_words(command: str) -> None:
    found = ROOT_COMMAND.get_command(typer.Context(ROOT_COMMAND), command)
    assert found is not None
    said = found.get_help(typer.Context(found, info_name=command, terminal_width=80))
    assert said.startswith(f"Usage: {command} [OPTIONS]")
    assert not re.search(r"[<{]", said), "types and braces of the library's"
    assert max(map(len, said.splitlines())) <= 80


def test_examples_are_commands_that_are_understood() -> None:
    """Typed as they stand, they meet the sub-command and its options."""
    examples = [
        line.strip().split("   ")[0].split(" | ")[0].split()
        for command in cli.app.registered_commands
        for line in (command.callback.__doc__ or "").partition("Examples:\n")[2].splitlines()
        if line.strip().startswith("slotdeck ")
    ]
    assert len(examples) > 20
    for _, name, *words in examples:
        command = ROOT_COMMAND.get_command(typer.Context(ROOT_COMMAND), name)
        assert command is not None, name
        command.make_context(name, list(words))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["attach", "2026"], ["20261121-090000-demo-3f2a"]),
        (["compare", "recorded", "20"], ["20261121-090000-demo-3f2a"]),
        (["replay", "nothing"], []),
        (["attach", "--runs", "elsewhere", ""], []),
        (["train", "gpt2-124m"], ["gpt2-124m", "gpt2-124m-8gb"]),
        (["resu"], ["resume"]),
    ],
)
def test_the_shell_completes_commands_runs_and_profiles(
    words: list[str], found: list[str], tmp_path: Path
) -> None:
    write_fake_run(tmp_path / "runs" / "20261121-090000-demo-3f2a")
    typed = {"COMP_WORDS": " ".join(["slotdeck", *words]), "COMP_CWORD": str(len(words))}
    said = said_by(cwd=tmp_path, _SLOTDECK_COMPLETE="complete_bash", **typed)
    assert said.split() == found
