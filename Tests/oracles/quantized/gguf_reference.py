"""Runs llama.cpp's convert_hf_to_gguf.py on a folder, without its tokenizer, which may be unknown: gguf_reference.py LLAMA_CPP FOLDER OUTPUT.gguf"""

import runpy
import sys

root, folder, output = sys.argv[1:]
sys.path[:0] = [root, f"{root}/gguf-py"]
import conversion  # noqa: E402
import gguf  # noqa: E402

known = conversion.get_model_class


def without_vocabulary(*arguments, **more):
    model = known(*arguments, **more)
    made = model.__init__

    def with_rotary_share(self, *arguments, **more):
        made(self, *arguments, **more)
        # It reads the configuration by transformers, which has renamed the key that it wants.
        self.hparams.setdefault("rotary_pct", self.rope_parameters.get("partial_rotary_factor", 1.0))

    model.__init__ = with_rotary_share
    model.set_vocab = lambda self: gguf.SpecialVocab(self.dir_model, load_merges=False).add_to_gguf(self.gguf_writer)
    return model


conversion.get_model_class = without_vocabulary
sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", output, "--outtype", "bf16"]
runpy.run_path(f"{root}/convert_hf_to_gguf.py", run_name="__main__")
