"""Models of transformers on .qamw files, by `from_pretrained`.

    import qamw.transformers
    from transformers import AutoModelForCausalLM

    qamw.transformers.export("model.qamw", "folder")            # once: a folder that from_pretrained takes
    model = AutoModelForCausalLM.from_pretrained("folder")

    # Or quantize a checkpoint while it is loaded:
    model = AutoModelForCausalLM.from_pretrained("checkpoint", quantization_config=qamw.transformers.QAMConfig(bits=4.5))

The folder holds the .qamw file, the files that are embedded in it, and a safetensors file with what is not coded. Coded matrices become modules on the
mapped file (`qamw.torch`). Activations are float32, whatever `dtype` says.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from typing import Any, Dict, List, Optional, Union

import torch
from torch import nn
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.hub import cached_file
from transformers.utils.quantization_config import QuantizationConfigMixin

import qamw

from .torch import QAMEmbedding, QAMLinear, tensor

Path = Union[str, "os.PathLike[str]"]

METHOD = "qamw"
FILE = "model.qamw"
WEIGHTS = "model.safetensors"


@register_quantization_config(METHOD)
class QAMConfig(QuantizationConfigMixin):
    """How the weights are coded.

    file: the .qamw file beside config.json, of a checkpoint that is coded already.
    For another checkpoint, a folder: the options of `qamw.quantize`, such as bits, target_bytes, calibrate and text. The file is written to `cache`
    (default: qamw in the user's cache folder), and used again for the same checkpoint and options.
    """

    def __init__(self, file: Optional[str] = None, cache: Optional[Path] = None, **options: Any):
        # transformers compares it with names, registered ones too.
        self.quant_method = METHOD  # type: ignore[assignment]
        self.file = file
        self.cache = None if cache is None else os.fspath(cache)
        options.pop("quant_method", None)
        self.options = options

    def to_dict(self) -> Dict[str, Any]:
        return {"quant_method": METHOD, "file": self.file or FILE}

    def to_diff_dict(self) -> Dict[str, Any]:
        return self.to_dict()


def export(path: Path, folder: Path, copy: bool = False) -> None:
    """Makes a folder of a .qamw file that `from_pretrained` takes.

    The file must have Hugging Face's names and its config.json. It gets a hard link in the folder where the file system allows it, else, or with `copy`, a
    copy. Files of the same names are replaced. Raises qamw.InvalidArgumentError for a file without config.json.
    """
    with qamw.open(path) as file:
        if "config.json" not in file.embedded:
            raise qamw.InvalidArgumentError(f"{os.fsdecode(path)} has no config.json, which says what model it is")
        os.makedirs(folder, exist_ok=True)
        for name in file.embedded:
            if "/" not in name and name != "config.json":
                _write(os.path.join(folder, name), file.read_embedded(name))
        config = json.loads(file.read_embedded("config.json"))
        config["quantization_config"] = QAMConfig(file=FILE).to_dict()
        _write(os.path.join(folder, "config.json"), (json.dumps(config, indent=2) + "\n").encode())
        raw = {name: tensor(file[name]) for name in file if file[name].encoding is None and file[name].alias_of is None}
        _save(raw, os.path.join(folder, WEIGHTS))
    _link(path, os.path.join(folder, FILE), copy)


def _write(path: str, content: bytes) -> None:
    temporary = f"{path}.partial"
    with open(temporary, "wb") as out:
        out.write(content)
    os.replace(temporary, path)


def _save(tensors: Dict[str, torch.Tensor], path: str) -> None:
    from safetensors.torch import save_file

    temporary = f"{path}.partial"
    save_file({name: values.contiguous() for name, values in tensors.items()}, temporary, metadata={"format": "pt"})
    os.replace(temporary, path)


def _link(source: Path, target: str, copy: bool) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        return
    temporary = f"{target}.partial"
    if os.path.exists(temporary):
        os.remove(temporary)
    try:
        if copy:
            raise OSError
        os.link(os.path.realpath(source), temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    os.replace(temporary, target)


@register_quantizer(METHOD)
class QAMQuantizer(HfQuantizer):
    """Replaces the modules of coded matrices before weights are loaded."""

    requires_calibration = False
    quantization_config: QAMConfig

    def __init__(self, quantization_config: QAMConfig, **kwargs: Any):
        super().__init__(quantization_config, **kwargs)
        self.path = ""

    def update_dtype(self, dtype: torch.dtype) -> torch.dtype:
        # Products are float32, and rounding between them to the type of a checkpoint can cost as much as the codes do.
        return torch.float32

    def _process_model_before_weight_loading(self, model: Any, checkpoint_files: Optional[List[str]] = None, **kwargs: Any) -> None:
        self.path = self._find(model, checkpoint_files)
        file = qamw.open(self.path)
        replaced = _replace(model, file)
        coded = {name for name in file if file[name].encoding is not None}
        lost = sorted(coded - replaced)
        if lost:
            more = f" and {len(lost) - 1} more" if lost[1:] else ""
            raise qamw.InvalidArgumentError(f"{lost[0]}{more}: the model has no linear layer or embedding of this name; dequantize the file to load it")
        # A checkpoint that is quantized while it is loaded has these too.
        model._keys_to_ignore_on_load_unexpected = {*(model._keys_to_ignore_on_load_unexpected or ()), *map(re.escape, replaced)}

    def _find(self, model: Any, checkpoint_files: Optional[List[str]]) -> str:
        """The .qamw file, made first if the checkpoint is not coded."""
        config = self.quantization_config
        if self.pre_quantized:
            found = cached_file(model.config._name_or_path, config.file or FILE)
            if found is None:
                raise qamw.InvalidArgumentError(f"{model.config._name_or_path} has no {config.file or FILE}")
            return str(found)
        folders = {os.path.dirname(name) for name in checkpoint_files or []}
        if len(folders) != 1:
            raise qamw.InvalidArgumentError("a checkpoint is quantized from a folder of weights, and this one has none")
        return _quantized(folders.pop(), config)

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        # save_pretrained writes the parameters; the coded matrices are a file beside them.
        model.save_pretrained = functools.partial(_save_pretrained, model, self.path)
        return model

    def is_serializable(self) -> bool:
        return True

    @property
    def is_trainable(self) -> bool:
        return False

    @property
    def is_compileable(self) -> bool:
        return True


def _quantized(folder: str, config: QAMConfig) -> str:
    cache = config.cache or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "qamw")
    files = sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(folder) if entry.is_file())
    key = json.dumps([qamw.__version__, os.path.realpath(folder), files, config.options], sort_keys=True, default=str)
    path = os.path.join(cache, f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.qamw")
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            made = os.path.join(work, FILE)
            qamw.quantize(folder, made, **config.options)
            os.replace(made, path)
    return path


def _source(file: qamw.File, name: str) -> Optional[qamw.Tensor]:
    found = file[name] if name in file else None
    return file[found.alias_of] if found is not None and found.alias_of is not None else found


def _replace(model: Any, file: qamw.File) -> "set[str]":
    """Replaces linear layers and embeddings with coded weights. Returns the names of the coded tensors that are used."""
    used = set()
    ties_head = bool(getattr(model.config.get_text_config(), "tie_word_embeddings", False))
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    names = {module: name for name, module in model.named_modules()}
    modules = [(name, module) for module, name in names.items() if isinstance(module, (nn.Linear, nn.Embedding))]
    is_tied = False
    for name, module in modules:
        source = _source(file, f"{name}.weight")
        if source is None and ties_head and module is head and embedding is not None:
            source = _source(file, f"{names[embedding]}.weight")
        if source is None or source.encoding is None:
            continue
        if tuple(source.shape) != tuple(module.weight.shape):
            raise qamw.InvalidArgumentError(f"{source.name} is {list(source.shape)}, and {list(module.weight.shape)} by config.json")
        used.add(source.name)
        is_tied = is_tied or module is head
        parent, _, own = name.rpartition(".")
        made: nn.Module = QAMEmbedding(source) if isinstance(module, nn.Embedding) else QAMLinear(source, module.bias if isinstance(module, nn.Linear) else None)
        setattr(model.get_submodule(parent), own, made)
    if ties_head and is_tied:
        # There are no parameters to tie.
        model._tied_weights_keys = None
        model.all_tied_weights_keys = {}
    return used


def _save_pretrained(model: Any, path: str, save_directory: Path, *args: Any, **kwargs: Any) -> None:
    type(model).save_pretrained(model, save_directory, *args, **kwargs)
    _link(path, os.path.join(save_directory, FILE), copy=False)
