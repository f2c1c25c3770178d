"""Models of transformers that from_pretrained loads from .qamw files."""

import importlib.util
import json
import os
import shutil
import unittest

from support import ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")
HAS_TRANSFORMERS = all(importlib.util.find_spec(name) is not None for name in ("torch", "transformers", "safetensors"))

if HAS_TRANSFORMERS:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import qamw.transformers
    from qamw.torch import QAMEmbedding, QAMLinear, load_model
    from qamw.transformers import QAMConfig, export


@unittest.skipUnless(HAS_TRANSFORMERS, "the packages torch, transformers and safetensors are not installed")
class Transformers(FileTest):
    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def coded(self, recipe="linear", model=MODEL):
        qamw.quantize(model, self.path("model.qamw"), bits=5.5, calibrate=False, replace=True, recipe=recipe)
        return self.path("model.qamw")

    def logits(self, model):
        with torch.no_grad():
            return model(torch.tensor([[5, 17, 3, 99, 250, 7]])).logits

    def test_a_folder_is_loaded(self):
        for recipe in "linear", "all":
            path = self.coded(recipe)
            export(path, self.path("folder"))
            model = AutoModelForCausalLM.from_pretrained(self.path("folder"))
            self.assertIsInstance(model.model.layers[0].mlp.down_proj, QAMLinear)
            self.assertEqual(isinstance(model.model.embed_tokens, QAMEmbedding), recipe == "all")
            reference, _ = load_model(path)
            torch.testing.assert_close(self.logits(model), self.logits(reference), rtol=0, atol=0)
            self.assertTrue(os.path.samefile(path, self.path("folder", "model.qamw")))
            self.assertEqual(AutoTokenizer.from_pretrained(self.path("folder"))("the")["input_ids"], AutoTokenizer.from_pretrained(MODEL)("the")["input_ids"])
            with open(self.path("folder", "config.json"), encoding="utf-8") as file:
                config = json.load(file)
            self.assertEqual(config["quantization_config"], {"quant_method": "qamw", "file": "model.qamw"})

    def test_saving_and_loading_gives_the_same(self):
        export(self.coded("all"), self.path("folder"), copy=True)
        model = AutoModelForCausalLM.from_pretrained(self.path("folder"))
        self.assertFalse(os.path.samefile(self.path("model.qamw"), self.path("folder", "model.qamw")))
        model.save_pretrained(self.path("saved"))
        again = AutoModelForCausalLM.from_pretrained(self.path("saved"))
        torch.testing.assert_close(self.logits(again), self.logits(model), rtol=0, atol=0)
        self.assertLess(os.path.getsize(self.path("saved", "model.safetensors")), 64 << 10)

    def test_a_checkpoint_is_quantized_while_it_is_loaded(self):
        options = QAMConfig(bits=5.5, calibrate=False, recipe="linear", cache=self.path("cache"))
        model = AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=options)
        self.assertIsInstance(model.model.layers[0].mlp.down_proj, QAMLinear)
        reference, _ = load_model(self.coded())
        torch.testing.assert_close(self.logits(model), self.logits(reference), rtol=0, atol=0)
        made = os.listdir(self.path("cache"))
        AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=options)
        self.assertEqual(os.listdir(self.path("cache")), made)
        AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=QAMConfig(bits=4.5, calibrate=False, cache=self.path("cache")))
        self.assertEqual(len(os.listdir(self.path("cache"))), 2)
        model.save_pretrained(self.path("saved"))
        torch.testing.assert_close(self.logits(AutoModelForCausalLM.from_pretrained(self.path("saved"))), self.logits(model), rtol=0, atol=0)

    def test_text_is_that_of_the_decoded_model(self):
        export(self.coded(), self.path("folder"))
        model = AutoModelForCausalLM.from_pretrained(self.path("folder"))
        ids = torch.tensor([[5, 17, 3, 99]])
        text = model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=0)
        reference, _ = load_model(self.path("model.qamw"))
        self.assertEqual(text.tolist(), reference.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=0).tolist())

    def test_what_cannot_be_loaded_is_refused(self):
        shutil.copytree(MODEL, self.path("bare"))
        os.remove(self.path("bare", "config.json"))
        qamw.quantize(self.path("bare"), self.path("bare.qamw"), bits=5.5, calibrate=False)
        with self.assertRaises(qamw.InvalidArgumentError):
            export(self.path("bare.qamw"), self.path("folder"))
        export(self.coded(), self.path("folder"))
        os.remove(self.path("folder", "model.qamw"))
        with self.assertRaises((OSError, qamw.Error)):
            AutoModelForCausalLM.from_pretrained(self.path("folder"))
        with open(self.path("folder", "model.qamw"), "wb") as file:
            file.write(b"no model")
        with self.assertRaises(qamw.Error):
            AutoModelForCausalLM.from_pretrained(self.path("folder"))
        experts = os.path.join(ROOT, "testdata", "inference", "mixtral")
        qamw.quantize(experts, self.path("model.qamw"), bits=5.5, calibrate=False, replace=True)
        export(self.path("model.qamw"), self.path("experts"))
        with self.assertRaisesRegex(qamw.InvalidArgumentError, "experts"):
            AutoModelForCausalLM.from_pretrained(self.path("experts"))


if __name__ == "__main__":
    unittest.main()
