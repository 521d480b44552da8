"""What the source may not do: read pickle, run strings, print or draw what was not made safe. Read from itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "slotdeck", "tui")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

PICKLE_DOOR = "engine/shrink/import_checkpoint.py"
"""The one file that may call torch.load, and only with weights_only=True."""
SHELL_HOOK = "engine/control/hook.py"
"""The one file that may use a shell: for the alarm hook that the profile names."""
SAY = "slotdeck/say.py"
"""The one file that prints."""
BANNED_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "commands",
    "pty",
}
SHELLS = {"sh", "bash", "/bin/sh", "/bin/bash", "/usr/bin/env"}
BANNED_CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "pandas.read_pickle",
}
SAFE = {"one_line", "sanitise", "json.dumps", "as_markdown"}
"""Calls whose result may be written to a terminal."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))


@cache
def calls(path: Path) -> tuple[tuple[str, ast.Call], ...]:
    """Every call with what is called, as written: `torch.load`, `self.notify`, `print`."""
    return tuple((ast.unparse(node.func), node) for node in nodes(path) if isinstance(node, ast.Call))


def keyword(call: ast.Call, name: str) -> object:
    for given in call.keywords:
        if given.arg == name:
            return given.value.value if isinstance(given.value, ast.Constant) else given.value
    return None


def faults(judge: Callable[[Path], Iterator[ast.AST]]) -> list[str]:
    return [f"{name_of(path)}:{node.lineno}" for path in FILES for node in judge(path)]  # type: ignore[attr-defined]


def test_no_pickle_but_through_the_one_door() -> None:
    def judge(path: Path) -> Iterator[ast.AST]:
        for node in nodes(path):
            if isinstance(node, ast.Import) and any(
                a.name.split(".")[0] in BANNED_MODULES for a in node.names
            ):
                yield node
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in BANNED_MODULES:
                yield node
            loads = isinstance(node, ast.ImportFrom) and node.module in ("torch", "numpy")
            if loads and "load" in {a.name for a in node.names}:
                yield node
        for called, call in calls(path):
            weights_only = name_of(path) == PICKLE_DOOR and keyword(call, "weights_only") is True
            if called in ("torch.load", "torch.jit.load", "torch.hub.load") and not weights_only:
                yield call
            if called in ("np.load", "numpy.load") and keyword(call, "allow_pickle") is not False:
                yield call

    assert faults(judge) == []
    door = [call for called, call in calls(ROOT / PICKLE_DOOR) if called == "torch.load"]
    assert len(door) == 1
    assert keyword(door[0], "weights_only") is True
    assert keyword(door[0], "map_location") == "cpu"


def test_no_string_is_run_as_code_or_by_a_shell() -> None:
    def judge(path: Path) -> Iterator[ast.AST]:
        for called, call in calls(path):
            shell = keyword(call, "shell")
            if called in BANNED_CALLS or (called == "compile" and len(call.args) > 2):
                yield call
            if shell is not None and shell is not False and name_of(path) != SHELL_HOOK:
                yield call
        for node in nodes(path):
            if isinstance(node, ast.Constant) and node.value in SHELLS and name_of(path) != SHELL_HOOK:
                yield node

    assert faults(judge) == []


def test_nothing_is_read_as_markup() -> None:
    def judge(path: Path) -> Iterator[ast.AST]:
        for called, call in calls(path):
            last = called.split(".")[-1]
            if last in ("from_markup", "from_ansi", "highlight") or keyword(call, "markup") is True:
                yield call
            if last == "TextColumn" and keyword(call, "markup") is not False:
                yield call
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and node.attr in ("from_markup", "from_ansi"):
                yield node

    assert faults(judge) == []


def test_widgets_get_content_and_never_a_made_up_string() -> None:
    def judge(path: Path) -> Iterator[ast.AST]:
        for called, call in calls(path):
            last = called.split(".")[-1]
            if last in ("Static", "Label", "Option", "Markdown") or (
                last == "update" and "query_one" in called
            ):
                first = call.args[0] if call.args else None
                constant = isinstance(first, ast.Constant) and "[" not in str(first.value)
                made = isinstance(first, ast.Call) and ast.unparse(first.func) not in (
                    "str",
                    "format",
                    "repr",
                )
                if not (first is None or constant or made):
                    yield call
        for node in nodes(path):  # links are `link_row.Link`, drawn with Content
            if isinstance(node, ast.ImportFrom) and node.module == "textual.widgets":
                yield from (node for name in node.names if name.name == "Link")

    assert faults(judge) == []


def test_the_corner_and_the_store_make_everything_safe() -> None:
    """What the cockpit is told goes through `RunStore` and `Shell.notify`; both must call the sanitiser."""
    app = dict(functions(ROOT / "tui" / "app" / "shell.py"))
    assert "one_line(" in ast.unparse(app["Shell.notify"])
    store = dict(functions(ROOT / "tui" / "state" / "store.py"))
    for name, needed in (
        ("apply", "clean("),
        ("set_link", "one_line("),
        ("set_lease", "one_line("),
        ("request", "one_line("),
    ):
        assert needed in ast.unparse(store[f"RunStore.{name}"]), name


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def test_only_one_file_prints_and_it_sanitises() -> None:
    def judge(path: Path) -> Iterator[ast.AST]:
        for called, call in calls(path):
            last = called.split(".")[-1]
            if called == "print" and name_of(path) != SAY:
                yield call
            if last in ("print_exc", "print_exception", "print_stack", "secho", "echo"):
                yield call
            if (
                last in ("write", "writelines")
                and ("stdout" in called or "stderr" in called)
                and not _safe(call.args[0])
            ):
                yield call

    assert faults(judge) == []
    assert [ast.unparse(call.args[0]) for called, call in calls(ROOT / SAY) if called == "print"] == [
        *["sanitise(line, LIMIT)"] * 2,
        "f'\\r{sanitise(row)}\\x1b[K'",
    ]


def _safe(value: ast.expr) -> bool:
    """A constant, a call of the sanitiser, or a string whose every part is one of these."""
    match value:
        case ast.Constant():
            return True
        case ast.Call():
            return ast.unparse(value.func) in SAFE
        case ast.BinOp():
            return _safe(value.left) and _safe(value.right)
        case ast.JoinedStr():
            return all(_safe(part) for part in value.values)
        case ast.FormattedValue():
            return _safe(value.value)
    return False


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "torch.load(f)",
        "np.load(f, allow_pickle=True)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(['/bin/sh', '-c', text])",
        "Content.from_markup(text)",
        "Static(f'{name}')",
        "print(text)",
        "sys.stderr.write(f'{error}')",
    ],
)
def test_each_of_these_would_be_found(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the tests above look at all."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "bad.py").write_text(source + "\n")
    here = globals()
    monkeypatch.setitem(here, "FILES", [tmp_path / "engine" / "bad.py"])
    monkeypatch.setattr(f"{__name__}.name_of", lambda path: path.name)
    judges = (
        test_no_pickle_but_through_the_one_door, test_no_string_is_run_as_code_or_by_a_shell,
        test_nothing_is_read_as_markup, test_widgets_get_content_and_never_a_made_up_string,
        test_only_one_file_prints_and_it_sanitises,
    )  # fmt: skip
    found = 0
    for judge in judges:
        try:
            judge()
        except AssertionError:
            found += 1
    assert found == 1
