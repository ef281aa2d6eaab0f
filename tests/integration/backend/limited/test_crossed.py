"""Two statements of one purchase that cross: the second works with what the first has left."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg.rows import dict_row

from tests.integration.backend.limited.conftest import CONTEXT


def test_a_refund_that_waited_for_a_late_payment_returns_the_unit_it_took(
    account, package, sql, database, until, stock
):
    """The payment found its hold gone and took a new unit; the refund had looked at the purchase before."""
    user, admin, name = account(), account(), package(cents=500)
    sql("UPDATE users SET rank = 'ADMIN' WHERE id = %s", admin.id)
    receipt, tx = secrets.token_hex(8), secrets.token_hex(16)
    sql(
        """SELECT cc_limited_buy(%s, %s, %s, NULL, gen_random_uuid(), 60, %s, 'nobody', %s, 'k', 'h')""",
        CONTEXT, user.id, name, tx, receipt,
    )  # fmt: skip
    sql("UPDATE limited_holds SET expires_at = now() WHERE package_id = %s", name)

    with psycopg.connect(database, row_factory=dict_row) as paying, ThreadPoolExecutor(1) as pool:
        paid = paying.execute(
            "SELECT outcome FROM cc_settle(%s, 'nobody', %s, 'payment.succeeded', %s, 500, '{}')",
            (CONTEXT, receipt, receipt),
        ).fetchone()
        refunding = pool.submit(
            admin.post, f"/api/payments/{tx}/refund", {"reason": "why"}, headers={"Idempotency-Key": receipt}
        )
        until(lambda: sql(_WAITING, "%cc_refund%"))
        paying.commit()

    assert paid == {"outcome": "processed"}
    assert refunding.result().status_code == 200, refunding.result().text
    assert stock(name) == (0, 0)


_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
