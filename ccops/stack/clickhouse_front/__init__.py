"""A ClickHouse HTTP interface in its own process, over the chdb engine.

`python -m ccops.stack.clickhouse_front --data DIR --port P --password-file F --database casino`

It exists so that an unmodified ClickHouse client works where no ClickHouse server can be installed.
It is an emulation, so `tests/integration/clickhouse_front` holds a contract that also runs against a
real server.

What is the same: POST / and GET /?query=, parameters, settings, Native and every other format, lz4,
zstd, gzip and chunked bodies, error codes in header and body, /ping, block deduplication by token, the
`default` user.

What differs, on purpose or because the engine cannot:

* One user, no CREATE USER, no roles. Loopback only, no TLS, no native protocol on port 9000.
* A query is not cancelled when its client goes away, and KILL QUERY knows the engine's ids only.
* No state between requests (session_id is accepted and ignored): no temporary tables, no lasting SET or USE.
* No external tables, no native block compression (compress=1, decompress=1), no query_log.
* file(), url(), s3(), remote(), table engines and dictionaries that read them, BACKUP and SYSTEM
  SHUTDOWN are refused by the engine's own grants (`config.py`), error 497. INTO OUTFILE and FROM INFILE,
  which grants do not cover, are refused by `sql.py`, as is more than one statement in a request.
"""
