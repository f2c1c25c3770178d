"""Converts tiny models of every architecture to GGUF, runs them in llama.cpp, and compares all logits with those of a reference\
forward pass; then converts them back and compares every byte.

    check.py QAMW LOGITS
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "Tests" / "oracles"))
import architecture_models as models
import forward
from architectures_check import tensors

# ggml computes gelu by a float16 lookup table.
TOLERANCE = {"gemma2": 5e-3, "gemma3": 5e-3}
TOKENS = [1, 5, 92, 33, 33, 7, 0, 64, 21, 80, 11, 12, 13, 95, 2, 50, 41, 41, 8, 77]


def run(*arguments) -> subprocess.CompletedProcess:
    result = subprocess.run([str(a) for a in arguments], capture_output=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: {result.returncode}\n{result.stderr.decode()}")
    return result


def main(qamw: str, program: str):
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for seed, (name, config) in enumerate(models.configurations().items()):
            folder, gguf, back = Path(scratch) / name, Path(scratch) / f"{name}.gguf", Path(scratch) / f"{name}-back"
            weights = models.tensors(config, seed)
            models.write(folder, config, weights)
            run(qamw, "convert", folder, gguf, "--names", "gguf", "--dtype", "f32", "--quiet")
            outcome = run(program, gguf, *TOKENS)
            found = np.frombuffer(outcome.stdout, "<f4").reshape(len(TOKENS), -1)
            wanted = forward.logits(config, weights, TOKENS)
            error = np.abs(found - wanted).max() / np.abs(wanted).max()
            # Casts are not reversible, so the reverse conversion starts from the uncast file.
            run(qamw, "convert", folder, gguf, "--force", "--quiet")
            run(qamw, "convert", gguf, f"{back}/", "--names", "hf", "--to", "safetensors", "--quiet")
            equal = tensors(folder) == tensors(back)
            rebuilt = json.loads((back / "config.json").read_text())
            lost = {key: (value, rebuilt.get(key)) for key, value in config.items() if rebuilt.get(key) != value and key not in DIFFERENT_BY_DESIGN}
            complaints = [line for line in outcome.stderr.decode().splitlines() if line.strip(".") and not any(known in line for known in KNOWN_COMPLAINTS)]
            good = error < TOLERANCE.get(name, 1e-4) and equal and not lost and not complaints
            failures += not good
            print(f"{name:12} logits within {error:.1e} of the largest; back: {'equal' if equal else 'DIFFERENT'}; {'ok' if good else 'FAILED'}")
            for line in complaints:
                print(f"    llama.cpp: {line}")
            for key, (before, after) in lost.items():
                print(f"    config.json: {key} was {before}, is {after}")
    sys.exit(1 if failures else 0)


# transformers treats the two as the same.
DIFFERENT_BY_DESIGN = {"hidden_act"}
# There is no tokenizer, the short context is intended, and dots are progress.
KNOWN_COMPLAINTS = ["dummy tokens", "n_ctx_seq", "full-size SWA cache"]


if __name__ == "__main__":
    main(*sys.argv[1:])
