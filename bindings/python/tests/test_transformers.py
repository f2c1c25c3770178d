"""The method `qamw` of transformers: models from packed safetensors, from .qamw files and quantized while loading, compared with the decoded model."""

import importlib.util
import json
import os
import shutil
import subprocess
import unittest

import numpy as np

from support import ROOT, FileTest
import qamw

MODEL = os.path.join(ROOT, "testdata", "wikilm-tiny")
COMMAND = os.path.join(ROOT, ".build", "release", "qamw")
PROMPT = "The old tower was built in"
HAS_TRANSFORMERS = all(importlib.util.find_spec(name) is not None for name in ("torch", "transformers"))

if HAS_TRANSFORMERS:
    import torch
    import qamw.transformers
    from qamw.torch import QAMEmbedding, QAMLinear
    from qamw.transformers import QAMConfig
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer


@unittest.skipUnless(HAS_TRANSFORMERS, "the package transformers is not installed")
class Transformers(FileTest):
    def setUp(self):
        super().setUp()
        self.coded = os.path.join(self.folder, "model.qamw")
        qamw.quantize(MODEL, self.coded, bits=4.5, calibrate=False, recipe="all")
        self.ids = AutoTokenizer.from_pretrained(MODEL)(PROMPT, return_tensors="pt")["input_ids"]

    def run_command(self, *arguments):
        if not os.path.exists(COMMAND):
            self.skipTest("the command is not built")
        return subprocess.run([COMMAND, *arguments], check=True, capture_output=True, text=True).stdout

    def packed(self, *options):
        folder = os.path.join(self.folder, "packed")
        os.makedirs(folder)
        self.run_command("convert", self.coded, folder, "--to", "safetensors", "--packed", *options)
        return folder

    def beside(self, **configuration):
        """A folder with the .qamw file and the files that transformers reads."""
        folder = os.path.join(self.folder, "beside")
        os.makedirs(folder)
        shutil.copy(self.coded, folder)
        for name in ("tokenizer.json", "config.json"):
            shutil.copy(os.path.join(MODEL, name), folder)
        path = os.path.join(folder, "config.json")
        with open(path) as file:
            config = json.load(file)
        with open(path, "w") as file:
            json.dump({**config, **configuration}, file)
        return folder

    def load(self, folder, **options):
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **options)
        self.assertEqual({key: list(found) for key, found in info.items() if found}, {})
        return model

    def logits(self, model):
        with torch.no_grad():
            return model(self.ids).logits

    def check(self, model):
        """Logits within the error of int8 activations of the decoded model, 28 linear modules, the head and the embedding."""
        kinds = [type(module) for module in model.modules()]
        self.assertEqual((kinds.count(QAMLinear), kinds.count(QAMEmbedding)), (29, 1))
        decoded = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
        with qamw.open(self.coded) as file:
            decoded.load_state_dict({name: torch.from_numpy(file[name].to_float32()) for name in file}, strict=False)
        decoded.tie_weights()
        exact, found = self.logits(decoded), self.logits(model)
        error = ((found - exact).norm() / exact.norm()).item()
        self.assertTrue(0 < error < 0.03, error)
        return found

    def test_packed_safetensors(self):
        folder = self.packed()
        self.assertEqual(AutoConfig.from_pretrained(folder).quantization_config["quant_method"], "qamw")
        model = self.load(folder)
        logits = self.check(model)
        # The weights are the file's own, and save_pretrained writes them again.
        saved = os.path.join(self.folder, "saved")
        model.save_pretrained(saved)
        torch.testing.assert_close(self.logits(self.load(saved)), logits, rtol=0, atol=0)
        again = os.path.join(self.folder, "again.qamw")
        self.run_command("convert", saved, again)
        with qamw.open(self.coded) as first, qamw.open(again) as second:
            self.assertEqual(first.names, second.names)
            for name in first:
                self.assertEqual(first[name].encoding, second[name].encoding)
                np.testing.assert_array_equal(first[name].to_float32(), second[name].to_float32())

    def test_packed_shards(self):
        folder = self.packed("--max-shard-size", "200KB")
        self.assertGreater(sum(name.endswith(".safetensors") for name in os.listdir(folder)), 1)
        model = self.load(folder)
        logits, saved = self.check(model), os.path.join(self.folder, "saved")
        model.save_pretrained(saved)
        torch.testing.assert_close(self.logits(self.load(saved)), logits, rtol=0, atol=0)

    def test_packed_folders_return_to_the_same_file(self):
        again = os.path.join(self.folder, "again.qamw")
        self.run_command("convert", self.packed(), again)
        with open(self.coded, "rb") as first, open(again, "rb") as second:
            self.assertEqual(first.read(), second.read())

    def test_a_qamw_file_in_a_folder(self):
        for config, options in (({"quantization_config": {"quant_method": "qamw"}}, {}), ({}, {"quantization_config": QAMConfig()})):
            folder = self.beside(**config)
            model = self.load(folder, **options)
            self.check(model)
            self.assertFalse(hasattr(model.config, "transformers_weights"))
            with self.assertRaisesRegex(ValueError, "serializable"):
                model.save_pretrained(os.path.join(self.folder, "saved"))
            shutil.rmtree(folder)

    def test_exported_folders(self):
        folder = os.path.join(self.folder, "exported")
        for copy in False, True:
            qamw.transformers.export(self.coded, folder, copy=copy)
            self.assertEqual(os.path.samefile(self.coded, os.path.join(folder, "model.qamw")), True)
            self.check(self.load(folder))
        self.assertEqual(AutoModelForCausalLM.from_pretrained(folder).dtype, torch.float32)
        self.assertEqual(AutoTokenizer.from_pretrained(folder)(PROMPT)["input_ids"], self.ids[0].tolist())
        os.remove(os.path.join(folder, "model.qamw"))
        qamw.transformers.export(self.coded, folder, copy=True)
        self.assertFalse(os.path.samefile(self.coded, os.path.join(folder, "model.qamw")))
        bare = os.path.join(self.folder, "bare")
        os.makedirs(bare)
        shutil.copy(os.path.join(MODEL, "model.safetensors"), bare)
        qamw.quantize(bare, os.path.join(self.folder, "bare.qamw"), bits=4.5, calibrate=False)
        with self.assertRaises(qamw.InvalidArgumentError):
            qamw.transformers.export(os.path.join(self.folder, "bare.qamw"), folder)

    def test_several_files_need_a_name(self):
        folder = self.beside()
        shutil.copy(self.coded, os.path.join(folder, "second.qamw"))
        with self.assertRaisesRegex(qamw.InvalidArgumentError, "second.qamw"):
            self.load(folder, quantization_config=QAMConfig())
        self.check(self.load(folder, quantization_config=QAMConfig(file="second.qamw")))

    def test_plain_weights_are_quantized_while_loading(self):
        model = self.load(MODEL, quantization_config=QAMConfig(bits=4.5, calibrate=False, recipe="all"))
        self.check(model)
        # Without options, by a calibration: the embedding stays plain.
        with self.assertRaises(TypeError):
            self.load(MODEL, quantization_config=QAMConfig(bits=4.5, unknown=1))

    def test_text_is_that_of_the_command(self):
        model, tokenizer = self.load(self.packed()), AutoTokenizer.from_pretrained(MODEL)
        text = tokenizer.decode(model.generate(self.ids, max_new_tokens=16, do_sample=False)[0])
        expected = self.run_command("generate", self.coded, "--prompt", PROMPT, "--count", "16", "--quiet")
        self.assertIn(text[len(PROMPT):].strip(), expected)

    def test_dequantized_models_are_plain(self):
        model = self.load(self.beside(), quantization_config=QAMConfig())
        logits = self.logits(model)
        model.dequantize()
        self.assertFalse(any(isinstance(module, (QAMLinear, QAMEmbedding)) for module in model.modules()))
        error = ((self.logits(model) - logits).norm() / logits.norm()).item()
        self.assertTrue(0 < error < 0.03, error)

    def test_missing_weights_are_refused(self):
        folder = self.beside(quantization_config={"quant_method": "qamw"})
        os.remove(os.path.join(folder, "model.qamw"))
        shutil.copy(os.path.join(MODEL, "model.safetensors"), folder)
        with self.assertRaisesRegex(qamw.InvalidArgumentError, "packed safetensors"):
            self.load(folder)


if __name__ == "__main__":
    unittest.main()
