"""YAML files are read with and without libyaml, for which there is no package on 32-bit ARM."""

import subprocess
import sys

from tests.programs import ROOT, child_environment

WITHOUT = """import yaml
del yaml.CSafeLoader
from pathlib import Path
from ingest.yaml_files import read_yaml
print(len(read_yaml(Path("ingest/variables.yml"))) > 0)
"""


def test_a_pyyaml_without_libyaml_reads_too():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, env=child_environment(), capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
