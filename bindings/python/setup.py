"""A wheel with libqamw beside the modules is for one platform, and for every Python 3."""

import glob
import os

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

HAS_LIBRARY = bool(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "qamw", "libqamw.so*")))


class Package(Distribution):
    def has_ext_modules(self):
        return HAS_LIBRARY


class Wheel(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", super().get_tag()[2]) if HAS_LIBRARY else super().get_tag()


setup(distclass=Package, cmdclass={"bdist_wheel": Wheel})
