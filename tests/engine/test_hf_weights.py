"""GPT-2's weights in and out, held against `transformers`: the same logits, the same text, the same bits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from engine_run import EngineRun
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner

from engine.data.loader import Loader, ValidationSet
from engine.data.prepare import prepare
from engine.data.shards import Shards
from engine.errors import SlotdeckError
from engine.evaluate import sample
from engine.models import build_model, hf_config
from engine.models.decoder import Decoder
from engine.models.hf import hf_tensors, load_weights
from engine.profile.schema import Model
from engine.protocol.events import Evaluated, LogLine, StepReport
from engine.shrink.choose import choose
from engine.shrink.export import export
from engine.tokenizer import bpe
from engine.train.build import build_parts
from engine.train.origin import begin_with
from engine.train.resume import load_past
from slotdeck.cli import app

transformers = pytest.importorskip("transformers", reason="the hf extra is not installed")

SIZES = {"n_layer": 3, "n_head": 4, "n_embd": 32}
SETS = [f"model.{key}={value}" for key, value in SIZES.items()]
GPT2_TOKENIZER = Path(__file__).parents[3] / "shared" / "data" / "gpt2-tokenizer"
LENGTH, VOCAB = 128, 90
"""90 ids are padded to 128 rows."""
TOLERANCE = 1e-5
"""On logits of size 10, fp32."""


def their_model(vocab_size: int = VOCAB, seed: int = 1) -> transformers.GPT2LMHeadModel:
    """A random GPT-2 whose every weight and bias matters."""
    config = transformers.GPT2Config(
        **SIZES, n_positions=LENGTH, vocab_size=vocab_size, bos_token_id=None, eos_token_id=None
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    shake(model, seed)
    return model


def our_model(**settings: object) -> Decoder:
    """The same sizes, random too."""
    config = Model(**{**SIZES, "seq_len": LENGTH, **settings})  # type: ignore[arg-type]
    model = build_model(config, VOCAB)
    assert isinstance(model, Decoder)
    model.init_weights(torch.Generator().manual_seed(2))
    shake(model, seed=3)
    return model


@torch.no_grad()
def shake(model: torch.nn.Module, seed: int) -> None:
    """Noise on every parameter; more on the positions, so that a greedy text does not only repeat itself."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        std = 1.0 if "wpe" in name else 0.15
        parameter.add_(torch.empty_like(parameter).normal_(0, std, generator=generator))


def write_folder(model: Decoder, folder: Path) -> Path:
    """Our model as the export lays it out."""
    folder.mkdir()
    save_file(hf_tensors(model, torch.float32), folder / "model.safetensors", {"format": "pt"})
    sizes = {**SIZES, "n_layer": len(model.blocks)}
    text = hf_config.to_json(**sizes, n_positions=LENGTH, vocab_size=VOCAB, eot_id=None, dtype="float32")
    (folder / "config.json").write_bytes(text)
    return folder


def loaded(folder: Path) -> transformers.GPT2LMHeadModel:
    return transformers.GPT2LMHeadModel.from_pretrained(folder).eval()


@torch.no_grad()
def logits_differ_by(ours: Decoder, theirs: transformers.GPT2LMHeadModel) -> float:
    ids = torch.randint(0, ours.vocab_size, (3, 40), generator=torch.Generator().manual_seed(4))
    here = torch.stack([ours.next_logits(ids[:, :n]) for n in (1, 17, 40)])
    there = theirs(ids).logits[:, [0, 16, 39]].transpose(0, 1)
    assert here.shape == there.shape, "both score the real vocabulary only"
    return float((here - there).abs().max())


