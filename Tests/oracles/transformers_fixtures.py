"""Writes testdata/inference/MODEL for each architecture that `qamw` runs: a tiny model made by transformers' own class, a text, its logits, and moments of
its gradients, in float64.

    transformers_fixtures.py OUTPUT_FOLDER [NAME...]
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

import transformers_models as models

SHARED = models.SHARED | {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "pad_token_id": None}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
LATENT = {"kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 12, "num_key_value_heads": 4}
MULTIPLIERS = {"attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "logits_scaling": 2.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
TIED = {"tie_word_embeddings": True}

# Shapes that cover what the forward pass distinguishes. Windows are shorter than the text.
CONFIGURATIONS = {
    "gemma": ("Gemma", {"head_dim": 12} | TIED),
    "gemma2": ("Gemma2", {"head_dim": 8, "query_pre_attn_scalar": 12, "sliding_window": 6, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 4.0} | TIED),
    "gemma3": ("Gemma3Text", {
        "head_dim": 8, "query_pre_attn_scalar": 12, "sliding_window": 6, "num_hidden_layers": 3,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}} | TIED),
    "phi3": ("Phi3", {"pad_token_id": 2, "sliding_window": 9}),
    "phi3-long": ("Phi3", {
        "pad_token_id": 2, "original_max_position_embeddings": 16, "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "original_max_position_embeddings": 16,
            "short_factor": [1.0, 1.5], "long_factor": [1.25, 4.0]}}),
    "granite": ("Granite", MULTIPLIERS),
    "olmo2": ("Olmo2", {}),
    "olmo3": ("Olmo3", {
        "num_hidden_layers": 3, "sliding_window": 6, "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        "rope_parameters": {"full_attention": YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}),
    "glm4": ("Glm4", {"pad_token_id": 2, "head_dim": 8, "attention_bias": True}),
    "smollm3": ("SmolLM3", {"pad_token_id": 2, "num_hidden_layers": 4} | TIED),
    "exaone4": ("Exaone4", {"sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"], "sliding_window_pattern": 4}),
    "ernie4_5": ("Ernie4_5", {"head_dim": 8} | TIED),
    "seed_oss": ("SeedOss", {"head_dim": 12, "attention_out_bias": False}),
    "arcee": ("Arcee", {}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "qwen2_moe": ("Qwen2Moe", EXPERTS | {"num_experts": 4, "shared_expert_intermediate_size": 24}),
    "qwen3_moe": ("Qwen3Moe", EXPERTS | {"num_experts": 4, "head_dim": 12, "norm_topk_prob": True}),
    "olmoe": ("Olmoe", {"num_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 4, "intermediate_size": 16}),
    "glm4_moe": ("Glm4Moe", EXPERTS | {
        "n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "head_dim": 8, "num_nextn_predict_layers": 0, "use_qk_norm": True,
        "routed_scaling_factor": 1.5}),
    "minimax_m2": ("MiniMaxM2", {
        "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8, "intermediate_size": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5000000.0, "partial_rotary_factor": 0.5}}),
    "dots1": ("Dots1", EXPERTS | {
        "n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "head_dim": 8, "sliding_window": None, "num_key_value_heads": 4}),
    "ernie4_5_moe": ("Ernie4_5_Moe", {
        "moe_num_experts": 4, "moe_k": 2, "moe_num_shared_experts": 2, "moe_intermediate_size": 16, "moe_layer_start_index": 1, "head_dim": 8} | TIED),
    "deepseek_v2": ("DeepseekV2", EXPERTS | LATENT | {
        "n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "q_lora_rank": None, "topk_method": "greedy", "norm_topk_prob": False,
        "routed_scaling_factor": 1.0}),
    "deepseek_v3": ("DeepseekV3", EXPERTS | LATENT | {
        "n_routed_experts": 6, "n_shared_experts": 1, "first_k_dense_replace": 1, "q_lora_rank": 24, "n_group": 3, "topk_group": 2,
        "rope_parameters": YARN | {"mscale": 0.8, "mscale_all_dim": 0.8}}),
    "granitemoe": ("GraniteMoe", MULTIPLIERS | {"num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 16}),
    "granitemoeshared": ("GraniteMoeShared", MULTIPLIERS | {
        "num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 16, "shared_intermediate_size": 24}),
    "gpt_oss": ("GptOss", {
        "rope_parameters": YARN | {"rope_theta": 150000.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}, "num_local_experts": 4,
        "num_experts_per_tok": 2, "head_dim": 8, "intermediate_size": 32, "sliding_window": 6}),
}
LENGTH = 60


def made(name: str, seed: int):
    models.CONFIGURATIONS, models.SHARED = CONFIGURATIONS, SHARED
    return models.model(name, seed)


class Products:
    """Sums g gT over the gradients at the products of each matrix, by the matrix."""

    def __init__(self):
        self.sums = {}
        self.count = 0

    def __enter__(self):
        self.plain = plain = torch.nn.functional.linear

        def linear(x, weight, bias=None):
            out = plain(x, weight, bias)
            if out.requires_grad:
                key = (weight.data_ptr(), tuple(weight.shape))
                out.register_hook(lambda gradient: self.add(key, weight.detach(), gradient))
            return out

        torch.nn.functional.linear = linear
        return self

    def __exit__(self, *_):
        torch.nn.functional.linear = self.plain

    def add(self, key, weight, gradient):
        flat = gradient.reshape(-1, gradient.shape[-1])
        total = self.sums.get(key, (weight, 0))[1]
        self.sums[key] = (weight, total + flat.T @ flat)

    def moments(self, tensors):
        """By the names of a checkpoint, whose matrices may be part of the rows of those that are multiplied."""
        found = {}
        for name, tensor in tensors.items():
            if tensor.dim() != 2 or ".layers." not in name:
                continue
            for weight, total in self.sums.values():
                for start in (0, tensor.shape[0]):
                    rows = slice(start, start + tensor.shape[0])
                    if weight.shape[1] == tensor.shape[1] and weight[rows].shape == tensor.shape and torch.equal(weight[rows], tensor.double()):
                        found[name] = total[rows, rows] / self.count
        return found


def write(output: Path, name: str, seed: int):
    folder = output / name
    model = made(name, seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text()) | models.PUBLISHED.get(name, {})
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors, folder / "model.safetensors")

    # Not converted from bfloat16, in which rotary frequencies would lose bits.
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").double().eval()
    random = np.random.default_rng(seed)
    tokens = random.integers(0, 64, LENGTH)
    (folder / "tokens.u16").write_bytes(tokens.astype("<u2").tobytes())
    with torch.no_grad():
        logits = model(torch.tensor(tokens)[None], use_cache=False).logits[0]
    (folder / "logits.f32").write_bytes(logits.numpy().astype("<f4").tobytes())

    window = torch.tensor(np.concatenate([tokens, tokens[::-1]]))
    # So many that the tokens of each expert suffice for its statistics.
    labels = random.integers(0, 64, (4, len(window)))
    (folder / "labels.u16").write_bytes(labels.astype("<u2").tobytes())
    with Products() as products:
        for row in labels:
            predictions = model(window[None], use_cache=False).logits[0]
            torch.nn.functional.cross_entropy(predictions, torch.tensor(row), reduction="sum").backward()
            products.count += len(row)
    figures = {key: torch.stack([moment.diag(), moment[0]]).float() for key, moment in products.moments(tensors).items()}
    save_file({key: value.contiguous() for key, value in figures.items()}, folder / "gradients.safetensors")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), len(figures), "of", sum(t.dim() == 2 for t in tensors.values()))


def main(output: str, *names: str):
    for seed, name in enumerate(CONFIGURATIONS):
        if not names or name in names:
            write(Path(output), name, seed)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
