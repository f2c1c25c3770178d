"""The packages whose texts are used: downloaded in exact versions, checked, unpacked."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    #: "deb", "sdist" or "wheel": a package of Debian 12, or one of PyPI.
    form: str
    licence: str
    sha256: str
    #: What NOTICE says about authors and rights.
    rights: str
    #: The files with the licence's text, which NOTICE quotes.
    texts: tuple[str, ...] = ()

    @property
    def place(self):
        return "Debian 12" if self.form == "deb" else "PyPI"


def fetch(package, work):
    """The folder with the package's files, below `work`."""
    folder = work / f"{package.name}-{package.version}"
    archive = work / "archives" / f"{package.name}-{package.version}"
    archive.mkdir(parents=True, exist_ok=True)
    if not any(archive.iterdir()):
        download(package, archive)
    (file,) = archive.iterdir()
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != package.sha256:
        sys.exit(f"make-calibration-text: {file.name} has the SHA-256 {found}, not {package.sha256}")
    if not folder.exists():
        unpack(package, file, folder)
    return folder


def download(package, folder):
    if package.form == "deb":
        command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
    else:
        only = "--only-binary" if package.form == "wheel" else "--no-binary"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", only, ":all:", f"{package.name}=={package.version}"]
    if subprocess.run(command, cwd=folder, stdout=sys.stderr).returncode:
        sys.exit(f"make-calibration-text: {package.name} {package.version} of {package.place} cannot be downloaded; "
                 "Debian's snapshot archive has versions that a release no longer contains")


def unpack(package, file, folder):
    if package.form == "deb":
        subprocess.run(["dpkg", "-x", file, folder], check=True)
    elif package.form == "wheel":
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    else:
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
        (root,) = folder.iterdir()
        for entry in list(root.iterdir()):
            entry.rename(folder / entry.name)
        root.rmdir()


def files(folder, patterns):
    """The files that match the patterns and none of those that begin with "!", in the order of their names."""
    excluded = {path for pattern in patterns if pattern[0] == "!" for path in folder.glob(pattern[1:])}
    found = {path for pattern in patterns if pattern[0] != "!" for path in folder.glob(pattern) if path.is_file()}
    if not found - excluded:
        sys.exit(f"make-calibration-text: {folder.name} has no {' '.join(patterns)}")
    return sorted(found - excluded)
