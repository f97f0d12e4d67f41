"""YAML: of an official config.yaml beside a checkpoint, of a training's configuration, and of --set."""

from __future__ import annotations

from pathlib import Path
from random import Random

from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.errors import LamaDeployError
from lama_deploy.training.config import TrainConfig, override, read_config
from tests.hostile.families._archives import check_same, shared

TIME_BOUND = 60.0
MEMORY_BUDGET = 400 << 20
GOOD = """\
generator: {kind: ffc_resnet, n_blocks: 1, add_out_act: sigmoid, resnet_conv_kwargs: {ratio_gin: &ratio 0.75}}
lama_deploy:
  generator: {width: 4, downsamplings: 1, blocks: 1, ratio: *ratio}
  losses: paper
  data: {crop: 64, batch_size: 2, masks: train, shares: {photos: 1, textures: 2}}
  optimizer: {generator_lr: 1.0e-3, ema: null}
  steps: 10
  channels_last: yes
"""


def bomb(levels: int, width: int, opened: str = "[", closed: str = "]") -> str:
    """Each level is an alias of the one before, `width` times: width^levels values."""
    lines = ["steps: 1", f"a0: &a0 {opened}{', '.join(['x'] * width) if opened == '[' else 'k: x'}{closed}"]
    for level in range(1, levels):
        below = f"*a{level - 1}"
        inside = ", ".join([below] * width) if opened == "[" else ", ".join(f"k{i}: {below}" for i in range(width))
        lines.append(f"a{level}: &a{level} {opened}{inside}{closed}")
    return "\n".join([*lines, f"data: {{crop: *a{levels - 1}}}"])


def with_value(path: str, value: str) -> str:
    """A configuration with one value, by its dotted name."""
    *sections, name = path.split(".")
    return "".join(f"{'  ' * i}{s}:\n" for i, s in enumerate(sections)) + "  " * len(sections) + f"{name}: {value}\n"


