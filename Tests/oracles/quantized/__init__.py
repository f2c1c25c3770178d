"""Tiny checkpoints in the layouts of quantization tools, with the weights that they represent; a module per scheme."""
