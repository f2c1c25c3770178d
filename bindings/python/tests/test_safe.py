"""The interface of safetensors, and what makes tensors feel like NumPy's."""

import importlib.util
import os
import pickle
import unittest

import numpy as np

from support import ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")
NAME = "model.layers.0.mlp.down_proj.weight"


def has(package):
    return importlib.util.find_spec(package) is not None


class Safe(FileTest):
    def coded(self):
        path = os.path.join(self.folder, "model.qamw")
        qamw.quantize(MODEL, path, bits=4.5, calibrate=False)
        return path

    def test_a_qamw_opens_like_safetensors(self):
        path = self.coded()
        with qamw.safe_open(path, framework="np") as file, qamw.open(path) as model:
            self.assertEqual(file.keys(), sorted(model.names))
            self.assertEqual(file.offset_keys(), model.names)
            self.assertEqual(file.metadata(), {"format": "pt"})
            whole, part = file.get_tensor(NAME), file.get_slice(NAME)
            self.assertEqual((part.get_shape(), part.get_dtype()), ([128, 384], "BF16"))
            np.testing.assert_array_equal(part[3:9, ::2], np.asarray(model[NAME])[3:9, ::2])
            # Coded weights have the tensor's own type: bfloat16 if NumPy knows it.
            self.assertEqual(whole.dtype.name, "bfloat16" if has("ml_dtypes") else "float32")
            np.testing.assert_allclose(whole.astype(np.float32), np.asarray(model[NAME]), rtol=2**-8)
            self.assertEqual(whole.shape, (128, 384))
        self.assertEqual(set(qamw.load_file(path)), set(model.names))
        with self.assertRaises(ValueError):
            qamw.safe_open(path, framework="jax")
        with self.assertRaises(FileNotFoundError):
            qamw.safe_open(os.path.join(self.folder, "none.qamw"))

    @unittest.skipUnless(has("safetensors"), "the package safetensors is not installed")
    def test_arrays_are_saved(self):
        arrays = {"a": np.arange(64 * 32, dtype=np.float32).reshape(64, 32) / 1000, "b": np.arange(5, dtype=np.int64), "c": np.ones((3, 2), np.float16)}
        plain, stored, coded = (os.path.join(self.folder, name) for name in ("m.safetensors", "m.qamw", "q.qamw"))
        qamw.save_file(arrays, plain, {"origin": "test"})
        qamw.save_file(arrays, stored, {"origin": "test"})
        for path in (plain, stored):
            loaded = qamw.load_file(path)
            self.assertEqual(set(loaded), set(arrays))
            for name, values in arrays.items():
                np.testing.assert_array_equal(loaded[name], values)
                self.assertEqual(loaded[name].dtype, values.dtype)
            with qamw.safe_open(path, framework="np") as file:
                self.assertEqual(file.metadata()["origin"], "test")
        qamw.save_file(arrays, coded, bits=6.5, recipe="all")
        with qamw.open(coded) as model:
            self.assertEqual(model["a"].encoding.bits, 6.5)
            self.assertLess(np.square(np.asarray(model["a"]) - arrays["a"]).sum() / np.square(arrays["a"]).sum(), 2e-3)
        with self.assertRaises(TypeError):
            qamw.save_file(arrays, plain, bits=4)
        self.assertEqual(sorted(os.listdir(self.folder)), ["m.qamw", "m.safetensors", "q.qamw"])

    def test_tensors_feel_like_arrays(self):
        with qamw.open(self.coded()) as model:
            coded, norm = model[NAME], model["model.norm.weight"]
            self.assertEqual((coded.nbytes, coded.T.shape, coded.astype(np.float16).dtype), (128 * 384 * 4, (384, 128), np.float16))
            self.assertEqual(np.mean(coded).shape, ())
            np.testing.assert_array_equal(coded.T, np.asarray(coded).T)
            again = pickle.loads(pickle.dumps(coded))
            np.testing.assert_array_equal(np.asarray(again), np.asarray(coded))
            self.assertEqual((again.name, norm.nbytes), (NAME, 4 * norm.size))

    def test_the_package_says_what_it_is(self):
        self.assertEqual(qamw.__version__, qamw.library_version())
        for name in qamw.__all__:
            self.assertTrue(hasattr(qamw, name), name)
        public = {name for name in vars(qamw) if not name.startswith("_") and not hasattr(getattr(qamw, name), "__path__")}
        self.assertLessEqual(public - set(qamw.__all__), {"os", "Union", "torch", "transformers"})


if __name__ == "__main__":
    unittest.main()
