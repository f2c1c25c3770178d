"""What the schemes in numpy share: small models to quantize, and bit streams."""
from dataclasses import replace

import ml_dtypes
import numpy as np

BF16 = ml_dtypes.bfloat16
NAMES = {"float16": np.float16, "bfloat16": BF16, "float32": np.float32}


class Suite:
    """Whole small models, and of some the tensors that are committed: two modules of each layer."""

    SMALL = {"width": 64, "hidden": 32, "vocabulary": 8, "layers": 1}
    MODULES = ("self_attn.k_proj", "mlp.down_proj")

    def __init__(self, models, fixtures):
        self.models, self.reduced = models, fixtures

    @classmethod
    def modules(cls, layers: int) -> list[str]:
        return [f"model.layers.{layer}.{module}" for layer in range(layers) for module in cls.MODULES]

    def checkpoints(self, _model):
        return self.models()

    def fixtures(self):
        for checkpoint in self.reduced():
            kept = [name for name in checkpoint.expected if any(f".{module}." in name for module in self.MODULES) or name == "model.norm.weight"]
            stems = tuple(f"{name.removesuffix('.weight')}." for name in kept)
            stored = {name: value for name, value in checkpoint.stored.items() if name.startswith(stems)}
            yield replace(checkpoint, stored=stored, expected={name: checkpoint.expected[name] for name in kept}, runs=False)


def config(dtype: str = "bfloat16", *, width: int = 128, hidden: int = 192, vocabulary: int = 512, layers: int = 2, **more) -> dict:
    """config.json of a small llama."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": width, "intermediate_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": vocabulary,
        "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": dtype,
    } | more


def weights(config: dict, seed: int) -> dict[str, np.ndarray]:
    """Its weights before quantization, in the type that it states."""
    random, dtype = np.random.default_rng(seed), NAMES[config["torch_dtype"]]
    width, hidden, rows = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    keys = width * config["num_key_value_heads"] // config["num_attention_heads"]

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 1.5 / columns**0.5, (rows, columns)).astype(dtype)

    def norm() -> np.ndarray:
        return random.normal(1, 0.1, width).astype(dtype)

    result = {"model.embed_tokens.weight": random.normal(0, 1, (rows, width)).astype(dtype)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        for name, shape in {
            "self_attn.q_proj": (width, width), "self_attn.k_proj": (keys, width), "self_attn.v_proj": (keys, width),
            "self_attn.o_proj": (width, width), "mlp.gate_proj": (hidden, width), "mlp.up_proj": (hidden, width), "mlp.down_proj": (width, hidden),
        }.items():
            result[f"{prefix}.{name}.weight"] = matrix(*shape)
        result[f"{prefix}.input_layernorm.weight"] = norm()
        result[f"{prefix}.post_attention_layernorm.weight"] = norm()
    result["model.norm.weight"] = norm()
    result["lm_head.weight"] = matrix(rows, width)
    return result


def linear_modules(tensors: dict[str, np.ndarray]) -> list[str]:
    """The modules that tools quantize unless told otherwise."""
    return [name.removesuffix(".weight") for name in tensors if ("_proj." in name) and name.endswith(".weight")]


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes along the first axis as one stream of bits, the lowest first, in 32-bit words; zero bits fill the last word."""
    count, *rest = codes.shape
    stream = (codes.astype(np.uint32)[:, None] >> np.arange(bits, dtype=np.uint32).reshape(-1, *[1] * len(rest))) & 1
    stream = stream.reshape(count * bits, *rest)
    missing = -len(stream) % 32
    stream = np.concatenate([stream, np.zeros((missing, *rest), np.uint32)])
    places = np.arange(32, dtype=np.uint32).reshape(-1, *[1] * len(rest))
    return (stream.reshape(-1, 32, *rest) << places).sum(axis=1, dtype=np.uint32)


def unpack(words: np.ndarray, bits: int, count: int) -> np.ndarray:
    """The first `count` codes along the first axis."""
    rest = words.shape[1:]
    places = np.arange(32, dtype=np.uint32).reshape(-1, *[1] * len(rest))
    stream = ((words.astype(np.uint32)[:, None] >> places) & 1).reshape(-1, *rest)[: count * bits].reshape(count, bits, *rest)
    return (stream << np.arange(bits, dtype=np.uint32).reshape(-1, *[1] * len(rest))).sum(axis=1, dtype=np.uint32)


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def near(name: str, original: np.ndarray, dequantized: np.ndarray, limit: float) -> None:
    """Both sides could misread a layout alike; then nothing would resemble the weights that were quantized."""
    original, dequantized = original.astype(np.float64), dequantized.astype(np.float64)
    error = ((original - dequantized) ** 2).sum() / (original**2).sum()
    if not error < limit:
        raise AssertionError(f"{name}: the relative squared error of quantization is {error}, not below {limit}")
