"""Runs llama.cpp's convert_hf_to_gguf.py on a folder with an unknown tokenizer: gguf_reference.py LLAMA_CPP FOLDER OUTPUT.gguf"""

import runpy
import sys

root, folder, output = sys.argv[1:]
sys.path[:0] = [root, f"{root}/gguf-py"]
from conversion import base  # noqa: E402

base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", output, "--outtype", "bf16"]
runpy.run_path(f"{root}/convert_hf_to_gguf.py", run_name="__main__")