VALUES = [
    *[("generator.blocks", value) for value in ("1000000000", "true", "2.5")],
    *[("generator.downsamplings", "10000000000"), ("generator.width", "1e12"), ("generator.ratio", ".nan")],
    *[("generator.kind", "[]"), ("discriminator.layers", "1000000000"), ("discriminator.width", "1000000000000")],
    *[("data.crop", "8000000000"), ("data.batch_size", "1e400"), ("data.workers", "1000000000"), ("steps", "true")],
    *[("seed", "-1"), ("seed", "99999999999999999999999"), ("data.shares", "{a: -1}"), ("data.shares", "{a: .nan}")],
]
TEXTS: dict[str, str | bytes] = {
    "good": GOOD,
    "nothing": "",
    "only a comment": "# nothing",
    "text": "steps",
    "list": "[1, 2]",
    "aliases of 10^9 values": bomb(9, 10),
    "aliases of 2^60 values": bomb(60, 2),
    "aliases of mappings": bomb(20, 4, "{", "}"),
    "aliases of 40 levels": bomb(40, 1),
    "alias of itself": "steps: &a [*a]",
    "alias of what is not there": "steps: *a",
    "merged again and again": "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "merged text": "<<: text\nsteps: 1",
    "levels": "[" * 5000,
    "levels closed": "{a: " * 500 + "1" + "}" * 500,
    "blocks in blocks": "".join(" " * i + "a:\n" for i in range(200)),
    "a megabyte": "steps: 1 #" + "x" * 1_000_000,
    "many values": "steps: [" + "1, " * 9000 + "1]",
    "many keys": "".join(f"k{i}: 1\n" for i in range(9000)),
    "numbers that collide": "".join(f"{i * ((1 << 61) - 1)}: 1\n" for i in range(1, 3500)),
    "tag of Python": "!!python/object/apply:os.system ['touch sentinel']",
    "tag of Python's names": "steps: !!python/name:os.system ''",
    "tag of one's own": "steps: !mine 3",
    "tag of a binary": "steps: !!binary aGVsbG8=",
    "tag of a set": "data: !!set {crop}",
    "tag of pairs": "data: !!omap [crop: 1]",
    "tag of a long name": "steps: !" + "x" * 5000 + " 1",
    "integer that is none": "steps: !!int x",
    "integer without digits": 'steps: !!int ""',
    "integer of a list": "steps: !!int [1]",
    "truth that is none": "channels_last: !!bool maybe",
    "number that is none": "steps: !!float x",
    "date": "steps: 2026-01-01",
    "date that is none": "steps: 2026-99-99",
    "time that is none": "steps: 2026-01-01T99:99:99Z",
    "5,000 digits": "steps: " + "9" * 5000,
    "5,000 digits of 60": "steps: 1" + ":59" * 2000,
    "5,000 digits in hex": "steps: 0x" + "f" * 5000,
    "exponent": "steps: 1.0e+999999999",
    "not a number": "optimizer: {generator_lr: .nan}",
    "infinity": "data: {mask_scale: .inf}",
    "tab": "steps: 3\n\tdata: 4\n",
    "colons": "a: b: c",
    "not closed": "data: {crop: 64",
    "quote not closed": 'steps: "',
    "two documents": "steps: 1\n---\nsteps: 2\n",
    "name twice": "steps: 1\nsteps: 2\n",
    "name twice, deeper": "data:\n  crop: 64\n  crop: 128\n",
    "list as a name": "? [1, 2]\n: 3\n",
    "mapping as a name": "? {a: 1}\n: 3\n",
    "nothing as a name": "null: 3\n",
    "number as a name": "data: {1: 2}",
    "directive": "%YAML 9.9\n---\nsteps: 1\n",
    "UTF-16": "steps: 1".encode("utf-16"),
    "Latin-1": "# ä\nsteps: 1".encode("latin-1"),
    "half a character": b"steps: \xed\xa0\x80",
    "zero bytes": b"steps: \0",
    "control characters": "steps: \x07\x1b[2J",
    "marks of a byte order": b"\xef\xbb\xbf" + GOOD.encode(),
    "newline in a name": '"ste\\nps": 1',
    "escape in a value": 'losses: "\\e[2J\\n"',
    "half a character in a value": 'losses: "\\ud800"',
    "value of 90,000 characters": f"losses: {'x' * 90_000}",
    "section that is a number": "data: 3",
    "section that is a list": "data: [crop]",
    "run that is a list": "lama_deploy: [1]",
    "run that is nothing": "lama_deploy: null",
    **{f"{name}: {value}": with_value(name, value) for name, value in VALUES},
}  # fmt: skip
CRAFTED = list(TEXTS)
COUNT = len(CRAFTED) + 16
PIECES = [
    *("&a ", "*a", "{", "}", "[", "]", ": ", "\n", "  ", "- ", "? ", "!!int ", "!!map ", "<<: ", "|\n", "'", '"', "#"),
    *("\t", "---\n", "%TAG ! x\n", "1e999", "0b", "0x", "~", "2026-01-01", "\\x00", ".inf", "1:2:3", "=", "@", "\x85"),
]


def prepare(folder: Path) -> Path:
    """A folder with a checkpoint as official training leaves it."""
    found = shared()
    (folder / "models").mkdir()
    (folder / "models" / "best.ckpt").write_bytes(found.whole)
    (folder / "config.yaml").write_text(GOOD)
    check_same(load_checkpoint(folder), found.state)
    assert read_config(folder / "config.yaml").steps == 10
    return folder


def case(trained: Path, folder: Path, seed: int) -> None:
    """Each of the three readers is given it; refused is what one of them refuses."""
    random = Random(seed)
    name = CRAFTED[seed] if seed < len(CRAFTED) else ""
    text = TEXTS[name] if name else damaged(random)
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    assignment = name if tuple(name.split(": ", 1)) in VALUES else content.decode("utf-8", "surrogateescape")
    before = repr(TrainConfig())
    config = trained / "config.yaml"
    config.write_bytes(content)
    refusals = []
    for reader, given in (
        (load_checkpoint, trained),
        (read_config, config),
        (set_to, assignment.replace(": ", "=", 1)),
    ):
        try:
            reader(given)
        except LamaDeployError as error:
            refusals.append(error)
    assert repr(TrainConfig()) == before, "the defaults are others"
    assert not Path("sentinel").exists(), "code ran"
    if refusals:
        raise random.choice(refusals)  # whose message is looked at


def set_to(assignment: str) -> TrainConfig:
    return override(TrainConfig(), [assignment])


def damaged(random: Random) -> str:
    text = GOOD
    for _ in range(random.choice((1, 2, 5, 20))):
        a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
        piece = random.choice((*PIECES, text[a:b], chr(random.randrange(0x300))))
        text = text[:a] + piece + text[a + random.choice((0, 1, len(piece), b - a)) :]
    return text[:20_000]
