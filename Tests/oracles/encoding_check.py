#!/usr/bin/env python3
"""Compares `qamw tokenize` with PyPI's tokenizers: ids and decoded texts, on random strings and on a long text, and its speed.

    encoding_check.py QAMW_BINARY TESTDATA_DIR

Vocabularies: the tokenizers of TESTDATA_DIR, wikilm-tiny's, and the ggml-vocab-*.gguf files of the folder in the variable GGUF_VOCABULARIES,
where it is set: these are read from GGUF's keys here, and by the peer from the tokenizer.json that they are converted to; the ids that lie
beside them count, too. STRINGS is the number of random strings for each (default 2000), MEGABYTES the length of the long text (default 1).
Less than SPEED MB/s of processor time fails (default 5; 0 measures only).
"""

import math
import os
import random
import resource
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
import gguf
from tokenizers import Regex, Tokenizer, pre_tokenizers

import oracle
from tokenizers_check import TEXTS, Keys, known_encodings

STRINGS = int(os.environ.get("STRINGS", "2000"))
MEGABYTES = float(os.environ.get("MEGABYTES", "1"))
SPEED = float(os.environ.get("SPEED", "5"))

# The width of the model that vocabularies get.
WIDTH = 8

# Scripts with rules of their own, and characters that expressions and normalizers treat in special ways.
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0x30, 0x39), (0x09, 0x0D), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
          (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2100, 0x218F), (0x2460, 0x24FF), (0x3000, 0x30FF),
          (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0xFE00, 0xFFEF), (0x10000, 0x10FFFF), (0x1F300, 0x1FAFF), (0x20000, 0x2FA1F)]
PIECES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "'s", "'S", "'LL", "'ve", "\u2019s", "'\u017f", "123", "1234567", "\u00b2", "\u0661\u0662", "\u2581", " \u2581",
          "\u0301", "\u200d", "\ufe0f", "\u00a0", "\u0085", "\u2028", "\u3000", "the", " the", " of", "ing", "tion", "HTTP", "ClassName", "a_b", "()", "{\n", "};", "//", "...",
          "\u4f60\u597d", "\uc548\ub155", "\u3053\u3093", "\u0438\u0301", "\U0001f468\u200d\U0001f469", "<|im_start|>", "<s>", "</s>", "<tool>", "<0x0A>", "\U0010ffff", "\u0378"]


def assigned_later():
    """Code points that the peer's Unicode version lacks, except those that newer ones leave unassigned for good."""
    characters = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    split = pre_tokenizers.Split(Regex(r"\p{Cn}"), "removed", invert=True)
    lacking = {ord(c) for text, _ in split.pre_tokenize_str(characters) for c in text}
    # U+0295 has another category since Unicode 17.
    return (lacking | {0x295}) - {0x378, 0x10FFFF}


def random_strings(count, later):
    generator = random.Random(18)
    strings = []
    while len(strings) < count:
        parts = []
        for _ in range(generator.choice((1, 2, 3, 5, 8, 13, 40))):
            if generator.random() < 0.4:
                parts.append(generator.choice(PIECES))
                continue
            low, high = generator.choice(RANGES)
            word = [generator.randint(low, high) for _ in range(generator.choice((1, 1, 2, 3, 6)))]
            parts.append("".join(chr(c) for c in word if not 0xD800 <= c < 0xE000 and c not in later))
        text = "".join(parts)
        if text:
            strings.append(text)
    return strings


