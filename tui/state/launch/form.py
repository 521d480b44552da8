"""A profile being changed: what is set over it, what is wrong with that, and the command line that does the same.

Pure: it reads the profile's files and looks whether data is there, and starts nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import SlotdeckError
from engine.profile.advice import advice
from engine.profile.checks import problems
from engine.profile.fields import Field, as_text, fields, value_of
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.profile.shelf import find_profile
from tui.state.cycle import cycled
from tui.state.launch.start_command import start_command

FIRST = (
    "name", "about", "data.dir", "train.steps", "train.batch_size", "train.accumulate", "optim.lr", "optim.name",
    "optim.warmup_steps", "slots.policy", "slots.mean_duty", "precision.compute", "precision.weights", "model.n_layer",
    "model.n_embd", "model.n_head", "model.seq_len", "train.seed",
)  # fmt: skip
"""The keys that people change."""
OWN_DATA = "demo"
"""The profile that makes its data itself."""
OWN_DATA_DIR = Path("data", "demo")


@dataclass(slots=True)
class Form:
    """One profile with changes."""

    name: str
    """A name on the shelf, or a file."""
    base: Profile
    profile: Profile
    """With the changes that can be read."""
    brings_data: bool
    sets: dict[str, str] = field(default_factory=dict)
    """Key -> as typed; only what differs."""
    wrong: dict[str, str] = field(default_factory=dict)
    """Key -> what is wrong there and what to do; under an empty key what is wrong with the whole."""
    advice: tuple[str, ...] = ()
    """Settings that work, and do less than they seem to."""
    _judged: dict[str, str] = field(default_factory=dict)
    """Word -> what is wrong with it by itself; each is looked at once."""

    @classmethod
    def of(cls, name: str) -> Form:
        """The profile as it is. Raises SlotdeckError when it cannot be read."""
        path = find_profile(name)
        base = load_profile(path)
        form = cls(name, base, base, path.stem == OWN_DATA)
        form.check()
        return form

    def text(self, key: str) -> str:
        """What stands at a key."""
        return self.sets.get(key, as_text(value_of(self.base, key)))

    def put(self, key: str, text: str) -> None:
        """Write something at a key; what the profile has anyway is no change."""
        if text.strip() == as_text(value_of(self.base, key)):
            self.sets.pop(key, None)
        else:
            self.sets[key] = text.strip()
        self.check()

    def turn(self, row: Field, way: int) -> None:
        """The next choice, or the one before."""
        self.put(row.key, cycled(row.choices, self.text(row.key), way))

    def reset(self, key: str) -> None:
        """As the profile has it."""
        self.sets.pop(key, None)
        self.check()

    @property
    def words(self) -> tuple[str, ...]:
        """The `--set` words, in the schema's order."""
        return tuple(f"{row.key}={self.sets[row.key]}" for row in fields() if row.key in self.sets)

    @property
    def command(self) -> str:
        """What starts the same run from a shell."""
        return start_command(shown_name(self.name), self.words)

    @property
    def data_dir(self) -> Path:
        """Where its tokens are, or will be."""
        own = self.brings_data and not self.profile.data.dir
        return OWN_DATA_DIR if own else Path(self.profile.data.dir)

    def check(self) -> None:
        """Judge everything anew."""
        self.wrong = {}
        path = find_profile(self.name)
        readable = list(self.words)
        try:
            self.profile = load_profile(path, readable)
        except SlotdeckError:
            self.wrong = {key: told for key, word in self._by_key() if (told := self._judge(path, key, word))}
            readable = [word for key, word in self._by_key() if key not in self.wrong]
            self.profile = load_profile(path, readable)
        own = self.brings_data and not self.profile.data.dir
        for problem in problems(self.profile, data=not own):
            self.wrong.setdefault(self._place(problem), _told(problem))
        self.advice = tuple(advice(self.profile))

    def _by_key(self) -> list[tuple[str, str]]:
        return [(word.partition("=")[0], word) for word in self.words]

    def _judge(self, path: Path, key: str, word: str) -> str:
        if word not in self._judged:
            try:
                load_profile(path, [word])
            except SlotdeckError as error:
                self._judged[word] = _told(error, key)
            else:
                self._judged[word] = ""
        return self._judged[word]

    def _place(self, problem: SlotdeckError) -> str:
        """The key that a problem stands beside: one that was changed, else the first that it names."""
        text = f"{problem.message} {problem.remedy}"
        named = [row.key for row in fields() if re.search(rf"(?<![\w.]){re.escape(row.key)}(?![\w.])", text)]
        named.sort(key=lambda key: text.index(key))
        named = [key for key in named if "." in key or problem.message.startswith(key)]
        return next((key for key in named if key in self.sets), named[0] if named else "")


def matching(words: str) -> list[Field]:
    """The fields that have all of these words in their key or help."""
    wanted = words.lower().split()
    return [
        row
        for row in fields()
        if all(word in f"{row.key} {row.help} {row.wanted}".lower() for word in wanted)
    ]


def shown_name(name: str) -> str:
    """The profile as one would type it: a file relative to here when it lies below."""
    if "/" not in name:
        return name
    try:
        return str(Path(name).absolute().relative_to(Path.cwd()))
    except ValueError:
        return name


def _told(error: SlotdeckError, key: str = "") -> str:
    return str(error).removeprefix("--set: ").removeprefix(f"--set {key}: ").removeprefix(f"{key}: ")
