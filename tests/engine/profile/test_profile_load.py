"""A profile resolves as its author would expect; each mistake is one line that says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SlotdeckError
from engine.profile.load import all_keys, load_profile
from engine.profile.schema import Data, Model, Profile
from engine.profile.shelf import list_profiles
from engine.profile.write import to_toml


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path | str, *sets: str) -> str:
    with pytest.raises(SlotdeckError) as raised:
        load_profile(path, list(sets))
    line = str(raised.value)
    assert "\n" not in line
    assert raised.value.remedy
    return line


def test_what_is_not_said_has_the_schemas_default(tmp_path: Path) -> None:
    path = write(tmp_path / "Small One.toml", "[model]\nn_layer = 3\n")
    assert load_profile(path) == Profile(name="small-one", model=Model(n_layer=3))


def test_bases_fold_in_from_left_to_right_and_set_wins(tmp_path: Path) -> None:
    write(tmp_path / "wide.toml", 'about = "wide"\n[model]\nn_embd = 96\nn_head = 8\n[train]\nsteps = 10\n')
    write(tmp_path / "long.toml", "[train]\nsteps = 5000\nbatch_size = 2\n")
    path = write(tmp_path / "both.toml", 'base = ["wide", "long.toml"]\n[train]\nbatch_size = 4\n')
    profile = load_profile(path, ["train.batch_size=8", "optim.lr=1e-3"])
    assert (profile.name, profile.about) == ("both", "")
    assert (profile.model.n_embd, profile.model.n_head) == (96, 8)
    assert (profile.train.steps, profile.train.batch_size, profile.optim.lr) == (5000, 8, 1e-3)


def test_set_is_read_as_the_type_the_schema_wants(tmp_path: Path) -> None:
    path = write(tmp_path / "p.toml", "")
    profile = load_profile(
        path,
        ["train.steps=1e3", "train.seed=1_0", "model.bias=no", "optim.lr=1", "sample.prompt=a=b", "name=x-1"],
    )
    assert (profile.train.steps, profile.train.seed, profile.model.bias) == (1000, 10, False)
    assert (profile.optim.lr, profile.sample.prompt, profile.name) == (1.0, "a=b", "x-1")


def test_the_data_folder_is_beside_the_file_or_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "shared/base.toml", '[data]\ndir = "tokens"\n')
    path = write(tmp_path / "mine/p.toml", 'base = "../shared/base.toml"\n')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load_profile(path).data.dir == str(tmp_path / "shared/tokens")
    assert load_profile(path, ["data.dir=x"]).data.dir == str(tmp_path / "here/x")


def test_a_bare_name_is_looked_for_in_the_users_folder_then_among_those_that_come_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "profiles/mine.toml", 'base = "tiny"\nabout = "my own"\n')
    assert load_profile("mine").model == load_profile("tiny").model
    listed = {profile.name: profile.about for profile in list_profiles()}
    assert listed["mine"] == "my own"
    assert {"demo", "tiny", "gpt2-124m", "gpt2-124m-8gb"} <= set(listed)
    assert "did you mean 'tiny'" in refusal("tny")
    assert "no such profile file" in refusal("./tiny.toml")
    assert "no profile" in refusal("x" * 5000)
    assert "is no profile name" in refusal("a\0b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[model]\nn_layers = 3\n", ["line 2", "'model.n_layers'", "did you mean 'n_layer'"]),
        ("\n[modle]\nn_layer = 3\n", ["line 2", "'modle'", "did you mean 'model'"]),
        ("steps = 3\n", ["line 1", "'steps'", "did you mean 'train.steps'"]),
        ("[train]\n'st\x1beps' = 1\n".replace("'", '"').replace("\x1b", "\\u001b"), ["unknown key"]),
        ('[train]\nsteps = "many"\n', ["line 2", "train.steps", "expected a whole number, got text"]),
        ("[train]\nsteps = 2.5\n", ["train.steps", "expected a whole number, got a number"]),
        ("train.steps = {a = 1}\n", ["line 1", "train.steps", "got a table"]),
        ("train = 3\n", ["line 1", "train is a table"]),
        ("[train]\nsteps = 0\n", ["train.steps", ">= 1"]),
        ("[optim]\nlr = -1.0\n", ["line 2", "optim.lr", ">= 0"]),
        ("[optim]\nlr = nan\n", ["line 2", "optim.lr", "nan"]),
        ("[optim]\nlr = inf\n", ["optim.lr", "inf"]),
        ("[train]\ndevice = 'gpu'\n", ["train.device", "'gpu'", "use one of: auto, cuda, mps, cpu"]),
        ("[slots]\npolicy = 'aneal'\n", ["slots.policy", "did you mean 'anneal'"]),
        ("base = 3\n", ["line 1", "base: not a name"]),
        ("base = 'p'\n", ["leads back to itself"]),
        ("base = 'nowhere'\n", ["no profile 'nowhere'"]),
        ("[train\n", ["not TOML", "line 1"]),
        ("[train]\nsteps = 1\nsteps = 2\n", ["not TOML"]),
        (f"[train]\nsteps = {'9' * 30}\n", ["train.steps", "64 bits"]),
        pytest.param(f"[train]\nsteps = {'9' * 5000}\n", ["64 bits"], id="5,000 digits"),
        pytest.param(f"x = {'[' * 20000}", ["nested too deeply"], id="nested"),
        ('about = "caf\xe9"\n'.encode("latin-1"), ["line 1", "byte 0xe9", "UTF-8"]),
        ("about = 'x'\n".encode("utf-16"), ["UTF-8"]),
        pytest.param(b"#" * (2 << 20), ["larger than any profile"], id="2 MiB"),
        ('about = "a\\u0000b"\n', ["null character"]),
    ],
)
def test_a_mistake_is_one_line_that_names_file_place_and_remedy(
    tmp_path: Path, text: str | bytes, parts: list[str]
) -> None:
    line = refusal(write(tmp_path / "p.toml", text))
    assert all(part in line for part in parts), line
    assert line.isprintable()
    assert "p.toml" in line or "nowhere" in line


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("train.steps", ["no key=value"]),
        ("=3", ["no key=value"]),
        ("train.step=3", ["did you mean 'steps'"]),
        ("trian.steps=3", ["did you mean 'train.steps'"]),
        ("train=3", ["is a table"]),
        ("train.steps=many", ["'many'", "not a whole number"]),
        ("train.steps=2.5", ["not a whole number"]),
        ("train.steps=inf", ["not a whole number"]),
        ("train.steps=" + "9" * 5000, ["not a whole number"]),
        ("train.steps=1e30", ["64 bits"]),
        ("optim.lr=inf", ["optim.lr", "inf"]),
        ("optim.lr=1e999", ["optim.lr", "inf"]),
        ("model.bias=maybe", ["model.bias", "expected true or false"]),
        ("data.dir=\udcff", ["not UTF-8"]),
        ("base=tiny", ["'base'"]),
        ("train.steps.x=1", ["unknown key"]),
    ],
)
def test_a_wrong_set_word_is_told_the_same_way(tmp_path: Path, word: str, parts: list[str]) -> None:
    line = refusal(write(tmp_path / "p.toml", ""), word)
    assert all(part in line for part in ["--set", *parts]), line


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert load_profile(write(tmp_path / "p.toml", b"\xef\xbb\xbf[train]\nsteps = 7\n")).train.steps == 7


def test_unreadable_and_missing_files_are_named(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "gone.toml")


def test_every_key_can_be_set_by_its_dotted_name() -> None:
    profile = load_profile("tiny")
    for key in all_keys():
        value: object = profile
        for part in key.split("."):
            value = getattr(value, part)
        load_profile("tiny", [f"{key}={value}"])


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    lr=st.floats(0, 1e9),
    seed=st.integers(0, 2**63 - 1),
    bias=st.booleans(),
)
def test_what_a_run_keeps_loads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, prompt: str, lr: float, seed: int, bias: bool
) -> None:
    import msgspec

    profile = Profile(name="x", about=prompt, model=Model(bias=bias), data=Data(dir="/a b/\"c'"))
    profile = msgspec.structs.replace(
        profile,
        optim=msgspec.structs.replace(profile.optim, lr=lr),
        train=msgspec.structs.replace(profile.train, seed=seed),
        sample=msgspec.structs.replace(profile.sample, prompt=prompt),
    )
    path = write(tmp_path_factory.mktemp("round") / "profile.toml", to_toml(profile))
    assert load_profile(path) == profile
