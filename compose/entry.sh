#!/bin/sh
# Entry of the image: settings and secrets come as one file of KEY=VALUE lines, never through the container's
# own configuration, where `docker inspect` would show them. Values are taken literally; nothing is evaluated.
set -eu
if [ "${1:-}" = probe ]; then
  exec python -I -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=4).status)' "$2"
fi
file="${CCOPS_APP_ENV:-/run/secrets/app_env}"
if [ -r "$file" ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case "$line" in ''|'#'*) ;; *=*) export "${line?}" ;; esac
  done <"$file"
fi
exec "$@"
