"""`python -m qamw`: the command, if it is in PATH."""

import os
import shutil
import sys

command = shutil.which("qamw")
if command is None:
    sys.exit("qamw: the command is not in PATH; scripts/install in the repository installs it")
os.execv(command, [command, *sys.argv[1:]])
