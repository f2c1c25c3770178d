"""The errors of qamw's encoders of ggml's block types beside those of ggml's own quantizers, and the KL divergence of a mixture.

    errors.py QAMW LLAMA_CPP_SOURCE SCRATCH MODEL... [--tokens TOKENS]

A MODEL is a folder, and may name its statistics: FOLDER=STATISTICS (of `qamw calibrate`), with which errors are weighted too. With --tokens also the
divergence of q4_k_m files of the first model that has statistics, from its predictions of these tokens: ours, and one of equal size whose matrices
ggml's quantizers made with the same weights. Prints tables in Markdown; fails where an error of ours is above ggml's.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from library import TYPES, Library
from safetensors import safe_open
from safetensors.numpy import load_file

# Both use ggml's own rule, which takes no weights.
EQUAL = {"Q8_0"}
MIXTURES = ["q3_k_m", "q4_k_m", "q5_k_m"]
# Of 256 tokens each, for the divergence.
WINDOWS = 200


def floats(path: Path) -> dict[str, np.ndarray]:
    """All matrices of a model, as float32."""
    matrices = {}
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, "np") as tensors:
            for name in tensors.keys():
                if len(tensors.get_slice(name).get_shape()) == 2:
                    matrices[name] = tensors.get_tensor(name)
    return matrices


def mean_squares(path: str | None) -> dict[str, np.ndarray]:
    ending = ".mean_square"
    return {name.removesuffix(ending): values for name, values in load_file(path).items() if name.endswith(ending)} if path else {}


class Errors:
    """Sums over the matrices of a model."""

    def __init__(self):
        self.ours = self.theirs = self.energy = 0.0

    def add(self, values: np.ndarray, ours: np.ndarray, theirs: np.ndarray, weights):
        self.ours += float((weights * (values.astype("f8") - ours) ** 2).sum())
        self.theirs += float((weights * (values.astype("f8") - theirs) ** 2).sum())
        self.energy += float((weights * values.astype("f8") ** 2).sum())

    def row(self) -> str:
        if self.energy == 0:
            return "| | | "
        return f"| {self.ours / self.energy:.4e} | {self.theirs / self.energy:.4e} | {self.ours / self.theirs:.3f} "


class Comparison:
    def __init__(self, qamw: str, source: str, scratch: str):
        self.qamw, self.scratch = qamw, Path(scratch)
        self.library = Library(Path(source), self.scratch)

    def run(self, *words) -> str:
        return subprocess.run([self.qamw, *map(str, words)], check=True, capture_output=True, text=True).stdout

    def encoded(self, model: Path, name: str, statistics: str | None) -> dict[str, np.ndarray]:
        out = self.scratch / "out.gguf"
        more = ["--calibration", statistics] if statistics and name not in EQUAL else []
        self.run("convert", model, out, "--names", "keep", "--dtype", name.lower(), "--pure", "--force", "--quiet", *more)
        return {tensor.name: np.array(tensor.data).reshape(-1) for tensor in GGUFReader(out).tensors if tensor.tensor_type.name == name}

    def measure(self, name: str, folder: Path, matrices: dict[str, np.ndarray], squares: dict[str, np.ndarray], statistics: str | None) -> tuple[Errors, Errors]:
        plain, weighted = Errors(), Errors()
        for sums, given in [(plain, None), (weighted, statistics)]:
            if sums is weighted and not given:
                continue
            blocks = self.encoded(folder, name, given)
            for tensor, values in matrices.items():
                weights = squares.get(tensor) if given else None
                if tensor not in blocks or given and weights is None:
                    continue
                ours = self.library.decode(name, blocks[tensor], values.shape)
                theirs = self.library.decode(name, self.library.quantize(name, values, weights), values.shape)
                sums.add(values, ours, theirs, 1.0 if weights is None else weights.astype("f8"))
        return plain, weighted

    def table(self, model: str) -> bool:
        folder, _, statistics = model.partition("=")
        folder, good = Path(folder), True
        # Both encoders start from the same float32 values.
        self.run("convert", folder, f"{self.scratch}/f32/", "--to", "safetensors", "--dtype", "f32", "--force", "--quiet")
        matrices, squares = floats(self.scratch / "f32"), mean_squares(statistics)
        print(f"\n{folder.name}: {sum(map(np.size, matrices.values())):,} weights in {len(matrices)} matrices\n")
        print("| type | bits | qamw | ggml | ratio | weighted: qamw | ggml | ratio |\n|---|---|---|---|---|---|---|---|", flush=True)
        for name, (_, elements, size) in TYPES.items():
            plain, weighted = self.measure(name, folder, matrices, squares, statistics or None)
            good &= plain.ours <= plain.theirs and weighted.ours <= weighted.theirs
            print(f"| {name} | {8 * size / elements:g} {plain.row()}{weighted.row()}|", flush=True)
        return good

    def divergence(self, model: str, tokens: str):
        """Of mixtures with statistics, and without."""
        folder, _, statistics = model.partition("=")
        plain = self.scratch / "f32.gguf"
        self.run("convert", folder, plain, "--dtype", "f32", "--force", "--quiet")
        values = {tensor.name: np.array(tensor.data) for tensor in GGUFReader(plain).tensors}
        matched = json.loads(self.run("inspect", plain, "--json"))["tensors"]
        shapes = {tensor["name"]: tensor["shape"] for tensor in matched}
        squares = self.renamed(mean_squares(statistics))
        print("\n| mixture | bytes | KL: qamw | ggml | ratio | weighted: qamw | ggml | ratio |\n|---|---|---|---|---|---|---|---|")
        for mixture in MIXTURES:
            cells = ""
            for given in [None, statistics]:
                ours, theirs = self.scratch / "ours.gguf", self.scratch / "theirs.gguf"
                self.run("convert", folder, ours, "--dtype", mixture, "--force", "--quiet", *(["--calibration", given] if given else []))
                shutil.copy(ours, theirs)
                patched = GGUFReader(theirs, "r+")
                for tensor in patched.tensors:
                    name = tensor.tensor_type.name
                    if name in TYPES:
                        matrix = values[tensor.name].reshape(shapes[tensor.name])
                        tensor.data[:] = self.library.quantize(name, matrix, squares.get(tensor.name) if given else None).reshape(tensor.data.shape)
                patched.data.flush()
                words = ["eval", ours, theirs, "--reference", folder, "--tokens", tokens, "--context", 256, "--windows", WINDOWS, "--protocol", "llamacpp", "--exact", "--json"]
                results = [json.loads(line)["kl"] for line in self.run(*words).splitlines()]
                cells += f"| {results[0]:.5f} | {results[1]:.5f} | {results[0] / results[1]:.3f} "
            print(f"| {mixture} | {ours.stat().st_size:,} {cells}|", flush=True)

    @staticmethod
    def renamed(squares: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """By GGUF's names."""
        parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
                 "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
        result = {}
        for name, values in squares.items():
            _, _, layer, part = name.removesuffix(".weight").split(".", 3)
            result[f"blk.{layer}.{parts[part]}.weight"] = values
        return result


def main(qamw: str, source: str, scratch: str, *models: str):
    tokens = None
    if "--tokens" in models:
        place = models.index("--tokens")
        tokens, models = models[place + 1], models[:place] + models[place + 2:]
    comparison = Comparison(qamw, source, scratch)
    good = all([comparison.table(model) for model in models])
    if tokens:
        comparison.divergence(next(model for model in models if "=" in model), tokens)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
