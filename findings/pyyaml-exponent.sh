#!/usr/bin/env bash
# PyYAML 6.0.4 and ruamel.yaml 0.19.1.
#
# PyYAML writes the text 1e3 without quotes and reads it as text again, since its floats need a point
# (YAML 1.1). A reader of YAML 1.2 reads the same file as the number 1000.0, and 0o14 as 12: codes that
# are made of digits and an e become numbers on their way from one tool to the other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pyyaml==6.0.4 ruamel.yaml==0.19.1
cd "$work"
cat > seen.py <<'PY'
import io
import sys

import yaml
from ruamel.yaml import YAML

given = ["1e3", "12e5", "0o14"]
text = yaml.safe_dump(given)
own, other = yaml.safe_load(text), list(YAML(typ="safe", pure=True).load(io.StringIO(text)))
print("written", repr(text), "| PyYAML reads", own, "| ruamel.yaml reads", other)
sys.exit(0 if own == given and other == [1000.0, 1200000.0, 12] else 1)
PY
"$work/venv/bin/python" seen.py
