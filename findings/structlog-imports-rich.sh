#!/usr/bin/env bash
# structlog 26.1.0 with rich 15.0.0.
#
# `import structlog` imports rich and pygments where they happen to be installed, also for a program
# that writes JSON and never asks for a console: more than fifty modules of rich beside twenty of its
# own. Whether a short program starts fast hangs on what another package has brought along.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q structlog==26.1.0
cd "$work"
cat > seen.py <<'PY'
import subprocess
import sys

COUNT = """
import sys
import structlog
structlog.configure(processors=[structlog.processors.JSONRenderer()])
names = [name.partition(".")[0] for name in sys.modules]
print(*(names.count(each) for each in ("structlog", "rich", "pygments")))
"""

def count():
    done = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True)
    return [int(number) for number in done.stdout.split()]

without = count()
subprocess.run([sys.executable, "-m", "pip", "install", "-q", "rich==15.0.0"], check=True)
beside = count()
print("modules of structlog, rich, pygments:", without, "| with rich installed:", beside)
sys.exit(0 if without[1:] == [0, 0] and beside[1] > 50 and beside[2] > 0 else 1)
PY
"$work/venv/bin/python" seen.py
