"""Which modules of a foreign model are its slots: the list of blocks, found by its length or by its path.

Called by `SlotOptimizer.bind`. It reads the model and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.errors import SlotdeckError, nearest


@dataclass(frozen=True, slots=True)
class Blocks:
    """The slots of a model, in order."""

    path: str
    """Of their list in the model: `transformer.h`."""
    modules: tuple[nn.Module, ...]

    def name(self, slot: int) -> str:
        """As an error names it: `block.3 (transformer.h.3)`."""
        return f"block.{slot} ({self.path}.{slot})" if self.path else f"block.{slot}"


def find_blocks(model: nn.Module, num_slots: int, path: str) -> Blocks:
    """The `ModuleList` or `Sequential` of `num_slots` blocks.

    Args:
        model: as the loop calls it; wrappers that hold the real one in `.module` are looked through.
        num_slots: its length.
        path: where it is, if it cannot be found by that.

    Raises:
        SlotdeckError: there is none, there are several (each is named), its length is another, blocks share
            parameters with each other or with the rest, or the model is wrapped in a way that hides its blocks.
    """
    if not isinstance(model, nn.Module):
        raise SlotdeckError(f"bind: the model is a {type(model).__name__}", "give a torch.nn.Module")
    if isinstance(model, nn.DataParallel):
        raise SlotdeckError(
            "bind: DataParallel copies the model at each call, and copies have no slots",
            "use DistributedDataParallel, or bind the model on one device",
        )
    inner = unwrapped(model)
    where, found = (path, _at(inner, path)) if path else _by_length(inner, num_slots)
    if len(found) != num_slots:
        raise SlotdeckError(
            f"bind: {where} has {len(found)} blocks, and num_slots is {num_slots}",
            f"give num_slots={len(found)}",
        )
    blocks = Blocks(where, tuple(found))
    _check_whole_compiled(model, found)
    _check_partition(inner, blocks)
    return blocks


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DDP and the like, which hold it in `.module`, and inside `torch.compile`."""
    while True:
        children = dict(model.named_children())
        if list(children) not in (["module"], ["_orig_mod"]):
            return model
        (model,) = children.values()


def _at(model: nn.Module, path: str) -> nn.ModuleList | nn.Sequential:
    try:
        found = model.get_submodule(path)
    except AttributeError:
        there = [name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
        raise SlotdeckError(
            f"bind: no {path!r} in {type(model).__name__}{nearest(path, there)}",
            f"give blocks as one of: {', '.join(there)}" if there else "give the path of a ModuleList",
        ) from None
    if not isinstance(found, nn.ModuleList | nn.Sequential):
        raise SlotdeckError(
            f"bind: {path} is a {type(found).__name__}, not a list of blocks",
            "give the path of a ModuleList or Sequential",
        )
    return found


def _by_length(model: nn.Module, num_slots: int) -> tuple[str, nn.ModuleList | nn.Sequential]:
    """The list of that length whose blocks are all of a kind; one inside another does not count."""
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and any(True for _ in module.parameters())
    ]
    fitting = [(name, module) for name, module in lists if len(module) == num_slots]
    alike = [(n, m) for n, m in fitting if len({type(block) for block in m}) == 1] or fitting
    candidates = [(n, m) for n, m in alike if not any(o != m and m in o.modules() for _, o in alike)]
    if len(candidates) == 1:
        return candidates[0]
    kind = type(model).__name__
    if candidates:
        names = ", ".join(name or kind for name, _ in candidates)
        raise SlotdeckError(
            f"bind: {kind} has more than one list of {num_slots} blocks: {names}",
            f"name one in config, as blocks={candidates[0][0]!r}",
        )
    of_a_kind = [(n, m) for n, m in lists if len(m) > 1 and len({type(block) for block in m}) == 1]
    if not of_a_kind:
        raise SlotdeckError(
            f"bind: {kind} has no ModuleList or Sequential of blocks",
            "slots are repeated blocks; keep them in a ModuleList",
        )
    there = ", ".join(f"{name or kind} ({len(module)})" for name, module in of_a_kind[:5])
    raise SlotdeckError(
        f"bind: {kind} has no list of {num_slots} blocks; it has {there}", "give num_slots to match"
    )


def _check_whole_compiled(model: nn.Module, found: nn.Module) -> None:
    """A plan is carried out in Python between the blocks, where a compiled whole has no Python left."""
    compiled = [m for m in model.modules() if m._compiled_call_impl is not None or "_orig_mod" in m._modules]
    if any(found in m.modules() for m in compiled):
        raise SlotdeckError(
            "bind: the model is compiled as a whole, and a plan works between its blocks",
            "compile each block instead, `for block in blocks: block.compile()`",
        )


def _check_partition(model: nn.Module, blocks: Blocks) -> None:
    owner: dict[int, int] = {}
    for slot, module in enumerate(blocks.modules):
        for p in module.parameters():
            if owner.setdefault(id(p), slot) != slot:
                raise SlotdeckError(
                    f"bind: {blocks.name(slot)} and {blocks.name(owner[id(p)])} share a parameter",
                    "slots must not share any; bind a model whose blocks have their own",
                )
    in_blocks = {id(m) for block in blocks.modules for m in block.modules()}
    for name, module in model.named_modules():
        if id(module) in in_blocks:
            continue
        for own, p in module.named_parameters(recurse=False):
            if id(p) in owner:
                raise SlotdeckError(
                    f"bind: {blocks.name(owner[id(p)])} shares {f'{name}.{own}'.lstrip('.')} with the rest",
                    "slots must not share any; bind a model whose blocks have their own",
                )
