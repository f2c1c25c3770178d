"""GGUF files opened as safetensors are, compared with PyPI's gguf."""

import importlib.util
import os
import unittest

import numpy as np

from support import FileTest
import qamw

HAS_GGUF = importlib.util.find_spec("gguf") is not None
if HAS_GGUF:
    import gguf

# Types of plain elements, with NumPy's.
PLAIN = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64}
ROWS, COLUMNS = 3, 512


@unittest.skipUnless(HAS_GGUF, "the package gguf is not installed")
class GGUF(FileTest):
    def blocks(self, kind):
        """Random blocks whose scales are finite numbers."""
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        count = ROWS * COLUMNS // elements
        bytes_of = np.random.default_rng(int(kind)).integers(0, 256, (count, size), np.uint8)
        # Scales are float16 at either end of a block: none has the exponent of infinities.
        for at in [*range(0, min(4, size - 1), 2), *range(size - 4 - size % 2, size - 1, 2)]:
            bytes_of[:, at + 1] &= 0xBB
        # The scale is the exponent of a power of two.
        if kind.name == "MXFP4":
            bytes_of[:, 0] &= 0x7F
        return bytes_of.reshape(ROWS, -1)

    def test_every_type(self):
        path, exact = os.path.join(self.folder, "model.gguf"), {}
        writer = gguf.GGUFWriter(path, "llama")
        for name, dtype in PLAIN.items():
            exact[name] = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(dtype)
            writer.add_tensor(name, exact[name])
        for kind in gguf.GGMLQuantizationType:
            if kind.name in PLAIN:
                continue
            try:
                values = gguf.quants.dequantize(self.blocks(kind), kind)
            except (NotImplementedError, KeyError):
                continue
            self.assertTrue(np.isfinite(values).all(), kind.name)
            exact[kind.name] = values
            writer.add_tensor(kind.name, self.blocks(kind), raw_dtype=kind)
        for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
            step()
        self.assertGreaterEqual(len(exact), 31, sorted(exact))
        loaded = qamw.load_file(path)
        self.assertEqual(sorted(loaded), sorted(exact))
        with qamw.safe_open(path, framework="np") as file:
            self.assertEqual(file.metadata()["general.architecture"], "llama")
            for name, values in exact.items():
                np.testing.assert_array_equal(loaded[name].astype(values.dtype), values, name)
                part = file.get_slice(name)
                self.assertEqual((part.get_shape(), part.get_dtype()), ([ROWS, COLUMNS], name))
                np.testing.assert_array_equal(np.asarray(part[1:2]).astype(values.dtype), values[1:2], name)

    def test_damaged_files_are_refused(self):
        path = os.path.join(self.folder, "model.gguf")
        with open(path, "wb") as file:
            file.write(b"GGUF" + bytes(20))
        with self.assertRaises(qamw.Error):
            qamw.safe_open(path)


if __name__ == "__main__":
    unittest.main()
