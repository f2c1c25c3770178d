"""Reference backward pass in float64: the gradients at the outputs of the matrices of llama-family models (llama, mistral, qwen2, qwen3)."""
import numpy as np

import forward

MATRICES = [f"self_attn.{name}_proj" for name in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
MASK = (1 << 64) - 1


def norm_back(gradient, x, weight, epsilon):
    scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon)
    inner = gradient * weight
    return scale * inner - x * scale**3 * (inner * x).mean(-1, keepdims=True)


def gradients(config, weights, tokens, labels):
    """For each matrix, without `.weight`, positions x rows: the gradient of the sum over positions of -log softmax(logits)[label] with
    respect to the matrix's outputs. `labels` are tokens, or a function from probabilities (positions x vocabulary) to tokens.
    Also what concerns the tables of tokens: the head's inputs, the probabilities, and the gradient at the embeddings."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    epsilon, heads, kv = config["rms_norm_eps"], config["num_attention_heads"], config["num_key_value_heads"]
    size, count = config.get("head_dim") or config["hidden_size"] // heads, len(tokens)
    radians, factor = forward.frequencies(config, size, False)
    angles = np.arange(count)[:, None] * radians
    distance = np.arange(count)[:, None] - np.arange(count)
    seen = distance >= 0
    if config["model_type"] == "mistral" and config.get("sliding_window"):
        seen &= distance < config["sliding_window"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)

    def norm(x, name):
        return forward.rms_norm(x, w[f"{name}.weight"], epsilon)

    def spread(x):
        return np.repeat(x, heads // kv, 1)

    # Forward pass; keeps all intermediate values.
    x, kept = w["model.embed_tokens.weight"][tokens], []
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        k = {"x": x}
        normal = norm(x, f"{prefix}.input_layernorm")
        for name, n in (("q", heads), ("k", kv), ("v", kv)):
            k[name] = linear(normal, f"{prefix}.self_attn.{name}_proj").reshape(count, n, size)
        for name in "qk":
            plain = k[name]
            if f"{prefix}.self_attn.q_norm.weight" in w:
                plain = norm(plain, f"{prefix}.self_attn.{name}_norm")
            k[name + "_turned"] = forward.rotate(plain, angles, factor)
        scores = np.einsum("ihd,jhd->hij", k["q_turned"], spread(k["k_turned"])) / size**0.5
        k["p"] = forward.softmax(np.where(seen, scores, -np.inf))
        x = x + linear(np.einsum("hij,jhd->ihd", k["p"], spread(k["v"])).reshape(count, -1), f"{prefix}.self_attn.o_proj")
        k["attended"] = x
        normal = norm(x, f"{prefix}.post_attention_layernorm")
        k["gate"], k["up"] = linear(normal, f"{prefix}.mlp.gate_proj"), linear(normal, f"{prefix}.mlp.up_proj")
        x = x + linear(forward.silu(k["gate"]) * k["up"], f"{prefix}.mlp.down_proj")
        kept.append(k)
    head = w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
    last = norm(x, "model.norm")
    logits = last @ head.T
    assert np.allclose(logits, forward.logits(config, weights, tokens), rtol=1e-9, atol=1e-9)

    # Backward pass.
    probabilities = forward.softmax(logits)
    errors = probabilities.copy()
    errors[np.arange(count), labels(errors.copy()) if callable(labels) else labels] -= 1
    d = norm_back(errors @ head, x, w["model.norm.weight"], epsilon)
    found = {}
    for layer in reversed(range(config["num_hidden_layers"])):
        prefix, k = f"model.layers.{layer}", kept[layer]

        def back(gradient, name):
            found[f"{prefix}.{name}"] = gradient.reshape(count, -1)
            return found[f"{prefix}.{name}"] @ w[f"{prefix}.{name}.weight"]

        product = back(d, "mlp.down_proj")
        share = 1 / (1 + np.exp(-k["gate"]))
        normal = back(product * k["up"] * share * (1 + k["gate"] * (1 - share)), "mlp.gate_proj")
        normal = normal + back(product * k["gate"] * share, "mlp.up_proj")
        d = d + norm_back(normal, k["attended"], w[f"{prefix}.post_attention_layernorm.weight"], epsilon)

        output = back(d, "self_attn.o_proj").reshape(count, heads, size)
        p_back = np.einsum("ihd,jhd->hij", output, spread(k["v"]))
        scores = k["p"] * (p_back - (k["p"] * p_back).sum(-1, keepdims=True)) / size**0.5
        parts = {
            "q": np.einsum("hij,jhd->ihd", scores, spread(k["k_turned"])),
            "k": np.einsum("hij,ihd->jhd", scores, k["q_turned"]).reshape(count, kv, -1, size).sum(2),
            "v": np.einsum("hij,ihd->jhd", k["p"], output).reshape(count, kv, -1, size).sum(2),
        }
        normal = 0
        for name, part in parts.items():
            if name != "v":
                part = forward.rotate(part, -angles, factor)
                if f"{prefix}.self_attn.q_norm.weight" in w:
                    part = norm_back(part, k[name], w[f"{prefix}.self_attn.{name}_norm.weight"], epsilon)
            normal = normal + back(part, f"self_attn.{name}_proj")
        d = d + norm_back(normal, k["x"], w[f"{prefix}.input_layernorm.weight"], epsilon)
    return found, {"head": last, "probabilities": probabilities, "embedding": d}


def names(config):
    return [f"model.layers.{layer}.{name}" for layer in range(config["num_hidden_layers"]) for name in MATRICES]


def moments(config, weights, windows, labels):
    """E[g gT] over all tokens of all windows, and the tables' vectors, concatenated. `labels`: per window."""
    runs = [gradients(config, weights, window, label) for window, label in zip(windows, labels)]
    tokens = sum(len(window) for window in windows)
    found = {name: sum(g[name].T @ g[name] for g, _ in runs) / tokens for name in names(config)}
    return found, {name: np.concatenate([tables[name] for _, tables in runs]) for name in ("head", "probabilities", "embedding")}


def check(config, weights, tokens, labels):
    """Compares the gradients with finite differences of the loss, along a random direction for each matrix."""
    def loss(weights):
        logits = forward.logits(config, weights, tokens)
        norms = logits.max(-1) + np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))
        return (norms - logits[np.arange(len(tokens)), labels]).sum()

    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    inputs = {}
    forward.logits(config, weights, tokens, inputs.__setitem__)
    random = np.random.default_rng(7)
    for name, gradient in gradients(config, weights, tokens, labels)[0].items():
        direction = random.normal(size=weights[f"{name}.weight"].shape)
        wanted = ((gradient.T @ inputs[name]) * direction).sum()
        step = 1e-6
        up, down = (loss(weights | {f"{name}.weight": weights[f"{name}.weight"] + sign * step * direction}) for sign in (1, -1))
        error = abs((up - down) / (2 * step) - wanted) / (np.linalg.norm(gradient.T @ inputs[name]) + 1e-12)
        assert error < 1e-6, (name, error)


def mixed(value):
    z = value + 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def drawn(window):
    """The labels that `qamw calibrate --fisher` samples for a window from the probabilities at its positions."""
    def draw(probabilities):
        uniform = np.array([(mixed(mixed(window) ^ t) >> 11) * 2.0**-53 for t in range(len(probabilities))])
        return (probabilities.cumsum(-1) <= (uniform * probabilities.sum(-1))[:, None]).sum(-1)
    return draw
