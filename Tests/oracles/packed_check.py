"""Reads whole small models in the layouts of GPTQ, AWQ, bitsandbytes and MLX with the command.

    packed_check.py QAMW TESTDATA

Every weight that `convert` writes must have the bits of the scheme's own implementation (or of its published rule); `eval` of the quantized
and of the dequantized folder must agree in every digit; the GGUF files of both must have the same tensors.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import ml_dtypes  # noqa: F401  (registers bfloat16 for safetensors)
import numpy as np
from packed import awq, bitsandbytes, gptq, mlx
from packed.case import Case
from safetensors.numpy import save_file

QAMW, TESTDATA = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
TOKENIZER = TESTDATA / "tokenizers" / "llama3"


def run(*words: object) -> tuple[str, str]:
    result = subprocess.run([str(QAMW), *map(str, words)], capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"qamw {' '.join(map(str, words))}: status {result.returncode}: {result.stderr}")
    return result.stdout, result.stderr


def write(folder: Path, config: dict, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors", metadata)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (TOKENIZER / name).exists():
            shutil.copy(TOKENIZER / name, folder)


def raw(path: Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Types, shapes and bytes."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return {
        name: (entry["dtype"], entry["shape"], data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]])
        for name, entry in header.items() if name != "__metadata__"
    }


def tensors_of(path: Path) -> dict[str, tuple]:
    return {tensor.name: (tensor.tensor_type, tuple(tensor.shape), tensor.data.tobytes()) for tensor in gguf.GGUFReader(path).tensors}


def check(case: Case, work: Path) -> None:
    quantized, plain, back = work / "quantized", work / "plain", work / "back"
    write(quantized, case.config, case.tensors, case.metadata)
    config = {key: value for key, value in case.config.items() if key not in ("quantization", "quantization_config")}
    write(plain, config, case.expected, {"format": "pt"})

    _, warnings = run("convert", quantized, f"{back}/", "--to", "safetensors")
    found, expected = raw(back / "model.safetensors"), raw(plain / "model.safetensors")
    if found.keys() != expected.keys():
        raise AssertionError(f"tensors are missing or too many: {sorted(found.keys() ^ expected.keys())[:5]}")
    for name, tensor in expected.items():
        if found[name] != tensor:
            raise AssertionError(f"{name} is {found[name][:2]}, and not the expected weights {tensor[:2]}")
    if json.loads((back / "config.json").read_text()) != config:
        raise AssertionError("config.json is not that of the plain model")
    if "already quantized" not in warnings or (case.warning and case.warning not in warnings):
        raise AssertionError(f"the warning is missing: {warnings}")

    tokens = work / "tokens.u16"
    np.random.default_rng(1).integers(0, config["vocab_size"], 96, dtype=np.uint16).tofile(tokens)
    results = [json.loads(run("eval", folder, "--tokens", tokens, "--context", "48", "--json", "--quiet")[0]) for folder in (quantized, plain)]
    if results[0]["perplexity"] != results[1]["perplexity"]:
        raise AssertionError(f"eval gives {results[0]['perplexity']}, and {results[1]['perplexity']} of the plain model")

    files = [work / "quantized.gguf", work / "plain.gguf"]
    for folder, path in zip((quantized, plain), files):
        run("convert", folder, path, "--quiet")
    if tensors_of(files[0]) != tensors_of(files[1]):
        raise AssertionError("the GGUF is not that of the plain model")


def main() -> int:
    failures = 0
    for case in [*gptq.cases(), *awq.cases(), *bitsandbytes.cases(), *mlx.cases()]:
        with tempfile.TemporaryDirectory() as work:
            try:
                check(case, Path(work))
                verdict = "ok"
            except AssertionError as error:
                failures += 1
                verdict = f"FAILED: {error}"
        print(f"{case.name:28} {case.reference:16} {verdict}", flush=True)
    return 1 if failures else 0


sys.exit(main())
