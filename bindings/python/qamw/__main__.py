"""`python -m qamw`: the command, beside the package or in PATH."""

import os
import shutil
import sys

beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "qamw")
command = beside if os.access(beside, os.X_OK) else shutil.which("qamw")
if command is None:
    sys.exit("qamw: the command is neither in the package nor in PATH; scripts/install in the repository installs it")
os.execv(command, [command, *sys.argv[1:]])
