"""Compares calibration statistics, output Hessians and continuations of the tiny models in testdata/inference with a NumPy reference forward pass, and token
files with PyPI's tokenizers.

    inference_check.py QAMW TESTDATA
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors.numpy
from tokenizers import Tokenizer

import backward
import forward
from oracle import Command, Tally

CONTEXT = 10
STATISTICS = {
    "mean_square": lambda x: (x * x).mean(0),
    "mean_absolute": lambda x: np.abs(x).mean(0),
    "max_absolute": lambda x: np.abs(x).max(0),
    "second_moment": lambda x: x.T @ x / len(x),
}


def floats(folder: Path) -> dict[str, np.ndarray]:
    """The weights, of any type in the fixtures."""
    data = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    weights = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            if entry["dtype"] == "BF16":
                values = (np.frombuffer(data[start:end], "<u2").astype("<u4") << 16).view("<f4")
            else:
                values = np.frombuffer(data[start:end], {"F32": "<f4", "F16": "<f2"}[entry["dtype"]])
            weights[name] = values.reshape(entry["shape"])
    return weights


def check_calibration(tally, qamw, folder, scratch):
    config, weights = json.loads((folder / "config.json").read_text()), floats(folder)
    tokens = np.fromfile(folder / "tokens.u16", "<u2")
    seen: dict[str, list] = {}
    for window in tokens.reshape(-1, CONTEXT):
        forward.logits(config, weights, window, lambda name, x: seen.setdefault(name, []).append(x))
    stats = scratch / f"{folder.name}.safetensors"
    status, errors = qamw.status(
        "calibrate", str(folder), "--tokens", str(folder / "tokens.u16"), "--context", str(CONTEXT), "-o", str(stats), "--fisher", "--quiet")
    tally.check(status == 0, f"calibrate {folder.name}: {errors}")
    found = safetensors.numpy.load_file(stats)
    groups = {}
    with safetensors.safe_open(stats, "numpy") as file:
        for group in json.loads(file.metadata()["qamw.calibration.inputs"]):
            groups |= {name: group[0] for name in group}
    tied, table = config["tie_word_embeddings"], "model.embed_tokens.weight"
    tables = {table} if tied else {table, "lm_head.weight"}
    tally.check(set(groups) == {f"{name}.weight" for name in seen} | tables, f"{folder.name}: the inputs name every matrix")

    def close(name, wanted, limit):
        value = found.get(name)
        good = value is not None and value.shape == wanted.shape and np.abs(value - wanted).max() <= limit * np.abs(wanted).max()
        tally.check(good, f"{folder.name}: {name}")

    for name, parts in seen.items():
        x = np.concatenate(parts)
        for statistic, plain in STATISTICS.items():
            matrix = f"{name}.weight"
            close(f"{groups.get(matrix) if statistic == 'second_moment' else matrix}.{statistic}", plain(x), 2e-5)
    windows = tokens.reshape(-1, CONTEXT)
    moments, vectors = backward.moments(config, weights, windows, [backward.drawn(window) for window in range(len(windows))])
    for name, wanted in moments.items():
        close(f"{name}.weight.output_moment", wanted, 1e-4)
    # The head reads the last vectors; errors of the embedding cost what the gradients there say.
    for matrix in tables:
        for statistic, plain in STATISTICS.items():
            wanted = plain(vectors["head" if tied or matrix == "lm_head.weight" else "embedding"])
            if tied and statistic in ("mean_square", "second_moment"):
                wanted = wanted + plain(vectors["embedding"])
            close(f"{matrix}.{statistic}", wanted, 1e-4)
        p = vectors["probabilities"]
        close(f"{matrix}.token_weight", (p * (1 - p)).mean(0), 1e-4)


def check_continuation(tally, qamw, folder):
    """Greedy: each token is the most likely one of the reference, up to rounding."""
    config, weights = json.loads((folder / "config.json").read_text()), floats(folder)
    text = np.fromfile(folder / "tokens.u16", "<u2").tolist()
    outcome = subprocess.run(
        [qamw.path, "generate", folder, "--tokens", folder / "tokens.u16", "--count", "12", "--json"], capture_output=True, check=True)
    for token in json.loads(outcome.stdout)["tokens"]:
        logits = forward.logits(config, weights, text)[-1]
        tally.check(logits[token] >= logits.max() - 1e-4 * np.abs(logits).max(), f"{folder.name}: token {len(text)} is {token}")
        text.append(token)


def check_tokens(tally, testdata, scratch):
    """A text is converted to ids and back."""
    program, tokenizer = Path(__file__).parents[2] / "scripts" / "tokens", testdata / "wikilm-tiny"
    text = "The river rose , and with it\nthe price of grain : 12 @,@ 500 crowns . Größe, naïve"
    (scratch / "text.txt").write_text(text)
    ids = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    for name, dtype in (("text.u16", "<u2"), ("text.bin", "<u4")):
        subprocess.run([sys.executable, program, "encode", tokenizer, scratch / "text.txt", scratch / name], check=True)
        tally.check(np.fromfile(scratch / name, dtype).tolist() == ids, f"{name} holds the ids")
        back = subprocess.run([sys.executable, program, "decode", tokenizer, scratch / name], capture_output=True, check=True).stdout
        tally.check(back.decode() == text, f"{name} is the text again, not {back!r}")


def main(path: str, testdata: str) -> int:
    tally = Tally()
    qamw = Command(path, tally)
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("llama", "mistral", "qwen2", "qwen3"):
            folder = Path(testdata) / "inference" / name
            check_calibration(tally, qamw, folder, Path(scratch))
            check_continuation(tally, qamw, folder)
        check_tokens(tally, Path(testdata), Path(scratch))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
