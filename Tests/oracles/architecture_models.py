"""Tiny models with random weights, one or more per architecture that qamw converts, as Hugging Face checkpoints."""
import json
from pathlib import Path

import numpy as np

VOCABULARY, WIDTH, HIDDEN, LAYERS = 96, 64, 96, 3


def common(model_type: str, class_name: str, **more) -> dict:
    config = {
        "architectures": [class_name], "model_type": model_type, "vocab_size": VOCABULARY, "hidden_size": WIDTH,
        "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": False,
        "hidden_act": "silu", "torch_dtype": "bfloat16",
    }
    return config | more


def configurations() -> dict[str, dict]:
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    pairs = WIDTH // 4 // 2
    longrope = {
        "type": "longrope", "short_factor": [1 + 0.125 * i for i in range(pairs)], "long_factor": [2 + 0.5 * i for i in range(pairs)],
    }
    gemma = {"tie_word_embeddings": True, "hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh"}
    return {
        "llama": common("llama", "LlamaForCausalLM"),
        "llama3": common("llama", "LlamaForCausalLM", tie_word_embeddings=True, attention_bias=True, rope_theta=500000.0, rope_scaling=llama3),
        "mistral": common("mistral", "MistralForCausalLM", head_dim=24, sliding_window=None),
        "qwen2": common("qwen2", "Qwen2ForCausalLM", tie_word_embeddings=True, rope_theta=1000000.0),
        "qwen3": common("qwen3", "Qwen3ForCausalLM", head_dim=24, attention_bias=False),
        "gemma2": common(
            "gemma2", "Gemma2ForCausalLM", head_dim=24, query_pre_attn_scalar=24, sliding_window=5, attn_logit_softcapping=50.0,
            final_logit_softcapping=30.0, **gemma),
        "gemma3": common(
            "gemma3_text", "Gemma3ForCausalLM", head_dim=24, query_pre_attn_scalar=24, sliding_window=5, sliding_window_pattern=3,
            rope_local_base_freq=10000.0, rope_scaling={"rope_type": "linear", "factor": 8.0},
            **gemma | {"num_hidden_layers": 7, "rope_theta": 1000000.0}),
        "phi3": common(
            "phi3", "Phi3ForCausalLM", num_key_value_heads=4, original_max_position_embeddings=256, rope_scaling=longrope, sliding_window=None),
        "phi3-short": common("phi3", "Phi3ForCausalLM", original_max_position_embeddings=512, sliding_window=None),
    }


def tensors(config: dict, seed: int) -> dict[str, np.ndarray]:
    """Weights as float32 numbers that are exact in bfloat16."""
    random = np.random.default_rng(seed)
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    kind, width, hidden = config["model_type"], config["hidden_size"], config["intermediate_size"]
    gemma = kind.startswith("gemma")
    result: dict[str, np.ndarray] = {}

    def matrix(name, rows, columns):
        result[f"{name}.weight"] = random.normal(0, 2 / columns**0.5, (rows, columns))

    def norm(name, columns):
        result[f"{name}.weight"] = random.normal(0 if gemma else 1, 0.2, columns)

    result["model.embed_tokens.weight"] = random.normal(0, 1, (config["vocab_size"], width))
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        norm(f"{prefix}.input_layernorm", width)
        norm(f"{prefix}.post_attention_layernorm", width)
        if gemma:
            norm(f"{prefix}.pre_feedforward_layernorm", width)
            norm(f"{prefix}.post_feedforward_layernorm", width)
        if kind == "phi3":
            matrix(f"{prefix}.self_attn.qkv_proj", (heads + 2 * kv) * size, width)
            matrix(f"{prefix}.mlp.gate_up_proj", 2 * hidden, width)
        else:
            for name, rows in (("q", heads * size), ("k", kv * size), ("v", kv * size)):
                matrix(f"{prefix}.self_attn.{name}_proj", rows, width)
                if kind == "qwen2" or config.get("attention_bias"):
                    result[f"{prefix}.self_attn.{name}_proj.bias"] = random.normal(0, 0.3, rows)
            matrix(f"{prefix}.mlp.gate_proj", hidden, width)
            matrix(f"{prefix}.mlp.up_proj", hidden, width)
        if kind in ("qwen3", "gemma3_text"):
            norm(f"{prefix}.self_attn.q_norm", size)
            norm(f"{prefix}.self_attn.k_norm", size)
        matrix(f"{prefix}.self_attn.o_proj", width, heads * size)
        if kind == "llama" and config.get("attention_bias"):
            result[f"{prefix}.self_attn.o_proj.bias"] = random.normal(0, 0.3, width)
        matrix(f"{prefix}.mlp.down_proj", width, hidden)
    norm("model.norm", width)
    if not config["tie_word_embeddings"]:
        matrix("lm_head", config["vocab_size"], width)
    return {name: rounded(value) for name, value in result.items()}


def rounded(values: np.ndarray) -> np.ndarray:
    bits = values.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype("<u4").view("<f4")


def as_bf16(value: np.ndarray) -> bytes:
    return (value.view("<u4") >> 16).astype("<u2").tobytes()


ENCODINGS = {"BF16": as_bf16, "F16": lambda value: value.astype("<f2").tobytes(), "F32": lambda value: value.astype("<f4").tobytes()}


def write(folder: Path, config: dict, weights: dict[str, np.ndarray], dtype: str = "BF16"):
    """The weights must be exact in the type."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    write_tensors(folder / "model.safetensors", weights, dtype)


def write_tensors(path: Path, weights: dict[str, np.ndarray], dtype: str):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in weights.items():
        payload = ENCODINGS[dtype](value)
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(payload)]}
        data += payload
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
