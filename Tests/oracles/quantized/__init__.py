"""Tiny checkpoints in the layouts of tools that quantize, and the weights that they stand for; a module for each scheme."""
