# The web process: the application, and seeder for its panel.
#
# Built from the root of the repository, to have the panel of this very checkout. In a project of
# your own, `seeder[panel]` is one line more in your requirements.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv --without-pip /venv && python3 -m venv --without-pip /tools
WORKDIR /build

COPY examples/flask-saas/requirements.txt ./
RUN python3 -m pip --python /venv install -q --require-hashes --no-deps --only-binary :all: \
        -r requirements.txt

COPY requirements/build.txt ./
RUN python3 -m pip --python /tools install -q --require-hashes --no-deps -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY seeder seeder
RUN python3 -m pip --python /tools wheel -q --no-deps --no-build-isolation --wheel-dir dist . \
    && python3 -m pip --python /venv install -q --no-deps --no-index dist/*.whl


FROM python:3.13-slim
COPY --from=build /venv /venv
COPY examples/flask-saas/shop /app/shop

USER 10002:10002
WORKDIR /app
EXPOSE 8000
CMD ["/venv/bin/gunicorn", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", \
     "--worker-tmp-dir=/dev/shm", "--access-logfile=-", "shop:create_app()"]
