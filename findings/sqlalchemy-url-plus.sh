#!/usr/bin/env bash
# SQLAlchemy 2.1.9 with psycopg 3.3.9 (libpq 18).
#
# A blank in the query of a URL, `options=-c%20statement_timeout%3D5s`, is understood by both. SQLAlchemy
# prints it back as a plus (`render_as_string`), which it reads as a blank again; to libpq a plus is
# a plus. The printed URL, given to psycopg, asks the server for `-c+statement_timeout=5s`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sqlalchemy==2.1.9 "psycopg[binary]==3.3.9"
cd "$work"
cat > seen.py <<'PY'
import sys

import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

given = "postgresql://db/shop?options=-c%20statement_timeout%3D5s"
printed = sa.make_url(given).render_as_string(hide_password=False)
seen = [conninfo_to_dict(url)["options"] for url in (given, printed)]
again = sa.make_url(printed).query["options"]
print("printed", printed, "| to libpq", seen, "| to SQLAlchemy", again)
sys.exit(0 if seen == ["-c statement_timeout=5s", "-c+statement_timeout=5s"]
         and again == "-c statement_timeout=5s" else 1)
PY
"$work/venv/bin/python" seen.py
