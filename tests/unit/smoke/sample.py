"""A valid scenario that uses every block of the language."""
# ruff: noqa: E501 - scenarios have long lines

SAMPLE = """\
ccops: scenario/v1
name: sample
title: {en: A day, ko: 하루}
tags: [gate]
parts:
  - {part: 1, title: {en: Sign up, ko: 가입}, systems: [http, sql, redis]}
  - {part: 2, title: Play, systems: [http, ws, kafka, clickhouse, prom]}
vars:
  nick: ${unique('day')}
  invite: "5858"
secrets: {password: "${random_password()}"}
watch:
  feed: {ws: /api/realtime/sync, auth: "${access}", open_after: login}
  actions: {kafka: ["cc.actions.events.${env}"]}
invariants:
  no_negative: {sql: "select 1 from wallets where gold < 0"}
  no_loss: {clickhouse: "select 1", every: end}
setup:
  - {id: warm, sql: {query: "select 1 n"}, expect: {rows: [{n: 1}]}}
steps:
  - id: signup
    part: 1
    http: {post: /api/auth/signup, json: {invite_code: "${invite}", nickname: "${nick}", password: "${password}"}}
    expect: {status: 201, json: {user: {id: {type: int}, gold: {ge: 0}}}}
    capture: {uid: $.user.id, gold0: $.user.gold}
    effects:
      - where: sql
        query: "select count(*) n from users where nickname = :nick"
        params: {nick: "${nick}"}
        match: {n: 1}
        by: none
        capture: {rows_seen: $.n}
  - id: login
    part: 1
    http: {post: /api/auth/login, json: {site_id: "${nick}", password: "${password}"}}
    expect: {status: {in: [200, 201]}, headers: {Retry-After: $absent}}
    capture: {access: {path: $.access_token, secret: true}}
    effects:
      - {where: redis, key: "session:${uid}", match: {ttl: {between: [23h, 24h]}}}
  - id: spins
    part: 2
    repeat:
      times: 3
      as: round
      steps:
        - id: spin
          http: {post: /api/games/slot/spin, json: {bet: 10}, auth: "${access}", headers: {Idempotency-Key: "${nick}-${round}"}}
          capture: {gold: "${body.balance}"}
          effects:
            - {where: feed, match: {type: user_action}, exactly: 1, within: 500ms, settle: 1s}
            - {where: actions, match: {value: {type: user_action}}, exactly: 1}
            - {where: clickhouse, query: "select 1 n", at_least: 1}
            - {where: prom, metric: spins_total, labels: {game: slot}, scrape: backend, match: {delta: {ge: 1}}}
            - {where: feed, match: {type: error}, never: true, within: 300ms}
  - id: stampede
    part: 2
    race: {n: 20, as: runner, steps: [{http: {post: "/api/streak/claim?n=${runner}", auth: "${access}"}}]}
    expect: {outcomes: {200: 1, "409|429": 19}}
  - {id: rest, sleep: 1s}
  - {id: cut, ws: {drop: feed, how: reset}}
  - {id: back, ws: {reopen: feed}}
  - {id: total, set: {total: "${gold0 + rows_seen}"}}
  - {id: again, http: {post: /api/auth/login}, expect: {same_as: login}}
  - {id: key, redis: {key: "user:${uid}"}, expect: {json: {value: "${total}"}}}
  - {id: record, kafka: {topic: "cc.actions.events.${env}", partition: 0, offset: 5}}
  - {id: series, prom: {metric: spins_total}}
teardown:
  - {id: bye, http: {delete: "/api/users/${uid}"}}
"""
