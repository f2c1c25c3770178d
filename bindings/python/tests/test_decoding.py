"""Decoded weights against the reference decoder, bit for bit, and indexing against NumPy."""

import unittest

import numpy as np

from support import CONTENTS, FileTest, decoded
import qamw


def bits(array):
    return np.ascontiguousarray(array, np.float32).view(np.uint32)


class Decoding(FileTest):
    def test_every_code_decodes_to_the_reference_decoders_bits(self):
        names = [name for name in CONTENTS if name.startswith(("octant", "free", "polar", "int8", "zero", "rank"))]
        families = {"free": "free", "polar": "polar", "int8": ""}
        codecs = {"polar": "polar-pairs", "": "int8-rows"}
        self.assertGreater(len(names), 60)
        for name in names:
            for access in ("mapped", "buffered"):
                with qamw.open(self.write(name), access=access) as file:
                    whole, expected = file["w"][...], decoded(name)
                    self.assertEqual(whole.shape, expected.shape)
                    self.assertTrue(np.array_equal(bits(whole), bits(expected)), name)
                    self.assertEqual(file["w"].dtype, "F32" if name.endswith("example") else "BF16")
                    family = next((families[part] for part in families if part in name), "octant")
                    self.assertEqual(file["w"].encoding.codebook, family)
                    self.assertEqual(file["w"].encoding.codec, codecs.get(family, "qam-pairs"))

    def test_indexing_is_numpys(self):
        mask = np.array([True, False, True, True, False])
        keys = [
            3, -1, np.int64(2), slice(1, 3), slice(None), slice(None, None, -1), slice(4, 0, -2), slice(0, 5, 2), slice(9, 12), ...,
            (1, 5), (slice(1, 4), slice(10, 20)), (slice(None, None, -2), slice(None, None, 3)), (..., 7), (2, ...), (-2, slice(5)),
            [0, 3, 3, 1], np.array([[4, 0], [-1, -5]]), np.array([1, 2], np.uint8), mask, (mask, 4), ([0, 1], [5, 6]),
            ([[0], [4]], [5, 6]), (None, 2), [], (slice(None), [1, 1, 2]), (), np.zeros((5, 640), bool), True,
        ]
        for name in ("octant-05", "free-09"):
            tensor, whole = self.open(name)["w"], decoded(name)
            for key in keys:
                part, expected = tensor[key], whole[key]
                self.assertEqual(np.shape(part), np.shape(expected), repr(key))
                self.assertTrue(np.array_equal(bits(part), bits(expected)), repr(key))
            for key in (5, -6, [0, 5], np.array([True, False]), 1.5, "w", (0, 640), [0.5]):
                with self.assertRaises(IndexError, msg=repr(key)):
                    tensor[key]

    def test_leading_dimensions(self):
        tensor, whole = self.open("rank-3")["w"], decoded("rank-3")
        self.assertEqual((tensor.shape, len(tensor), tensor.ndim, tensor.size), ((2, 3, 96), 2, 3, 576))
        for key in (1, (1, 2), (slice(None), 1), (..., 5), ([1, 0], 2), (0, slice(None, None, -1), 3)):
            self.assertTrue(np.array_equal(bits(tensor[key]), bits(whole[key])), repr(key))
        self.assertTrue(np.array_equal(np.stack(list(tensor)), whole))

    def test_only_the_rows_asked_for_are_decoded(self):
        tensor, decode = self.open("octant-05")["w"], []
        original = tensor.dequantize
        tensor.dequantize = lambda start, stop: decode.append((start, stop)) or original(start, stop)
        tensor[3], tensor[1:3], tensor[[4, 0, 1]], tensor[::2]
        self.assertEqual(decode, [(3, 4), (1, 3), (0, 2), (4, 5), (0, 1), (2, 3), (4, 5)])

    def test_conversion_to_arrays(self):
        tensor, whole = self.open("octant-08")["w"], decoded("octant-08")
        self.assertTrue(np.array_equal(np.asarray(tensor), whole))
        self.assertEqual(np.asarray(tensor, np.float64).dtype, np.float64)
        self.assertTrue(np.array_equal(np.asarray(tensor, np.float16), whole.astype(np.float16)))
        self.assertTrue(np.array_equal(tensor.to_float32(), whole))
        with self.assertRaises(ValueError):
            tensor.__array__(copy=False)

    def test_rows_of_other_types(self):
        tensor, whole = self.open("octant-08")["w"], decoded("octant-08")
        self.assertTrue(np.array_equal(tensor.dequantize(1, 4, dtype="float16"), whole[1:4].astype(np.float16)))
        brain = tensor.dequantize(dtype="bfloat16").astype(np.uint32) << 16
        self.assertLessEqual(np.abs(brain.view(np.float32) - whole).max(), np.abs(whole).max() / 256)
        out = np.empty((2, 640), np.float32)
        self.assertIs(tensor.dequantize(3, 5, out=out), out)
        self.assertTrue(np.array_equal(out, whole[3:5]))
        for bad in (np.empty((2, 640)), np.empty((3, 640), np.float32), np.empty((640, 2), np.float32).T):
            with self.assertRaises(ValueError):
                tensor.dequantize(3, 5, out=bad)
        with self.assertRaises(ValueError):
            tensor.dequantize(dtype="float8")
        for start, stop in ((0, 6), (-1, 2), (3, 2)):
            with self.assertRaises(IndexError):
                tensor.dequantize(start, stop)


class Products(FileTest):
    def test_products_are_near_the_exact_ones(self):
        noise = np.random.default_rng(1)
        for name in ("octant-02", "octant-05", "free-09", "rank-3"):
            tensor, whole = self.open(name, threads=2)["w"], decoded(name)
            x = noise.standard_normal((4, 2, whole.shape[-1])).astype(np.float32)
            rows = whole.reshape(-1, whole.shape[-1]).astype(np.float64)
            products, exact = tensor.linear(x), x @ rows.T
            self.assertEqual((products.shape, products.dtype), (exact.shape, np.float32))
            self.assertLess(np.linalg.norm(products - exact) / np.linalg.norm(exact), 0.015, name)
            if whole.ndim == 2:
                # Products are bit-identical for every layout and grouping of the vectors.
                self.assertTrue(np.array_equal(tensor @ x[0].T, products[0].T))
                self.assertTrue(np.array_equal(tensor.matmul(x[3, 1]), products[3, 1]))
                self.assertLess(np.linalg.norm(x[0] @ np.asarray(tensor).T - exact[0]) / np.linalg.norm(exact[0]), 1e-5)

    def test_products_of_raw_tensors_are_exact(self):
        file = self.open("raw")
        whole = file["t18"].to_float32()
        x = np.ones(4, np.float32)
        self.assertTrue(np.allclose(file["t18"] @ x, whole @ x, equal_nan=True))
        with self.assertRaises(ValueError):
            file["scalar"].matmul(x)

    def test_shapes_that_do_not_fit(self):
        tensor = self.open("octant-05")["w"]
        for x in (np.ones(639), np.ones((639, 2)), np.ones(()), np.ones((640, 2, 2))):
            with self.assertRaises(ValueError):
                tensor @ x
        self.assertEqual(tensor.linear(np.ones((0, 640))).shape, (0, 5))


if __name__ == "__main__":
    unittest.main()
