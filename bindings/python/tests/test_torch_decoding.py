"""Weights that PyTorch decodes have the bits of those that libqamw decodes."""

import importlib.util
import os
import unittest

import numpy as np

from support import CONTENTS, ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")

if importlib.util.find_spec("torch") is not None:
    import torch
    from qamw._torch_decoding import DeviceWeights, _root

CPU = None if importlib.util.find_spec("torch") is None else torch.device("cpu")


@unittest.skipUnless(CPU is not None, "the package torch is not installed")
class TorchDecoding(FileTest):
    def check(self, file):
        """The number of tensors that were decoded here."""
        count = 0
        for name in file:
            weights = None if file[name].encoding is None else DeviceWeights.of(file[name], CPU)
            if weights is not None:
                exact = file[name].to_float32()
                # Zeros have signs.
                np.testing.assert_array_equal(weights.decoded(torch.float32).numpy().view(np.uint32), exact.view(np.uint32), name)
                rows = torch.tensor([exact.shape[0] - 1, 0])
                if exact.ndim == 2:
                    np.testing.assert_array_equal(weights.rows(rows).decoded(torch.float32).numpy(), exact[rows.numpy()])
                count += 1
        return count

    def test_rates_of_every_codebook(self):
        rates = {"octant": (2.0, 3.5, 4.5, 5.0, 5.5, 6.0, 6.5), "free": (2.0, 6.5), "polar": (2.0, 4.5), "int8": (8,)}
        for codebook, bits in ((codebook, float(bits)) for codebook in rates for bits in rates[codebook]):
            path = os.path.join(self.folder, "model.qamw")
            qamw.quantize(MODEL, path, bits=bits, codebook=codebook, calibrate=False, recipe="all", replace=True)
            with qamw.open(path) as file:
                self.assertEqual(self.check(file), 29, (codebook, bits))

    def test_trellis_is_left_to_the_library(self):
        path = os.path.join(self.folder, "model.qamw")
        qamw.quantize(MODEL, path, bits=2, codebook="trellis", effort="fast", include=["layers.0.mlp.down_proj"], recipe="mlp", calibrate=False)
        with qamw.open(path) as file:
            self.assertEqual(self.check(file), 0)

    def test_corner_cases(self):
        counts = []
        for name in CONTENTS:
            path = self.write(name)
            try:
                with qamw.open(path) as file:
                    counts.append(self.check(file))
            except qamw.Error:
                # Cases that the library refuses, as the other tests check.
                continue
        self.assertGreater(sum(counts), 10)

    def test_roots(self):
        for exponent in range(1, 16):
            exact = np.float32(2.0 ** (-exponent // 2)) if exponent % 2 == 0 else np.float32(0.70710677) * np.float32(2.0 ** (-(exponent - 1) // 2))
            self.assertEqual(_root(1 << exponent), exact)


if __name__ == "__main__":
    unittest.main()
