"""Whatever a log says, what the store holds can be drawn as it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocol import events as e
from engine.protocol.codec import KINDS
from tui.state.clean import clean
from tui.state.store import RunStore

BAD = "\x1b]52;c;aGk=\x07\x1b[2J\u202e\x9b31m\u2028\x00\x7f[@click=app.bell]x[/] "
EVENTS = [kind for kind in KINDS.values() if issubclass(kind, e.Event)]


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list() | tuple():
            for item in value:
                yield from texts(item)
        case dict():
            for key, item in value.items():
                yield from texts(key)
                yield from texts(item)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from texts(getattr(value, name))
        case _:
            return


def test_a_reading_that_is_no_number_was_not_made() -> None:
    gpu = clean(
        e.Gpu(index=0, name="H200", utilisation=float("nan"), power_w=float("inf"), temperature_c=50.0)
    )
    assert gpu == e.Gpu(index=0, name="H200", temperature_c=50.0)


def is_safe(text: str) -> bool:
    return all(c in "\n\t" or (c.isprintable() and unicodedata.category(c)[0] != "C") for c in text)


def filled(shape: object, text: str) -> object:
    """A value of this type with the text wherever text can be."""
    match shape:
        case msgspec.inspect.StrType():
            return text
        case msgspec.inspect.IntType():
            return 1
        case msgspec.inspect.FloatType():
            return 1.0
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.ListType():
            return [filled(shape.item_type, text)]
        case msgspec.inspect.DictType():
            return {text: filled(shape.value_type, text)}
        case msgspec.inspect.StructType():
            return shape.cls(**{field.name: filled(field.type, text) for field in shape.fields})
        case msgspec.inspect.UnionType():
            return filled(max(shape.types, key=lambda one: isinstance(one, msgspec.inspect.StrType)), text)
    return None


def test_every_field_of_every_event_is_made_safe() -> None:
    for kind in EVENTS:
        event = filled(msgspec.inspect.type_info(kind), BAD)
        assert any(BAD in text for text in texts(event)) or not any(
            isinstance(value, str) for value in texts(event)
        )
        for text in texts(clean(event)):
            assert is_safe(text), (kind.__name__, text)


def test_what_is_safe_already_is_the_same_object() -> None:
    event = e.LogLine(level="info", text="as it is")
    assert clean(event) is event


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_the_store_holds_nothing_that_a_terminal_would_obey(text: str) -> None:
    store = RunStore()
    for seq, kind in enumerate(
        (e.RunStarted, e.LogLine, e.Alarm, e.CommandAccepted, e.CommandRefused, e.RunEnded), 1
    ):
        store.apply(seq, 1.0, filled(msgspec.inspect.type_info(kind), text))
    store.set_link("lost", text)
    store.set_lease("x", text, 1)
    store.request("mine", text)
    held = [store.link.detail, store.lease.who, *(item.text for item in store.feed), *store.slot_names]
    held += [life.text for life in store.commands]
    assert all(map(is_safe, held))
