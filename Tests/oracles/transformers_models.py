"""Tiny models with random weights, one or more for each architecture that `convert` knows, made by transformers' own classes.

A configuration is the class's name without "Config", and what differs from SHARED, which every class takes what it knows of."""

import torch
import transformers

# The vocabulary is that of testdata/wikilm-tiny's tokenizer.
SHARED = {
    "vocab_size": 4096, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 512, "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None,
}

CONFIGURATIONS = {
    "llama": ("Llama", {}),
    "mistral": ("Mistral", {"sliding_window": None}),
    "qwen2": ("Qwen2", {}),
    "qwen3": ("Qwen3", {"head_dim": 24}),
    "gemma2": ("Gemma2", {"head_dim": 16, "query_pre_attn_scalar": 16, "tie_word_embeddings": True}),
    "gemma3": ("Gemma3Text", {"head_dim": 16, "query_pre_attn_scalar": 16, "tie_word_embeddings": True, "num_hidden_layers": 7}),
    "phi3": ("Phi3", {"num_key_value_heads": 4, "pad_token_id": 2}),
    "gemma": ("Gemma", {"head_dim": 24, "tie_word_embeddings": True}),
    "smollm3": ("SmolLM3", {"pad_token_id": 2, "num_hidden_layers": 5, "tie_word_embeddings": True}),
    "olmo": ("Olmo", {}),
    "olmo-clipped": ("Olmo", {"clip_qkv": 0.5}),
    "olmo2": ("Olmo2", {}),
    "olmo3": ("Olmo3", {"num_hidden_layers": 5, "sliding_window": 6}),
    "granite": ("Granite", {"attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "logits_scaling": 2.0}),
    "stablelm": ("StableLm", {}),
    "stablelm-normed": ("StableLm", {"qk_layernorm": True, "use_parallel_residual": True}),
    "stablelm-biased": ("StableLm", {"use_qkv_bias": True, "partial_rotary_factor": 0.5}),
    "starcoder2": ("Starcoder2", {"tie_word_embeddings": True, "sliding_window": None}),
    "phi": ("Phi", {"num_key_value_heads": 4, "intermediate_size": 256}),
    "cohere": ("Cohere", {"tie_word_embeddings": True}),
    "cohere-normed": ("Cohere", {"tie_word_embeddings": True, "use_qk_norm": True, "num_hidden_layers": 64, "hidden_size": 32}),
    "cohere2": ("Cohere2", {"num_hidden_layers": 5, "tie_word_embeddings": True, "sliding_window": 6, "rotary_pct": 1.0}),
    "exaone4": ("Exaone4", {"num_hidden_layers": 5, "sliding_window": None, "layer_types": ["full_attention"] * 5}),
    "exaone4-windows": ("Exaone4", {"num_hidden_layers": 64, "hidden_size": 32, "sliding_window": 6, "sliding_window_pattern": 4}),
    "glm4": ("Glm4", {"pad_token_id": 2, "head_dim": 16}),
    "ernie4_5": ("Ernie4_5", {"tie_word_embeddings": True}),
    "seed_oss": ("SeedOss", {"head_dim": 24, "attention_out_bias": False}),
    "nemotron": ("Nemotron", {"head_dim": 16}),
    "arcee": ("Arcee", {}),
    "internlm3": ("InternLM3", {"head_dim": 16}),
    "gpt2": ("GPT2", {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 512, "n_ctx": 512, "tie_word_embeddings": True}),
    "gpt_bigcode": ("GPTBigCode", {"num_key_value_heads": 1, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 512, "tie_word_embeddings": True}),
    "gpt_neox": ("GPTNeoX", {"intermediate_size": 256}),
    "gpt_neox-serial": ("GPTNeoX", {"hidden_act": "gelu_new", "use_parallel_residual": False, "rotary_pct": 0.5}),
    "bloom": ("Bloom", {"n_layer": 3, "n_head": 4, "tie_word_embeddings": True}),
    "qwen2_moe": ("Qwen2Moe", {
        "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 48}),
    "qwen3_moe": ("Qwen3Moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 24, "norm_topk_prob": True}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "olmoe": ("Olmoe", {"num_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 4}),
    "granitemoe": ("GraniteMoe", {
        "num_local_experts": 4, "num_experts_per_tok": 2, "attention_multiplier": 0.2, "embedding_multiplier": 3.0, "residual_multiplier": 0.4,
        "logits_scaling": 2.0}),
    "granitemoeshared": ("GraniteMoeShared", {
        "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 48, "attention_multiplier": 0.2, "embedding_multiplier": 3.0,
        "residual_multiplier": 0.4, "logits_scaling": 2.0}),
    "gpt_oss": ("GptOss", {
        "rope_parameters": {"rope_type": "default", "rope_theta": 150000.0},
        "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16, "hidden_size": 64, "intermediate_size": 64, "sliding_window": 6,
        "num_hidden_layers": 4}),
    "deepseek_v2": ("DeepseekV2", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32, "first_k_dense_replace": 1,
        "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4,
        "topk_method": "greedy", "norm_topk_prob": False}),
    "deepseek_v2-lite": ("DeepseekV2", {
        "num_hidden_layers": 27,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 2, "moe_intermediate_size": 32, "first_k_dense_replace": 1,
        "q_lora_rank": None, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4,
        "topk_method": "greedy", "norm_topk_prob": False}),
    "deepseek_v3": ("DeepseekV3", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32, "first_k_dense_replace": 1,
        "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4, "n_group": 1,
        "topk_group": 1}),
    "deepseek_v3-yarn": ("DeepseekV3", {
        "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32, "first_k_dense_replace": 1,
        "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4, "n_group": 4,
        "topk_group": 2, "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 128, "beta_fast": 32, "beta_slow": 1,
            "mscale": 1.0, "mscale_all_dim": 1.0}}),
    "glm4_moe_lite": ("Glm4MoeLite", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "q_lora_rank": 24, "kv_lora_rank": 32, "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8, "v_head_dim": 16, "num_key_value_heads": 4}),
    "glm4_moe": ("Glm4Moe", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "head_dim": 16,
        "num_nextn_predict_layers": 0, "use_qk_norm": True}),
    "minimax_m2": ("MiniMaxM2", {
        "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5000000.0, "partial_rotary_factor": 0.5}}),
    "dots1": ("Dots1", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "head_dim": 16,
        "sliding_window": None, "num_key_value_heads": 4}),
    "ernie4_5_moe": ("Ernie4_5_Moe", {
        "moe_num_experts": 4, "moe_k": 2, "moe_num_shared_experts": 2, "intermediate_size": 128, "moe_intermediate_size": 32, "moe_layer_start_index": 1,
        "tie_word_embeddings": True}),
}

# What the published files of a model say, and transformers' own do not any more.
PUBLISHED = {
    "minimax_m2": {"rotary_dim": 8, "scoring_func": "sigmoid"},
    "gpt_neox": {"rotary_pct": 0.25}, "gpt_neox-serial": {"rotary_pct": 0.5}, "bloom": {"seq_length": 512}, "deepseek_v3": {"scoring_func": "sigmoid"},
    "deepseek_v3-yarn": {"scoring_func": "sigmoid"}, "deepseek_v2": {"scoring_func": "softmax"}, "dots1": {"scoring_func": "sigmoid"},
    "glm4_moe_lite": {"first_k_dense_replace": 1, "scoring_func": "sigmoid"}, "internlm3": {"architectures": ["InternLM3ForCausalLM"]},
}


def model(name, seed):
    """In bfloat16."""
    kind, more = CONFIGURATIONS[name]
    chosen = getattr(transformers, kind + "Config")
    config = chosen(**{key: value for key, value in SHARED.items() if key in chosen().to_dict() or key == "tie_word_embeddings"} | more)
    torch.manual_seed(seed)
    made = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for key, value in list(made.named_parameters()) + list(made.named_buffers()):
        if not value.is_floating_point() or key.endswith(("inv_freq", "original_inv_freq", "embed_scale")):
            continue
        # Away from the values that a fresh model has, so that a norm or bias that is left out is seen.
        spread = torch.randn_like(value)
        if key.endswith("correction_bias"):
            # A choice that does not follow the scores alone, and yet uses all experts.
            value.data = 0.1 * spread
        elif key.endswith("bias") or key.endswith("sinks"):
            value.data = 0.3 * spread
        elif value.dim() == 1:
            value.data = value.data + 0.2 * spread
        elif "embed_tokens" in key or ".wte" in key or ".wpe" in key or "embed_in" in key or "word_embeddings." in key:
            value.data = spread
        else:
            value.data = spread * 2 / value.shape[-1] ** 0.5
    return made.to(torch.bfloat16).eval()
