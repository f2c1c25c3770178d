"""Reference forward pass of every architecture that qamw converts, from weights with Hugging Face names."""
import numpy as np


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def frequencies(config, size, local):
    """Radians per position for each pair of a head, and the factor of cosine and sine."""
    theta = config["rope_local_base_freq" if local else "rope_theta"]
    plain = 1 / theta ** (np.arange(0, size, 2) / size)
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type"))
    if local or kind is None:
        return plain, 1.0
    if kind == "linear":
        return plain / scaling["factor"], 1.0
    original = scaling.get("original_max_position_embeddings") or config["original_max_position_embeddings"]
    if kind == "longrope":
        scale = config["max_position_embeddings"] / original
        return plain / np.array(scaling["short_factor"]), np.sqrt(1 + np.log(scale) / np.log(original)) if scale > 1 else 1.0
    assert kind == "llama3"
    waves = 2 * np.pi / plain
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = (original / waves - low) / (high - low)
    mixed = (1 - smooth) * plain / scaling["factor"] + smooth * plain
    return np.where(waves > original / low, plain / scaling["factor"], np.where(waves < original / high, plain, mixed)), 1.0


def rotate(x, angles, factor):
    """x: positions x heads x size. The elements of a pair are half a head apart."""
    cosine, sine = (np.concatenate([f(angles)] * 2, -1)[:, None, :] * factor for f in (np.cos, np.sin))
    half = x.shape[-1] // 2
    return x * cosine + np.concatenate([-x[..., half:], x[..., :half]], -1) * sine


def logits(config, weights, tokens, observe=None):
    """positions x vocabulary. `observe` gets each matrix's name, without `.weight`, and its input vectors."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    kind, epsilon = config["model_type"], config["rms_norm_eps"]
    gemma = kind.startswith("gemma")
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    count = len(tokens)

    def norm(x, name):
        return rms_norm(x, w[f"{name}.weight"] + gemma, epsilon)

    def linear(x, name):
        if observe:
            observe(name, x)
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)

    def attention(x, prefix, layer):
        if kind == "phi3":
            q, k, v = np.split(linear(x, f"{prefix}.qkv_proj"), [heads * size, (heads + kv) * size], -1)
        else:
            q, k, v = (linear(x, f"{prefix}.{name}_proj") for name in "qkv")
        q, k, v = q.reshape(count, heads, size), k.reshape(count, kv, size), v.reshape(count, kv, size)
        if f"{prefix}.q_norm.weight" in w:
            q, k = norm(q, f"{prefix}.q_norm"), norm(k, f"{prefix}.k_norm")
        pattern = {"gemma2": 2}.get(kind) or config.get("sliding_window_pattern")
        local = pattern is not None and (layer + 1) % pattern != 0
        radians, factor = frequencies(config, size, local and kind == "gemma3_text")
        angles = np.arange(count)[:, None] * radians
        q, k = rotate(q, angles, factor), rotate(k, angles, factor)
        k, v = (np.repeat(t, heads // kv, 1) for t in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / config.get("query_pre_attn_scalar", size) ** 0.5
        if cap := config.get("attn_logit_softcapping"):
            scores = cap * np.tanh(scores / cap)
        distance = np.arange(count)[:, None] - np.arange(count)
        seen = distance >= 0
        if local or kind == "mistral" and config.get("sliding_window"):
            seen &= distance < config["sliding_window"]
        scores = np.where(seen, scores, -np.inf)
        return linear(np.einsum("hij,jhd->ihd", softmax(scores), v).reshape(count, -1), f"{prefix}.o_proj")

    def feed_forward(x, prefix):
        if kind == "phi3":
            gate, up = np.split(linear(x, f"{prefix}.gate_up_proj"), 2, -1)
        else:
            gate, up = linear(x, f"{prefix}.gate_proj"), linear(x, f"{prefix}.up_proj")
        return linear((gelu if gemma else silu)(gate) * up, f"{prefix}.down_proj")

    x = w["model.embed_tokens.weight"][tokens] * (config["hidden_size"] ** 0.5 if gemma else 1)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        a = attention(norm(x, f"{prefix}.input_layernorm"), f"{prefix}.self_attn", layer)
        if gemma:
            x = x + norm(a, f"{prefix}.post_attention_layernorm")
            f = feed_forward(norm(x, f"{prefix}.pre_feedforward_layernorm"), f"{prefix}.mlp")
            x = x + norm(f, f"{prefix}.post_feedforward_layernorm")
        else:
            x = x + a
            x = x + feed_forward(norm(x, f"{prefix}.post_attention_layernorm"), f"{prefix}.mlp")
    x = norm(x, "model.norm")
    head = w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
    result = x @ head.T
    if cap := config.get("final_logit_softcapping"):
        result = cap * np.tanh(result / cap)
    return result
