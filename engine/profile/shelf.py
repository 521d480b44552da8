"""Where profiles lie: the user's `./profiles`, then the ones that come with slotdeck.

Called by the loader, by `slotdeck train NAME` and by the cockpit's home screen. Reads names and one-line
descriptions only; it never judges a profile's contents.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SlotdeckError, nearest
from engine.text import one_line


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile to choose from."""

    name: str
    """What `slotdeck train` takes."""
    path: Path
    about: str
    """The profile's own line about itself; what is wrong with the file when it cannot be read."""


def folders() -> list[Path]:
    """Folders searched for a bare name, first match wins; only those that exist."""
    return [folder for folder in (Path("profiles"), _own_folder()) if folder.is_dir()]


def list_profiles() -> list[ProfileFile]:
    """Every profile that a bare name reaches, by name."""
    found: dict[str, ProfileFile] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, ProfileFile(path.stem, path, _about(path)))
    return sorted(found.values(), key=lambda profile: profile.name)


def find_profile(text: str, beside: Path | None = None) -> Path:
    """The file that `text` names: a path (it has a slash or ends in .toml) or a bare name.

    Args:
        text: what the user gave.
        beside: folder that relative paths and names are tried against first: a profile's own, for its bases.

    Raises:
        SlotdeckError: there is none; the nearest name or the names there are come with it.
    """
    shown = one_line(text)
    if "\0" in text or not text.strip():
        raise SlotdeckError(f"{shown!r} is no profile name", f"use one of: {_names()}")
    if "/" in text or text.endswith(".toml"):
        path = (beside or Path()) / os.path.expanduser(text)
        if _is_file(path):
            return path
        raise SlotdeckError(
            f"{one_line(str(path))}: no such profile file", f"give a path, or a name: {_names()}"
        )
    for folder in [*([beside] if beside else []), *folders()]:
        path = folder / f"{text}.toml"
        if _is_file(path):
            return path
    names = [profile.name for profile in list_profiles()]
    raise SlotdeckError(f"no profile {shown!r}{nearest(text, names)}", f"use one of: {_names()}, or a path")


def _own_folder() -> Path:
    """`profiles/` of the checkout this runs from, else the copy inside the installed package."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "profiles"
    return Path(__file__).resolve().parent / "shipped"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system takes
        return False


def _names() -> str:
    return ", ".join(profile.name for profile in list_profiles()) or "none here"


def _about(path: Path) -> str:
    try:
        about = tomllib.loads(path.read_text("utf-8-sig")).get("about", "")
    except (OSError, ValueError, RecursionError) as error:
        return one_line(f"cannot be read: {error}")
    return one_line(str(about))
