"""The types that llama.cpp gives the tensors of its mixtures: compiles the functions of its source that choose them, alone, and
writes what they choose for models of several shapes to testdata/golden/ggml/mixtures.json, or compares it with that file.

    mixtures.py LLAMA_CPP_SOURCE SCRATCH [--write]
"""
import json
import re
import subprocess
import sys
from pathlib import Path

import library

GOLDEN = Path(__file__).parents[3] / "testdata" / "golden" / "ggml" / "mixtures.json"
FILE_TYPES = {
    "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15,
    "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "q2_k_s": 21, "iq4_nl": 25, "iq4_xs": 30, "mxfp4_moe": 38,
}
LETTERS = {"F32": "-", "Q4_0": "a", "Q4_1": "b", "Q5_0": "c", "Q5_1": "d", "Q8_0": "8", "Q2_K": "2", "Q3_K": "3", "Q4_K": "4", "Q5_K": "5",
           "Q6_K": "6", "IQ4_NL": "n", "IQ4_XS": "x", "MXFP4": "m"}
MODELS = [
    {"architecture": "llama", "layers": 6, "width": 256, "keys": 128, "inner": 768, "experts": 0, "queriesPerKey": 2, "head": False, "fused": False},
    {"architecture": "llama", "layers": 32, "width": 512, "keys": 128, "inner": 1024, "experts": 0, "queriesPerKey": 4, "head": True, "fused": False},
    {"architecture": "llama", "layers": 80, "width": 512, "keys": 64, "inner": 1024, "experts": 0, "queriesPerKey": 8, "head": True, "fused": False},
    {"architecture": "llama", "layers": 32, "width": 512, "keys": 128, "inner": 1024, "experts": 8, "queriesPerKey": 4, "head": True, "fused": False},
    {"architecture": "qwen3moe", "layers": 28, "width": 256, "keys": 64, "inner": 256, "experts": 16, "queriesPerKey": 4, "head": False, "fused": False},
    {"architecture": "qwen2", "layers": 24, "width": 896, "keys": 128, "inner": 4864, "experts": 0, "queriesPerKey": 7, "head": False, "fused": False},
    {"architecture": "falcon", "layers": 32, "width": 512, "keys": 64, "inner": 2048, "experts": 0, "queriesPerKey": 8, "head": True, "fused": True},
    {"architecture": "gemma3", "layers": 18, "width": 640, "keys": 256, "inner": 2048, "experts": 0, "queriesPerKey": 4, "head": False, "fused": False},
]

# What the functions refer to, without the rest of the program.
BEFORE = r"""
#include "ggml.h"
#include "llama.h"
#include <algorithm>
#include <cstring>
#include <cinttypes>
#include <iostream>
#include <map>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>
enum llm_arch { LLM_ARCH_LLAMA, LLM_ARCH_FALCON, LLM_ARCH_BAILINGMOE3, LLM_ARCH_OTHER };
enum llm_type { LLM_TYPE_UNKNOWN, LLM_TYPE_70B };
enum { LLM_TENSOR_POS_EMBD, LLM_TENSOR_TOKEN_TYPES };
struct LLM_TN {
    LLM_TN(llm_arch) {}
    std::string operator()(int t, const char *) { return t == LLM_TENSOR_POS_EMBD ? "position_embd.weight" : "token_types.weight"; }
};
#define LLAMA_LOG_WARN(...) do {} while (0)
template <class... A> std::string format(const char * f, A... a) { char b[500]; snprintf(b, sizeof b, f, a...); return b; }
struct hparams_of { uint32_t n_expert, n_layer_all, gqa; uint32_t n_gqa(uint32_t = 0) const { return gqa; } };
struct llama_model { llm_arch arch; llm_type type; hparams_of hparams; };
"""
AFTER = r"""
int main() {
    std::string arch;
    uint32_t layers, experts, gqa;
    int ftype, imatrix, n;
    while (std::cin >> arch >> layers >> experts >> gqa >> ftype >> imatrix >> n) {
        bool large = layers == 80 && ((arch == "llama" && gqa != 1) || arch == "qwen2");
        llama_model model{arch == "llama" ? LLM_ARCH_LLAMA : arch == "falcon" ? LLM_ARCH_FALCON : LLM_ARCH_OTHER,
                          large ? LLM_TYPE_70B : LLM_TYPE_UNKNOWN, {experts, layers, gqa}};
        llama_model_quantize_params p{};
        p.ftype = (llama_ftype)ftype;
        p.output_tensor_type = p.token_embedding_type = GGML_TYPE_COUNT;
        p.quantize_output_tensor = true;
        quantize_state_impl state(model, &p);
        state.has_imatrix = imatrix;
        std::vector<ggml_tensor> tensors(n);
        std::vector<tensor_metadata> metadata(n);
        for (int i = 0; i < n; i++) {
            tensors[i] = {};
            std::cin >> metadata[i].name >> tensors[i].ne[0] >> tensors[i].ne[1] >> tensors[i].ne[2];
            tensors[i].ne[3] = 1;
            tensors[i].type = GGML_TYPE_F32;
            strcpy(tensors[i].name, metadata[i].name.c_str());
        }
        init_quantize_state_counters(state, metadata);
        for (int i = 0; i < n; i++)
            std::cout << ggml_type_name(llama_tensor_get_type(state, &p, &tensors[i], llama_ftype_get_default_type(p.ftype), metadata[i])) << '\n';
    }
}
"""


