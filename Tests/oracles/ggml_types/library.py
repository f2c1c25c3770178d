"""ggml's quantizers and decoders, compiled from llama.cpp's source alone."""
import ctypes
import subprocess
from pathlib import Path

import numpy as np

# Name: ggml's number, elements and bytes of a block.
TYPES = {
    "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
    "IQ4_XS": (23, 256, 136), "MXFP4": (39, 32, 17),
}
# ggml.c refers to these; quantizing calls none of them.
MISSING = "void ggml_backend_buffer_get_usage(void) {}\nvoid ggml_backend_tensor_memset(void) {}\nvoid ggml_backend_tensor_set(void) {}\n"


def objects(source: Path, scratch: Path, *flags: str) -> list[str]:
    """The object files of ggml without its backends."""
    (scratch / "missing.c").write_text(MISSING)
    made = []
    for file in [source / "ggml/src/ggml.c", source / "ggml/src/ggml-quants.c", source / "ggml/src/ggml-threading.cpp", scratch / "missing.c"]:
        compiler = ["c++", "-std=c++17"] if file.suffix == ".cpp" else ["cc"]
        made.append(str(scratch / f"{file.stem}.o"))
        definitions = ["-D_GNU_SOURCE", '-DGGML_VERSION="0"', '-DGGML_COMMIT="0"', f"-I{source}/ggml/include", f"-I{source}/ggml/src"]
        subprocess.run([*compiler, "-O3", "-march=native", "-fPIC", "-w", *flags, *definitions, "-c", str(file), "-o", made[-1]], check=True)
    return made


class Library:
    def __init__(self, source: Path, scratch: Path):
        path = scratch / "libggml-quants.so"
        subprocess.run(["c++", "-shared", *objects(source, scratch), "-lm", "-lpthread", "-o", str(path)], check=True)
        self.functions = ctypes.CDLL(str(path))
        pointer, size = ctypes.c_void_p, ctypes.c_int64
        self.functions.ggml_quantize_chunk.argtypes = [ctypes.c_int, pointer, pointer, size, size, size, pointer]
        self.functions.ggml_quantize_chunk.restype = ctypes.c_size_t

    def quantize(self, name: str, values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """As llama-quantize: rows of values, and the imatrix's weights of columns."""
        number, elements, size = TYPES[name]
        values = np.ascontiguousarray(values, "<f4")
        blocks = np.empty(values.size // elements * size, np.uint8)
        weights = None if weights is None else np.ascontiguousarray(weights, "<f4")
        at = None if weights is None else weights.ctypes.data
        self.functions.ggml_quantize_chunk(number, values.ctypes.data, blocks.ctypes.data, 0, values.shape[0], values.shape[1], at)
        return blocks

    def decode(self, name: str, blocks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """As ggml reads them."""
        decode = getattr(self.functions, f"dequantize_row_{name.lower().replace('_k', '_K')}")
        decode.argtypes, decode.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64], None
        blocks, values = np.ascontiguousarray(blocks), np.empty(shape, "<f4")
        decode(blocks.ctypes.data, values.ctypes.data, values.size)
        return values
