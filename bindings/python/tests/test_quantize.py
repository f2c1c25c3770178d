"""The files that `quantize` makes, compared with the command's, and how it ends."""

import os
import unittest

import numpy as np

from support import ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")
NAME = "model.layers.0.mlp.down_proj.weight"


class Quantize(FileTest):
    def quantize(self, name="model.qamw", source=MODEL, calibrate=False, **options):
        path = os.path.join(self.folder, name)
        return path, qamw.quantize(source, path, calibrate=calibrate, **options)

    def test_a_model_becomes_a_file(self):
        seen = []
        path, done = self.quantize(
            bits=4.5, include=["embed_tokens=6.5", "nothing_is_called_so"], exclude=["layers\\.3\\."], seed=7, threads=2, progress=seen.append)
        self.assertEqual((done.bytes, done.coded, done.aliased, done.fed_back), (os.path.getsize(path), 22, 0, 0))
        self.assertTrue(4.5 < done.coded_bits_per_weight < 6 and 1e-4 < done.nmse < 4e-3 and done.gaussian_nmse > 1e-4)
        self.assertEqual(done.warnings, ['"nothing_is_called_so" matches the name of no tensor'])
        self.assertEqual({progress.phase for progress in seen}, {"scanning", "coding"})
        self.assertEqual((seen[-1].done, seen[-1].total), (seen[-1].total, seen[-1].total))
        with qamw.open(path) as model, qamw.open(self.quantize("other.qamw", bits=5)[0]) as other:
            self.assertEqual((model[NAME].encoding.bits, model[NAME].encoding.seed, model[NAME].encoding.codebook), (4.5, 7, "octant"))
            self.assertEqual(model["model.embed_tokens.weight"].encoding.bits, 6.5)
            self.assertIsNone(model[NAME.replace(".0.", ".3.")].encoding)
            self.assertTrue(model.verify().ok and "config.json" in model.embedded)
            first, second = np.asarray(model[NAME]), np.asarray(other[NAME])
            self.assertLess(np.square(first - second).sum() / np.square(second).sum(), 0.01)

    def test_what_stays_raw_takes_another_type(self):
        path, done = self.quantize(raw_dtype="f32")
        self.assertEqual(done.warnings, [])
        with qamw.open(path) as model:
            self.assertEqual(model["model.norm.weight"].dtype, "F32")
            self.assertGreater(done.bytes, self.quantize("kept.qamw")[1].bytes)
        with self.assertRaises(qamw.InvalidArgumentError):
            self.quantize("x.qamw", raw_dtype="f8")

    def test_a_text_calibrates(self):
        text = os.path.join(self.folder, "text.txt")
        with open(text, "w") as file:
            file.write("The tower is 324 metres tall, about the same height as a building. " * 200)
        seen = []
        plain = self.quantize("plain.qamw", bits=4.5, recipe="all")[1]
        path, done = self.quantize(calibrate=None, text=text, context=64, windows=40, target_bytes=plain.bytes, progress=seen.append)
        self.assertEqual((done.bytes, done.fed_back, done.warnings), (os.path.getsize(path), 29, []))
        self.assertTrue(plain.bytes * 0.97 < done.bytes <= plain.bytes and done.expected_divergence > 0)
        self.assertNotEqual(plain.expected_divergence, plain.expected_divergence)  # not a number
        self.assertEqual({progress.phase for progress in seen}, {"calibrating", "measuring", "scanning", "coding"})
        with qamw.open(path) as model:
            self.assertGreater(len({tensor.encoding.bits for tensor in model.values() if tensor.encoding}), 1)
        # By default too; a model that cannot be run is quantized without, or refused.
        self.assertEqual(self.quantize("own.qamw", calibrate=None, context=64, windows=4)[1].fed_back, 29)
        alone = os.path.join(MODEL, "model.safetensors")
        target = os.path.join(self.folder, "alone.safetensors")
        os.symlink(alone, target)
        done = self.quantize("alone.qamw", source=target, calibrate=None)[1]
        self.assertEqual((done.fed_back, len(done.warnings)), (0, 1))
        self.assertIn("config.json", done.warnings[0])
        for options in ({"calibrate": True}, {"target_bits": 5}):
            with self.assertRaises(qamw.Error):
                self.quantize("no.qamw", source=target, **{"calibrate": None, **options})
        for options in ({"text": text}, {"calibrate": True, "statistics": text}, {"calibrate": None, "text": text, "tokens": text}):
            with self.assertRaises(qamw.InvalidArgumentError):
                self.quantize("no.qamw", **options)

    def test_threads_change_no_byte(self):
        contents = []
        for threads in (1, 3):
            path, _ = self.quantize(f"{threads}.qamw", bits=5.5, codebook="free", recipe="mlp", block_size=64, fit_gains=False, threads=threads)
            with open(path, "rb") as file:
                contents.append(file.read())
        self.assertEqual(contents[0], contents[1])

    def test_what_makes_no_sense(self):
        for options in (
            {"bits": 4.6}, {"bits": 4, "target_bits": 4}, {"target_bits": 4}, {"codebook": "open"}, {"recipe": "some"}, {"include": ["("]},
            {"block_size": 3}, {"scaling": "optimal"}, {"threads": 1025}, {"feedback": "yes"}):
            with self.assertRaises(qamw.InvalidArgumentError, msg=options):
                self.quantize(**options)
        self.assertRaises(qamw.NotFoundError, self.quantize, source="/nowhere")
        self.assertRaises(TypeError, self.quantize, include="down_proj")
        self.assertEqual(os.listdir(self.folder), [])

    def test_an_output_that_exists(self):
        path, _ = self.quantize(recipe="mlp")
        with self.assertRaises(FileExistsError) as caught:
            self.quantize(recipe="mlp")
        self.assertEqual(caught.exception.code, "cannot_create")
        # A coded model is read again; its coded tensors are kept.
        _, done = self.quantize("again.qamw", source=path)
        self.assertEqual(done.coded, 28)
        self.quantize(recipe="mlp", replace=True)

    def test_the_caller_ends_it(self):
        for phase in ("scanning", "coding"):
            def stop(progress):
                if progress.phase == phase:
                    raise KeyboardInterrupt(phase)
            with self.assertRaises(KeyboardInterrupt):
                self.quantize(progress=stop)
            self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
