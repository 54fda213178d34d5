"""Compiles the protos when they are newer than what was made of them."""

import sys
from pathlib import Path

from blrcs.protos import compile_project

PROJECT = Path(__file__).parent

compile_project(PROJECT)
sys.path.insert(0, str(PROJECT))
