"""`quant_method: "qamw"` for transformers: `from_pretrained` of a folder with a .qamw file or packed safetensors, and quantization while loading.

    import qamw.transformers
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained("folder", quantization_config=qamw.transformers.QAMConfig())

A folder is made of a .qamw file by `export`. Importing this module registers the method. `quantization_config` is not needed for a folder whose config.json has
`"quantization_config": {"quant_method": "qamw"}`.
"""

import json
import os
import shutil
import struct
import tempfile
from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from torch import nn
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

import qamw

from .torch import QAMEmbedding, QAMLinear, coded_module, replace, tensor, weight_of

Path = Union[str, "os.PathLike[str]"]

_METHOD = "qamw"


@register_quantization_config(_METHOD)
class QAMConfig(QuantizationConfigMixin):
    """How weights are coded.

    file: the .qamw file in the folder, or the first of a set; needed only if the folder has several. bits and all other options are those of
    `qamw.quantize`, for a folder with plain weights, which are quantized while they are loaded. For coded weights they have no meaning.
    """

    def __init__(self, file: Optional[str] = None, bits: Optional[float] = None, **options: Any):
        options.pop("quant_method", None)
        self.quant_method: Any = _METHOD
        self.file = file
        self.bits = bits
        self.options = {**options.pop("options", {}), **options}

    def to_dict(self) -> Dict[str, Any]:
        """What config.json keeps: the method. How each tensor is coded is in the file."""
        return {"quant_method": _METHOD}


@register_quantizer(_METHOD)
class QAMQuantizer(HfQuantizer):
    """Replaces the matrices that are coded by modules on a mapped .qamw file; transformers loads the rest."""

    requires_calibration = False
    quantization_config: QAMConfig

    def __init__(self, quantization_config: QAMConfig, **options: Any):
        super().__init__(quantization_config, **options)
        self._work: Optional["tempfile.TemporaryDirectory[str]"] = None
        # The carriers of packed safetensors, from which the model was loaded.
        self._packed: List[str] = []

    def update_attn_implementation(self, config: Any) -> Any:
        """Is called before transformers looks for weights. It knows only its own names, so a .qamw file goes by one of them until the model is made."""
        folder = getattr(config, "name_or_path", "") or ""
        if os.path.isdir(folder) and self._file(folder) is not None:
            config.transformers_weights = "model.safetensors"
        return config

    def _file(self, folder: str) -> Optional[str]:
        """The path of the .qamw file in a folder."""
        if self.quantization_config.file is not None:
            return os.path.join(folder, self.quantization_config.file)
        found = sorted(name for name in os.listdir(folder) if name.endswith(".qamw"))
        firsts = [name for name in found if "-of-" not in name or "-00001-of-" in name]
        if len(firsts) > 1:
            raise qamw.InvalidArgumentError(f"{folder} has {', '.join(firsts)}: QAMConfig(file=...) says which of them is the model")
        return os.path.join(folder, firsts[0]) if firsts else None

    def update_dtype(self, dtype: torch.dtype) -> torch.dtype:
        # Products are float32, and rounding between them to the type of a checkpoint can cost as much as the codes do.
        return torch.float32

    def _process_model_before_weight_loading(self, model: Any, dtype: Optional[torch.dtype] = None, checkpoint_files: Any = None, **_: Any) -> None:
        if not checkpoint_files:
            raise qamw.InvalidArgumentError("qamw loads weights from files, and a state dict has none")
        self._work = tempfile.TemporaryDirectory()
        file = qamw.open(self._coded(list(checkpoint_files), self._work.name))
        taken = set()
        for module_name, module in list(model.named_modules()):
            if not isinstance(getattr(module, "weight", None), nn.Parameter):
                continue
            name = f"{module_name}.weight"
            source = weight_of(model, name, file)
            made = None if source is None else coded_module(module, source, dtype or torch.float32)
            if source is None or made is None:
                continue
            if tuple(source.shape) != tuple(module.weight.shape):
                raise qamw.InvalidArgumentError(f"{name} is {list(source.shape)}, and {list(module.weight.shape)} by config.json")
            # A tied head may have no name of its own in the file.
            taken |= {name, source.name}
            replace(model, module_name, made)
        # What the file ties is tied by it; the rest stays as it is.
        tied = getattr(model, "all_tied_weights_keys", None) or {}
        model.all_tied_weights_keys = {key: value for key, value in tied.items() if key not in taken and value not in taken}
        rest = os.path.join(self._work.name, "rest.safetensors")
        _save({name: tensor(file[name]) for name in file if name not in taken}, rest)
        # The list from which transformers loads.
        checkpoint_files[:] = [rest]

    def _coded(self, checkpoint: List[str], work: str) -> str:
        """The path of a .qamw file with the model's weights."""
        folder = os.path.dirname(checkpoint[0])
        own = self._file(folder)
        if own is not None:
            return own
        coded = os.path.join(work, "model.qamw")
        if any(_is_packed(path) for path in checkpoint):
            self._packed = checkpoint
            # What is coded stays as it is, and nothing else is coded.
            qamw.quantize(folder, coded, calibrate=False, exclude=[""])
        elif self.pre_quantized:
            raise qamw.InvalidArgumentError(f"{folder} has neither a .qamw file nor packed safetensors (`qamw convert --packed`)")
        else:
            qamw.quantize(folder, coded, bits=self.quantization_config.bits, **self.quantization_config.options)
        return coded

    def _process_model_after_weight_loading(self, model: Any, **_: Any) -> Any:
        # The mapping outlives the file's name.
        if self._work is not None:
            self._work.cleanup()
        if hasattr(model.config, "transformers_weights"):
            del model.config.transformers_weights
        return model

    def get_state_dict_and_metadata(self, model: Any) -> Tuple[Dict[str, torch.Tensor], Dict[str, str]]:
        """What `save_pretrained` writes: the packed tensors as they were loaded."""
        from safetensors import safe_open

        tensors: Dict[str, torch.Tensor] = {}
        metadata: Dict[str, str] = {}
        for path in self._packed:
            with safe_open(path, framework="pt") as carriers:
                metadata.update(carriers.metadata() or {})
                tensors.update({name: carriers.get_tensor(name) for name in carriers.keys()})
        return tensors, metadata

    def is_serializable(self) -> bool:
        """Whether the model can be saved: one that came from packed safetensors. A folder with a .qamw file is copied as it is."""
        return bool(self._packed)

    @property
    def is_trainable(self) -> bool:
        return False

    def _dequantize(self, model: Any, dtype: Optional[torch.dtype] = None) -> Any:
        """Plain modules with the decoded weights."""
        for name, module in list(model.named_modules()):
            if not isinstance(module, (QAMLinear, QAMEmbedding)):
                continue
            weight = torch.from_numpy(module.source.to_float32()).to(dtype or torch.float32)
            plain: Union[nn.Embedding, nn.Linear]
            if isinstance(module, QAMEmbedding):
                plain = nn.Embedding(module.num_embeddings, module.embedding_dim, device="meta")
            else:
                plain = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, device="meta")
                if module.bias is not None:
                    plain.bias = module.bias
            plain.weight = nn.Parameter(weight, requires_grad=False)
            replace(model, name, plain)
        return model