def part(text: str, start: str, end: str) -> str:
    """From a line to another, both given by their beginnings; the comment lines around headings are cut off."""
    found = re.search(rf"^{re.escape(start)}.*?(?=^{re.escape(end)})", text, re.M | re.S)
    if not found:
        sys.exit(f"llama-quant.cpp has no part from \"{start}\" to \"{end}\"")
    return re.sub(r"//\n*\Z", "", found.group())


def program(source: Path, scratch: Path) -> Path:
    text = (source / "src/llama-quant.cpp").read_text()
    parts = [
        part(text, "enum class tensor_category", "static void zeros"), part(text, "// helper functions for tensor name matching", "// dequantization"),
        part(text, "// do we allow this tensor", "// quantization implementation"), part(text, "// given a file type, get the default", "// main quantization driver"),
    ]
    (scratch / "types.cpp").write_text("\n".join([BEFORE, *parts, AFTER]))
    include = [f"-I{source}/include", f"-I{source}/ggml/include"]
    subprocess.run(["c++", "-std=c++17", "-O1", "-w", *include, "-c", str(scratch / "types.cpp"), "-o", str(scratch / "types.o")], check=True)
    subprocess.run(["c++", str(scratch / "types.o"), *library.objects(source, scratch), "-lm", "-lpthread", "-o", str(scratch / "types")], check=True)
    return scratch / "types"


def tensors(model: dict) -> list[tuple[str, str, int, int, int]]:
    """Name, role and dimensions of each tensor, in llama.cpp's order: by layers, then by names."""
    width, inner, experts = model["width"], model["inner"], model["experts"]
    outside = [("output_norm.weight", "norm", width, 1, 1), ("token_embd.weight", "embedding", width, 512, 1)]
    if model["head"]:
        outside.append(("output.weight", "head", width, 512, 1))
    roles = [("attn_output", width, width, 1), ("attn_norm", width, 1, 1)]
    roles += [("attn_qkv", width, 3 * width, 1)] if model["fused"] else [("attn_q", width, width, 1), ("attn_k", width, model["keys"], 1), ("attn_v", width, model["keys"], 1)]
    if experts:
        roles += [("ffn_gate_inp", width, experts, 1), ("ffn_gate_exps", width, inner, experts), ("ffn_up_exps", width, inner, experts), ("ffn_down_exps", inner, width, experts)]
    else:
        roles += [("ffn_gate", width, inner, 1), ("ffn_up", width, inner, 1), ("ffn_down", inner, width, 1)]
    layers = [(f"blk.{layer}.{role}.weight", role, *dimensions) for layer in range(model["layers"]) for role, *dimensions in sorted(roles, key=lambda r: r[0] + ".weight")]
    return sorted(outside) + layers


def choose(types: Path, model: dict, file_type: int, weighted: bool) -> dict[str, str]:
    """For each role a letter a layer, or one if all are equal."""
    listed = tensors(model)
    lines = [f"{model['architecture']} {model['layers']} {model['experts']} {model['queriesPerKey']} {file_type} {int(weighted)} {len(listed)}"]
    lines += [f"{name} {a} {b} {c}" for name, _, a, b, c in listed]
    out = subprocess.run([types], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.split()
    chosen: dict[str, str] = {}
    for (_, role, *_), name in zip(listed, out, strict=True):
        chosen[role] = chosen.get(role, "") + LETTERS[name.upper()]
    return {role: text[0] if len(set(text)) == 1 else text for role, text in sorted(chosen.items())}


def main(source: str, scratch: str, *options: str):
    types = program(Path(source), Path(scratch))
    made = {"letters": {letter: name for name, letter in LETTERS.items()}, "models": []}
    for model in MODELS:
        chosen = {}
        for name, number in FILE_TYPES.items():
            chosen[name] = choose(types, model, number, False)
            weighted = choose(types, model, number, True)
            if weighted != chosen[name]:
                chosen[f"{name} weighted"] = weighted
        made["models"].append({**model, "types": chosen})
    # A line for each model.
    text = json.dumps(made).replace('"models": [', '"models": [\n').replace("}}}, {", "}}},\n{") + "\n"
    if "--write" in options:
        GOLDEN.write_text(text)
    elif GOLDEN.read_text() != text:
        sys.exit(f"{GOLDEN} differs from what this llama.cpp chooses")
    print(f"{len(MODELS)} models, {len(FILE_TYPES)} mixtures: {'written' if '--write' in options else 'as in mixtures.json'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
