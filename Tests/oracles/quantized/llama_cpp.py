"""Log probabilities of next tokens: by llama.cpp, as PyPI's xllamacpp, and by transformers in float32.

    python llama_cpp.py MODEL.gguf IDS.json [ADAPTER.gguf]    prints llama.cpp's as JSON: token id -> log probability"""

import json
import os
import subprocess
import sys
import tempfile

# llama.cpp gives those of the likeliest tokens.
COUNT = 50


def by_llama_cpp(model, ids, adapter=None):
    """In a process of its own, which a model that llama.cpp refuses ends. Returns the values by token, or what it said."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(ids, file)
        file.flush()
        done = subprocess.run([sys.executable, os.path.abspath(__file__), model, file.name, *([adapter] if adapter else [])], capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr + done.stdout)[-500:]
    return {int(token): value for token, value in json.loads(done.stdout.splitlines()[-1]).items()}, ""


def by_transformers(folder, ids):
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0, -1].double(), -1).tolist()


def check(tally, what, gguf, folder, ids, adapter=None, bound=1e-2):
    """The two agree; `folder` is the plain model in Hugging Face's form, `gguf` and `adapter` what the command made."""
    found, message = by_llama_cpp(gguf, ids, adapter)
    if tally.check(found, f"{what}: llama.cpp: {message}"):
        expected = by_transformers(folder, ids)
        worst = max(abs(value - expected[token]) for token, value in found.items())
        tally.check(worst < bound, f"{what}: log probabilities in llama.cpp differ from those of transformers by {worst}")


def main():
    import xllamacpp

    model, ids, *adapters = sys.argv[1:]
    with open(ids) as file:
        ids = json.load(file)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.verbosity = 256, 1, False, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # Flash attention and the cache round to half precision otherwise.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in adapters]
    answer = xllamacpp.Server(parameters).handle_completions({
        "prompt": ids, "n_predict": 1, "n_probs": COUNT, "temperature": 0, "samplers": [], "post_sampling_probs": False, "cache_prompt": False,
        # Its choice decides whether it answers: none for an end of text or a part of a character. The probabilities are those before the bias.
        "logit_bias": [["a", 1000]],
    })
    answer = answer if isinstance(answer, dict) else answer[0]
    answer = answer.get("choices", [answer])[0]
    first = (answer.get("completion_probabilities") or answer["logprobs"]["content"])[0]
    print(json.dumps({entry["id"]: entry["logprob"] for entry in first.get("top_logprobs") or first["probs"]}))


if __name__ == "__main__":
    main()
