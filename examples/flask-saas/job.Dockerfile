# A release: seeder, the starter's catalog, and what this application adds to it.
#
# Built from the root of the repository, for the starter's sake. In a project of your own it is
# `FROM seeder` and `COPY db /db`.

ARG SEEDER=seeder
FROM ${SEEDER}

# Without the starter's seeds/dev and seeds/update, which are about another story.
COPY seeder/starter/migrations /db/migrations
COPY seeder/starter/seeds/core /db/seeds/core
COPY examples/flask-saas/db/1 /db

# The files that the second release changes; for the first, the same once more.
ARG RELEASE=1
COPY examples/flask-saas/db/${RELEASE} /db

ENV SEEDER_PROJECT=/db