def long_text(testdata):
    """Prose, code and tables of this repository, and lines of many scripts."""
    root, parts = os.path.join(testdata, ".."), []
    for folder in ("docs", "spec", "Sources", "Tests/oracles", "."):
        for path, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(f for f in folders if not f.startswith(".")) if folder != "." else []
            parts += [oracle.read_file(os.path.join(path, n)).decode("utf-8", "ignore") for n in sorted(names) if n.endswith((".md", ".swift", ".py", ".c"))]
    text = "".join(parts) + "\n".join(TEXTS[:-1]).replace("\0", "")
    size = int(MEGABYTES * 1e6)
    data = (text * (1 + size // len(text.encode()))).encode()[:size]
    return data.decode("utf-8", "ignore")


def tokenize(command, model, data, *options):
    """The output of the command, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run([command.path, "tokenize", model, "--text", "-", "--quiet", *options], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not command.tally.check(result.returncode == 0, f"tokenize {model}: status {result.returncode}: {result.stderr.decode()[-500:]}"):
        return None, 0
    return result.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same(command, model, encodings, tally, what, *options):
    """Texts with their ids, all in one run."""
    encodings = [(text, ids) for text, ids in encodings if text and "\0" not in text]
    output, _ = tokenize(command, model, b"".join(text.encode() + b"\0" for text, _ in encodings), "--null", *options)
    lines = output.decode().split("\n")[:-1] if output is not None else []
    tally.check(len(lines) == len(encodings), f"{what}: {len(lines)} lines for {len(encodings)} texts")
    for (text, ids), line in zip(encodings, lines):
        tally.check(line == " ".join(map(str, ids)), f"{what}: {text[:40]!r} becomes {line[:80]}, not {ids[:20]}")


def compare(command, model, peer, strings, long, tally, name):
    wanted = [peer.encode(text, add_special_tokens=False).ids for text in strings]
    output, _ = tokenize(command, model, b"".join(t.encode() + b"\0" for t in strings), "--null")
    if output is None:
        return
    lines = output.decode().split("\n")[:-1]
    tally.check(len(lines) == len(strings), f"{name}: {len(lines)} lines for {len(strings)} texts")
    wrong = [(t, [int(w) for w in line.split()], ids) for t, line, ids in zip(strings, lines, wanted) if line != " ".join(map(str, ids))]
    for text, actual, ids in wrong[:5]:
        print(f"  {name}: {text[:60]!r} becomes {actual[:24]}, not {ids[:24]}")
    tally.check(not wrong, f"{name}: {len(wrong)} of {len(strings)} texts are encoded otherwise")

    output, _ = tokenize(command, model, "".join(" ".join(map(str, ids)) + "\n" for ids in wanted).encode(), "--null", "--decode", "--special")
    if output is not None:
        texts = output.decode().split("\0")[:-1]
        wrong = [(ids, a, b) for ids, a in zip(wanted, texts) if a != (b := peer.decode(ids, skip_special_tokens=False))]
        for ids, actual, expected in wrong[:5]:
            print(f"  {name}: {ids[:24]} means {actual[:60]!r}, not {expected[:60]!r}")
        tally.check(len(texts) == len(wanted) and not wrong, f"{name}: {len(wrong)} of {len(wanted)} lists of ids are decoded otherwise")

    same(command, model, [(text, peer.encode(text).ids) for text in TEXTS], tally, f"{name}, with special tokens", "--special")

    _, idle = tokenize(command, model, b"x")
    output, seconds = tokenize(command, model, long.encode())
    if output is not None:
        expected = peer.encode(long, add_special_tokens=False).ids
        tally.check(output.decode().split() == [str(i) for i in expected], f"{name}: the long text is encoded otherwise")
        speed = len(long.encode()) / 1e6 / max(1e-6, seconds - idle)
        print(f"{name}: {len(strings)} strings; {len(expected)} tokens at {speed:.1f} MB/s; opening {idle:.2f} s", flush=True)
        tally.check(speed >= SPEED, f"{name}: {speed:.1f} MB/s")


def add_tensors(path, vocabulary):
    """Makes a GGUF that has keys only a llama of one layer: zeros, of types that take few bytes."""
    data = bytearray(oracle.read_file(path))
    fields = gguf.GGUFReader(path).fields.values()
    end = max(field.offset + sum(part.nbytes for part in field.parts) for field in fields)
    square, shapes = [WIDTH, WIDTH], {"token_embd.weight": [WIDTH, vocabulary], "output_norm.weight": [WIDTH]}
    shapes |= {f"blk.0.{name}.weight": [WIDTH] for name in ("attn_norm", "ffn_norm")}
    shapes |= {f"blk.0.{name}.weight": square for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    infos, offset = b"", 0
    for name, shape in shapes.items():
        infos += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}QIQ", *shape, 0, offset)
        offset += -(-4 * math.prod(shape) // 32) * 32
    data[8:16] = struct.pack("<Q", len(shapes))
    content = bytes(data[:end]) + infos
    oracle.write_file(path, content + bytes(-len(content) % 32 + offset))


def check_vocabulary(command, path, strings, long, scratch, tally):
    name, keys = os.path.basename(path), Keys(path)
    if keys["model"] not in ("gpt2", "llama", "gemma4"):
        return
    if os.path.exists(path + ".out"):
        same(command, path, known_encodings(path), tally, f"{name}, beside the vocabulary")
    folder, model = os.path.join(scratch, "vocabulary"), os.path.join(scratch, "vocabulary.gguf")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    shutil.copy(path, model)
    settings = [f"--set=llama.{key}=u32:{WIDTH}" for key in (
        "context_length", "embedding_length", "feed_forward_length", "rope.dimension_count", "attention.key_length", "attention.value_length")]
    settings += [f"--set=llama.{key}=u32:1" for key in ("block_count", "attention.head_count", "attention.head_count_kv")]
    if not command.run("metadata", model, "--set=general.architecture=string:llama", "--set=llama.attention.layer_norm_rms_epsilon=f32:1e-6",
                       f"--set=llama.vocab_size=u32:{len(keys['tokens'])}", *settings):
        return
    add_tensors(model, len(keys["tokens"]))
    if command.run("convert", model, folder + "/", "--to", "safetensors", "--force", "--quiet"):
        compare(command, path, Tokenizer.from_file(os.path.join(folder, "tokenizer.json")), strings, long, tally, name)


def check(command, testdata, scratch, tally):
    strings, long = random_strings(STRINGS, assigned_later()), long_text(testdata)
    fixtures = os.path.join(testdata, "tokenizers")
    for folder in [os.path.join(fixtures, name) for name in sorted(os.listdir(fixtures))] + [os.path.join(testdata, "wikilm-tiny")]:
        peer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        compare(command, folder, peer, strings, long, tally, os.path.basename(folder))
    vocabularies = os.environ.get("GGUF_VOCABULARIES")
    for name in sorted(os.listdir(vocabularies)) if vocabularies else []:
        if name.endswith(".gguf"):
            check_vocabulary(command, os.path.join(vocabularies, name), strings, long, scratch, tally)


if __name__ == "__main__":
    sys.exit(oracle.main(check, "encoding_check.py"))
