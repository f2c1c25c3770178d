#!/usr/bin/env python3
"""Writes the files of this folder with PyTorch and safetensors: make.py [FOLDER]

views-2.pt, views-5.pt: views of shared storages, in pickles of protocol 2 and 5; types.pt: every type. The tensors are also in
views.safetensors and types.safetensors, made contiguous by PyTorch. sharded/: a model in two shards with an index and a tied head. llama/: the
weights of ../inference/llama.
"""

import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file

folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(0)


def save(name, tensors, *protocols):
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, f"{folder}/{name}.safetensors")
    for protocol in protocols:
        torch.save(tensors, f"{folder}/{name}-{protocol}.pt" if len(protocols) > 1 else f"{folder}/{name}.pt", pickle_protocol=protocol)


matrix = torch.randn(6, 9)
attributed = torch.nn.Parameter(torch.ones(2))
attributed.note = "an attribute"
save("views", {
    "whole": matrix, "parameter": torch.nn.Parameter(matrix), "transposed": matrix.t(), "rows": matrix[2:5], "columns": matrix[:, 3:7], "steps": matrix[::2, 1::3],
    "part transposed": matrix.t()[2:8, 1:4], "row": matrix[3], "column": matrix[:, 4], "scalar": matrix[1, 1], "empty": torch.zeros(0, 4),
    "permuted": torch.randn(2, 3, 4).permute(2, 0, 1), "expanded": torch.randn(1, 3).expand(4, 3), "attributed": attributed,
    "buffer": torch.nn.Buffer(torch.ones(3)), "tied": matrix}, 2, 5)

types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu, torch.bool, torch.uint8,
         torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64, torch.complex64]
save("types", {str(dtype)[6:]: torch.arange(1, 7).reshape(2, 3).to(dtype) for dtype in types}, 2)

embedding = torch.randn(8, 4).bfloat16()
shards = [{"model.norm.weight": torch.ones(4).bfloat16()}, {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding}]
names = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)]
for name, tensors in zip(names, shards):
    torch.save(tensors, f"{folder}/sharded/{name}")
index = {"metadata": {"total_size": 72}, "weight_map": {key: name for name, tensors in zip(names, shards) for key in tensors}}
with open(f"{folder}/sharded/pytorch_model.bin.index.json", "w") as file:
    file.write(json.dumps(index, indent=2) + "\n")
with open(f"{folder}/sharded/config.json", "w") as file:
    file.write('{"model_type": "llama", "tie_word_embeddings": true}\n')

# The model of ../inference/llama, as transformers saved it before safetensors.
os.makedirs(f"{folder}/llama", exist_ok=True)
inference = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../inference/llama")
torch.save(load_file(f"{inference}/model.safetensors"), f"{folder}/llama/pytorch_model.bin")