def same_text(ours: Decoder, theirs: transformers.GPT2LMHeadModel, n: int = 60) -> bool:
    prompt = [5, 17, 3]
    here = sample(ours, prompt, n, 0.0, 0, torch.Generator())
    ids = torch.tensor([prompt])
    theirs.generation_config.eos_token_id = None  # end-of-text is a token like any other here
    there = theirs.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, do_sample=False, pad_token_id=0
    )
    assert len(set(here)) > 4, "a text that only repeats itself proves little"
    return here == there[0, len(prompt) :].tolist()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `transformers` saves it."""
    folder = tmp_path_factory.mktemp("hf") / "gpt2"
    their_model().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(source: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(source, tmp_path / "weights"))


# -- theirs into ours ------------------------------------------------------------------------------------


def without_prefix(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    bare["h.0.attn.bias"] = torch.ones(1, 1, LENGTH, LENGTH).tril()
    save_file(bare, folder / "model.safetensors")


def with_head(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
    save_file(tensors, folder / "model.safetensors")


def in_shards(folder: Path) -> None:
    model = loaded(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="40KB")
    assert (folder / "model.safetensors.index.json").is_file()


@pytest.mark.parametrize("change", [None, without_prefix, with_head, in_shards])
def test_a_saved_gpt2_gives_the_same_logits_and_the_same_text(
    folder: Path, source: Path, change: Callable[[Path], None] | None
) -> None:
    if change:
        change(folder)
    ours = our_model()
    assert load_weights(ours, folder) == "3 blocks, vocabulary 90, 38 rows of padding at their mean"
    theirs = loaded(source)
    assert logits_differ_by(ours, theirs) < TOLERANCE
    assert same_text(ours, theirs)


def test_a_padded_row_can_never_win(folder: Path) -> None:
    ours = our_model()
    load_weights(ours, folder)
    hidden = torch.randn(500, 32, generator=torch.Generator().manual_seed(5)) * 10
    logits = hidden @ ours.head_weight().T
    assert (logits[:, VOCAB:] < logits[:, :VOCAB].max(dim=1, keepdim=True).values).all()


def test_in_and_out_again_is_the_same_bits(folder: Path) -> None:
    ours = our_model()
    load_weights(ours, folder)
    before, after = load_file(folder / "model.safetensors"), hf_tensors(ours, torch.float32)
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)


def test_a_gpt2_in_bf16_is_taken_as_it_is(folder: Path) -> None:
    rounded = {name: tensor.bfloat16() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(rounded, folder / "model.safetensors")
    ours = our_model()
    load_weights(ours, folder)
    assert all(rounded[name].equal(tensor) for name, tensor in hf_tensors(ours, torch.bfloat16).items())


# -- ours into theirs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"bias": False}, {"gates": True}, {"n_layer": 2}])
def test_our_model_gives_the_same_logits_and_text_there(settings: dict[str, object], tmp_path: Path) -> None:
    ours = our_model(**settings).eval()
    theirs = loaded(write_folder(ours, tmp_path / "out"))
    assert logits_differ_by(ours, theirs) < TOLERANCE
    assert same_text(ours, theirs)


def test_a_model_without_biases_comes_back_without_and_takes_no_others(tmp_path: Path, source: Path) -> None:
    ours = our_model(bias=False)
    again = our_model(bias=False, dropout=0.1)
    load_weights(again, write_folder(ours, tmp_path / "out"))
    assert all(p[:VOCAB].equal(q[:VOCAB]) for p, q in zip(ours.parameters(), again.parameters(), strict=True))
    with pytest.raises(SlotdeckError, match=r"h\.\{0-2\}\.ln_1\.bias is not zero.*; set model\.bias=true$"):
        load_weights(again, source)


# -- a run between them ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary of whole tiles, so that there is no padding and losses can be compared to the last digit."""
    folder = tmp_path_factory.mktemp("tokens")
    texts = folder / "texts"
    texts.mkdir()
    for number, path in enumerate(sorted(Path(__file__).parents[2].glob("engine/*/[a-z]*.py"))[:20]):
        (texts / f"{number}.txt").write_bytes(path.read_bytes())
    prepare([texts], folder / "tokens", vocab_size=320, val_share=0.3, workers=1)
    return folder / "tokens"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, tokens: Path) -> tuple[EngineRun, Path]:
    """A run of two steps that began with a GPT-2 of theirs, and that folder."""
    root = tmp_path_factory.mktemp("begun")
    their_model(320, seed=6).save_pretrained(root / "gpt2")
    shutil.copy(tokens / "tokenizer.json", root / "gpt2")
    sets = ["model.seq_len=128", f"model.init_from={root / 'gpt2'}", "train.steps=2", "optim.warmup_steps=1"]
    run = EngineRun(root / "runs", tokens, *SETS, *sets, "data.seq_len=32", "slots.policy=all")
    assert run.run() == (0, "")
    return run, root / "gpt2"


@torch.no_grad()
def their_loss(model: transformers.GPT2LMHeadModel, x_BT: Tensor, y_BT: Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(model(x_BT).logits.flatten(0, 1), y_BT.flatten()))


