"""Modules of PyTorch on a mapped file, compared with the decoded model."""

import importlib.util
import os
import unittest

import numpy as np

from support import ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")
NAME = "model.layers.0.mlp.down_proj.weight"
HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_TRANSFORMERS = HAS_TORCH and importlib.util.find_spec("transformers") is not None

if HAS_TORCH:
    import torch
    from qamw.torch import QAMEmbedding, QAMLinear, load_file, load_model, save_file


@unittest.skipUnless(HAS_TORCH, "the package torch is not installed")
class Torch(FileTest):
    def coded(self, **options):
        path = os.path.join(self.folder, "model.qamw")
        qamw.quantize(MODEL, path, bits=5.5, calibrate=False, replace=True, **options)
        return path

    def test_tensors_have_their_types(self):
        loaded = load_file(self.coded())
        with qamw.open(self.coded()) as model:
            for name, values in loaded.items():
                self.assertEqual((values.dtype, tuple(values.shape)), (torch.bfloat16, model[name].shape), name)
            torch.testing.assert_close(loaded[NAME].float(), torch.from_numpy(np.asarray(model[NAME])), rtol=2**-8, atol=0)
            norm = model["model.norm.weight"]
            np.testing.assert_array_equal(loaded["model.norm.weight"].view(torch.int16).numpy().view(np.uint16), norm.raw)

    def test_tensors_are_saved(self):
        tensors = {"a": torch.arange(12, dtype=torch.bfloat16).reshape(3, 4), "b": torch.zeros((2, 0)), "c": torch.tensor([1, -2])}
        if hasattr(torch, "float8_e8m0fnu"):
            tensors["d"] = torch.tensor([0.25, 8.0]).to(torch.float8_e8m0fnu)
        path = os.path.join(self.folder, "saved.qamw")
        save_file(tensors, path, {"origin": "test"})
        loaded = load_file(path)
        for name, values in tensors.items():
            self.assertEqual((loaded[name].dtype, loaded[name].shape), (values.dtype, values.shape), name)
            torch.testing.assert_close(loaded[name].float(), values.float(), rtol=0, atol=0)
        with qamw.safe_open(path, framework="pt") as file:
            self.assertEqual(file.metadata(), {"origin": "test"})
        self.assertRaises(ValueError, file.keys)

    def test_linear_multiplies_from_the_file(self):
        with qamw.open(self.coded()) as model:
            weight = model[NAME]
            layer, x = QAMLinear(weight, torch.ones(128)), torch.randn(3, 5, 384, generator=torch.Generator().manual_seed(1))
            exact = x @ torch.from_numpy(np.asarray(weight)).T + 1
            with torch.no_grad():
                y = layer(x)
            self.assertLess(((y - exact).norm() / exact.norm()).item(), 0.01)
            self.assertEqual((y.dtype, layer(x.to(torch.bfloat16)).dtype), (torch.float32, torch.bfloat16))
            # Gradients flow to the inputs, through decoded weights.
            x.requires_grad_()
            out = layer(x)
            torch.testing.assert_close(out, exact)
            out.sum().backward()
            torch.testing.assert_close(x.grad, torch.from_numpy(np.asarray(weight)).sum(0).expand(3, 5, 384))
            meta = QAMLinear(weight)(torch.empty(2, 384, device="meta"))
            self.assertEqual((meta.device.type, tuple(meta.shape)), ("meta", (2, 128)))
            compiled = torch.compile(layer, backend="eager", fullgraph=True)
            with torch.no_grad():
                torch.testing.assert_close(compiled(x.detach()), y, rtol=0, atol=0)
            with self.assertRaises(qamw.InvalidArgumentError):
                QAMLinear(model["model.norm.weight"])

    def test_embeddings_decode_their_rows(self):
        with qamw.open(self.coded(recipe="all")) as model:
            table = model["model.embed_tokens.weight"]
            ids = torch.tensor([[1, 5], [1023, 0]])
            embedding = QAMEmbedding(table)
            found = embedding(ids)
            elsewhere = embedding(ids.to("meta"))
            self.assertEqual((elsewhere.device.type, elsewhere.shape), ("meta", found.shape))
            torch.testing.assert_close(found, torch.from_numpy(np.asarray(table))[ids], rtol=0, atol=0)

    @unittest.skipUnless(HAS_TRANSFORMERS, "the package transformers is not installed")
    def test_transformers_runs_a_file(self):
        from transformers import AutoModelForCausalLM

        for recipe in ("linear", "all"):
            path = self.coded(recipe=recipe)
            model, tokenizer = load_model(path)
            ids = tokenizer("The old tower was built in", return_tensors="pt")["input_ids"]
            with torch.no_grad():
                logits = model(ids).logits
            # The same with decoded weights.
            decoded = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
            with qamw.open(path) as file:
                state = {name: torch.from_numpy(file[name].to_float32()) for name in file.names}
            decoded.load_state_dict(state, strict=False)
            decoded.tie_weights()
            with torch.no_grad():
                exact = decoded(ids).logits
            self.assertLess(((logits - exact).norm() / exact.norm()).item(), 0.03)
            self.assertGreater(((logits - exact).norm() / exact.norm()).item(), 0)
            self.assertEqual(sum(isinstance(module, QAMLinear) for module in model.modules()), 28 if recipe == "linear" else 29)
            text = tokenizer.decode(model.generate(ids, max_new_tokens=8, do_sample=False)[0])
            self.assertTrue(text.startswith("The old tower was built in") and len(text) > 30)


if __name__ == "__main__":
    unittest.main()