def export(path: Path, folder: Path, copy: bool = False) -> None:
    """Makes a folder of a .qamw file that `from_pretrained` takes: its embedded files, with the method in config.json, and the file itself.

    The file must have Hugging Face's names and its config.json; else qamw.InvalidArgumentError is raised. It gets a hard link where the file system
    allows it, else, or with `copy`, a copy. Files of the same names are replaced.
    """
    with qamw.open(path) as file:
        if "config.json" not in file.embedded:
            raise qamw.InvalidArgumentError(f"{os.fsdecode(path)} has no config.json, which says what model it is")
        os.makedirs(folder, exist_ok=True)
        for name in file.embedded:
            if "/" in name:
                continue
            content = file.read_embedded(name)
            if name == "config.json":
                config = json.loads(content)
                config["quantization_config"] = {"quant_method": _METHOD}
                content = (json.dumps(config, indent=2) + "\n").encode()
            _replace(os.path.join(folder, name), content)
    target = os.path.join(folder, "model.qamw")
    if os.path.exists(target) and os.path.samefile(path, target):
        return
    temporary = f"{target}.partial"
    if os.path.exists(temporary):
        os.remove(temporary)
    try:
        if copy:
            raise OSError
        os.link(os.path.realpath(path), temporary)
    except OSError:
        shutil.copyfile(path, temporary)
    os.replace(temporary, target)


def _replace(path: str, content: bytes) -> None:
    with open(f"{path}.partial", "wb") as out:
        out.write(content)
    os.replace(f"{path}.partial", path)


def _is_packed(path: str) -> bool:
    """Whether a safetensors file is a packed model."""
    if not path.endswith(".safetensors") or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > os.path.getsize(path):
            return False
        return "qamw.directory" in json.loads(file.read(length)).get("__metadata__", {})


def _save(tensors: Dict[str, torch.Tensor], path: str) -> None:
    from safetensors.torch import save_file

    save_file(tensors, path, {"format": "pt"})