def test_a_run_begins_at_the_loss_that_transformers_gives(
    begun: tuple[EngineRun, Path], tokens: Path
) -> None:
    run, folder = begun
    theirs = loaded(folder)
    (line,) = [e.text for e in run.of(LogLine) if "begun with" in e.text]
    assert line.endswith(": 3 blocks, vocabulary 320; its tokenizer is the data's")
    batches = ValidationSet(Shards.open(tokens, "val"), 32, 1024, 4, vocab_size=320)
    losses = [(their_loss(theirs, x, y), y.numel()) for x, y in batches]
    whole = sum(loss * n for loss, n in losses) / sum(n for _, n in losses)
    assert run.of(Evaluated)[0].loss == pytest.approx(whole, abs=1e-5)
    first = Loader(Shards.open(tokens, "train"), 32, 4, 1, vocab_size=320).next()
    assert run.of(StepReport)[0].loss == pytest.approx(their_loss(theirs, *first), abs=1e-5)


def test_an_exported_run_gives_the_same_logits_text_and_ids_there(
    begun: tuple[EngineRun, Path], tmp_path: Path, tokens: Path
) -> None:
    run, _ = begun
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["export", str(run.dir), "--to", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{out}: 3 blocks" in done.stdout
    ours, theirs = choose(run.dir).model, loaded(out)
    assert logits_differ_by(ours, theirs) < TOLERANCE
    assert same_text(ours, theirs)
    text = "def f(x):\n    return 'é' * x"
    ids = transformers.AutoTokenizer.from_pretrained(out)(text)["input_ids"]
    assert ids == bpe.load(tokens / "tokenizer.json").encode(text)
    story = json.loads((out / "slotdeck.json").read_text())
    assert (story["run"], story["checkpoint"], story["step"]) == (run.dir.name, "step-00000002", 2)
    again = our_model(vocab_size=320)
    again.vocab_size = 320
    load_weights(again, out)
    assert all(p.equal(q) for p, q in zip(ours.parameters(), again.parameters(), strict=True))


def test_an_export_replaces_only_an_export_and_only_when_told(
    begun: tuple[EngineRun, Path], tmp_path: Path
) -> None:
    run, _ = begun

    def write(to: Path, **options: object) -> None:
        export(run.dir, to, version="0", now_s=0.0, **options)  # type: ignore[arg-type]

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(SlotdeckError, match=r"mine holds something else than an export; choose another --to"):
        write(tmp_path / "mine", overwrite=True)
    write(tmp_path / "out")
    with pytest.raises(SlotdeckError, match="--overwrite"):
        write(tmp_path / "out")
    write(tmp_path / "out", overwrite=True, dtype="bf16", checkpoint="best")
    assert loaded(tmp_path / "out").dtype == torch.bfloat16
    with pytest.raises(SlotdeckError, match=r"no checkpoint 'step-2'.*use best, a step, or one of: step-"):
        write(tmp_path / "other", checkpoint="step-2")
    with pytest.raises(SlotdeckError, match=r"'fp17' is no choice"):
        write(tmp_path / "other", dtype="fp17")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"], "nothing else is left behind"


def test_a_damaged_checkpoint_is_not_exported(begun: tuple[EngineRun, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(begun[0].dir, tmp_path / "run"))
    weights = copy / "checkpoints" / "step-00000002" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(SlotdeckError, match=r"cannot be used: model\.safetensors has .* bytes"):
        export(copy, tmp_path / "out", version="0", now_s=0.0)
    assert weights.exists(), "a live run may need to look at it itself"
    assert not (tmp_path / "out").exists()


def test_a_resumed_run_does_not_look_at_the_folder_again(
    begun: tuple[EngineRun, Path], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(begun[0].dir, tmp_path / "run"))
    profile = (run / "profile.toml").read_text().replace(str(begun[1]), str(tmp_path / "gone"))
    (run / "profile.toml").write_text(profile.replace("\nsteps = 2\n", "\nsteps = 3\n"))
    parts = build_parts(run)
    assert parts.origin == ""
    assert load_past(run, parts).checkpoint == "step-00000002"
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(SlotdeckError, match="gone does not exist"):
        build_parts(run)


def test_a_run_with_another_vocabulary_than_the_folder_is_refused(
    begun: tuple[EngineRun, Path], tmp_path: Path, token_dir: Path
) -> None:
    run = EngineRun(tmp_path, token_dir, *SETS, "model.seq_len=128", f"model.init_from={begun[1]}")
    with pytest.raises(SlotdeckError, match=rf"its tokenizer is not the one that .*--tokenizer {begun[1]}$"):
        build_parts(run.dir)


@pytest.mark.shared_data
@pytest.mark.skipif(not GPT2_TOKENIZER.is_dir(), reason="needs GPT-2's tokenizer in the shared data")
def test_data_of_gpt2s_own_tokenizer_goes_with_a_folder_of_gpt2(folder: Path, tmp_path: Path) -> None:
    shutil.copy(GPT2_TOKENIZER / "encoder.json", folder / "vocab.json")
    shutil.copy(GPT2_TOKENIZER / "vocab.bpe", folder / "merges.txt")
    (tmp_path / "one.txt").write_text("The cat sat on the mat. " * 20)
    made = prepare([tmp_path / "one.txt"], tmp_path / "tokens", tokenizer=str(GPT2_TOKENIZER), workers=1)
    ours = our_model()
    said = begin_with(ours, str(folder), tmp_path / "run", Shards.open(made.data_dir, "train"))
    assert said.endswith("; its tokenizer is the data's")


# -- folders that do not fit -----------------------------------------------------------------------------


def retold(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def a_tensor_is_missing(folder: Path) -> None:
    retold(folder, lambda t: t.pop("transformer.h.1.mlp.c_fc.weight"))


def three_shapes_are_wrong(folder: Path) -> None:
    wrong = {
        "transformer.h.0.ln_1.weight": torch.ones(31),
        "transformer.h.2.ln_1.weight": torch.ones(31),
        "transformer.wpe.weight": torch.ones(64, 32),
    }
    retold(folder, lambda t: t.update(wrong))


def a_tensor_too_many(folder: Path) -> None:
    retold(folder, lambda t: t.update({"score.weight": torch.ones(2, 32)}))


def whole_numbers(folder: Path) -> None:
    retold(folder, lambda t: t.update({"transformer.ln_f.bias": torch.ones(32, dtype=torch.int64)}))


def a_head_of_its_own(folder: Path) -> None:
    retold(folder, lambda t: t.update({"lm_head.weight": torch.ones(VOCAB, 32)}))


def reset(folder: Path, **keys: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def another_activation(folder: Path) -> None:
    reset(folder, activation_function="relu", scale_attn_by_inverse_layer_idx=True)


def other_sizes(folder: Path) -> None:
    reset(folder, n_layer=2, n_positions=64, vocab_size=80)


def words_for_numbers(folder: Path) -> None:
    reset(folder, n_layer="three")


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def a_shard_is_lost(folder: Path) -> None:
    in_shards(folder)
    next(folder.glob("*-00002-*")).unlink()


def a_shard_elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    text = json.dumps({"weight_map": {"transformer.wte.weight": "../other.safetensors"}})
    (folder / "model.safetensors.index.json").write_text(text)


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def not_there(folder: Path) -> None:
    shutil.rmtree(folder)


BAD = {
    a_tensor_is_missing: r"1 tensor differs: h\.1\.mlp\.c_fc\.weight is missing; copy",
    three_shapes_are_wrong: r"3 tensors differ: wpe\.weight is 64x32, not 128x32; "
    r"h\.\{0,2\}\.ln_1\.weight is 31, not 32; copy",
    a_tensor_too_many: r"score\.weight is nothing that the model has; copy",
    whole_numbers: r"ln_f\.bias is I64, not floating point; copy",
    a_head_of_its_own: r"lm_head\.weight is not wte, and the decoder's head is; copy",
    another_activation: r"activation_function = relu \(only gelu_new\), "
    r"scale_attn_by_inverse_layer_idx = true \(only false\); take",
    other_sizes: r"n_layer is 2 there and 3 here, n_positions is 64 there and 128 here, vocab_size is 80 there and "
    r"the data has 90 ids; set model\.n_layer=2 model\.seq_len=64, and prepare",
    words_for_numbers: r"config\.json cannot be read: Expected `int`, got `str` - at `\$\.n_layer`; copy",
    cut_short: r"model\.safetensors is damaged, cut short or not safetensors: .+; copy",
    pickle_only: r"has pytorch_model\.bin but no model\.safetensors: that is pickle.*; if you trust it: slotdeck",
    a_shard_is_lost: r"lacks model-00002-of-.*, which its index names; copy",
    a_shard_elsewhere: r"names a file outside its folder: \.\./other\.safetensors; copy",
    no_config: r"has no config\.json; copy it there",
    not_there: r"does not exist; name a folder with config\.json",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_folder_that_does_not_fit_is_refused_whole(spoil: Callable[[Path], None], folder: Path) -> None:
    spoil(folder)
    ours = our_model()
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    with pytest.raises(SlotdeckError, match=BAD[spoil]) as caught:
        load_weights(ours, folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(before[name].equal(tensor) for name, tensor in ours.state_dict().items())
