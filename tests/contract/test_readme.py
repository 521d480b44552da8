"""The README says what is so: its keys are the cockpit's, its links lead somewhere, its commands exist."""

import re
from pathlib import Path

from docs.key_table import README, ROOT, readme_with_keys
from slotdeck.cli import app

TEXT = README.read_text(encoding="utf-8")
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]


def test_its_key_table_is_current() -> None:
    assert readme_with_keys(TEXT) == TEXT, "run python -m docs.key_table"


def test_every_link_of_every_page_leads_somewhere() -> None:
    missing = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not target.startswith("http") and not (page.parent / Path(target)).exists()
    ]
    assert missing == []


def test_every_link_to_a_section_finds_it() -> None:
    missing = []
    for page in PAGES:
        for target, section in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
            there = page.parent / target if target else page
            if there.suffix == ".md" and section not in _sections(there):
                missing.append(f"{page.name}: {target}#{section}")
    assert missing == []


def _sections(page: Path) -> set[str]:
    """As they are called in links: small letters, dashes for spaces, nothing else."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_its_commands_are_there() -> None:
    there = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    said = set(
        re.findall(r"slotdeck (train|resume|attach|replay|runs|send|prepare|dump|doctor|demo)\b", TEXT)
    )
    assert said <= there
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make (\w+)", TEXT)) <= targets
