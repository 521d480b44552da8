"""Run folders for the proofs: a tiny model, token shards of this project's own source, and what their logs say."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TypeVar

from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.codec import decode
from engine.protocol.events import Event
from engine.runlog.catalog import create_run
from engine.runlog.reader import LogReader

T = TypeVar("T", bound=Event)
ROOT = Path(__file__).resolve().parents[2]


def make_tokens(folder: Path) -> Path:
    """Token shards in `folder/tokens`, made once."""
    from engine.data.prepare import prepare

    tokens, texts = folder / "tokens", folder / "texts"
    if not tokens.is_dir():
        texts.mkdir()
        for number, path in enumerate(sorted((ROOT / "engine").glob("*/[a-z]*.py"))[:30]):
            (texts / f"{number}.txt").write_bytes(path.read_bytes())
        prepare([texts], tokens, vocab_size=300, val_share=0.2, workers=1)
    return tokens


def make_run(runs_dir: Path, tokens: Path, *sets: str) -> Path:
    """A run folder of the tiny profile with these settings; no engine has touched it."""
    profile = load_profile("tiny", [f"data.dir={tokens}", *sets])
    return create_run(runs_dir, profile.name, to_toml(profile), time.time(), os.urandom(4).hex())


def events(run_dir: Path, from_seq: int = 1) -> list[Event]:
    """Everything in the log, decoded."""
    if not (run_dir / "log").is_dir():
        return []
    found = [decode(entry.kind, entry.payload) for entry in LogReader(run_dir).entries(from_seq)]
    return [event for event in found if isinstance(event, Event)]


def of(told: list[Event], kind: type[T]) -> list[T]:
    """Those of one kind."""
    return [event for event in told if isinstance(event, kind)]
