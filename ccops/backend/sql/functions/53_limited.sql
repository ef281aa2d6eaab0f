-- Limited packages. A hold reserves stock until it expires; the transition of its status is the single gate.
-- Lock order: idempotency row, wallet row, hold, count of the user, stock row (every buyer's, so it is last).
-- The sweeper takes no wallet: hold, count, stock. Expiry is decided by the database's clock.

-- Move the two stock numbers; NULL = there is not enough, and nothing has moved.
CREATE OR REPLACE FUNCTION cc_limited_stock(p_package text, p_reserved integer, p_sold integer)
RETURNS integer LANGUAGE sql VOLATILE AS $$
    UPDATE limited_packages
       SET stock_reserved = stock_reserved + p_reserved, stock_sold = stock_sold + p_sold
     WHERE id = p_package AND stock_reserved + stock_sold + p_reserved + p_sold <= stock_total
    RETURNING stock_total - stock_reserved - stock_sold;
$$;

-- Count what one person holds or has bought; false = that would be over the limit.
CREATE OR REPLACE FUNCTION cc_limited_count(p_package text, p_user bigint, p_qty integer, p_limit integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO limited_user_counts AS c (package_id, user_id, bought)
    SELECT p_package, p_user, p_qty WHERE p_qty <= p_limit
    ON CONFLICT (package_id, user_id) DO UPDATE SET bought = c.bought + p_qty
     WHERE c.bought + p_qty <= p_limit;
    RETURN FOUND;
END $$;

-- End a hold that did not become a purchase and give back what it took; false = it had ended before.
CREATE OR REPLACE FUNCTION cc_limited_end(p_hold uuid, p_status text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    gone limited_holds;
BEGIN
    UPDATE limited_holds SET status = p_status, ended_at = now()
     WHERE id = p_hold AND status = 'HELD' RETURNING * INTO gone;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE limited_user_counts SET bought = bought - gone.qty
     WHERE package_id = gone.package_id AND user_id = gone.user_id;
    PERFORM cc_limited_stock(gone.package_id, -gone.qty, 0);
    RETURN true;
END $$;

-- Return the user's live hold, locked. One that has expired is ended here: nobody waits for the sweeper.
-- A hold asked for by its id must be live: HOLD_EXPIRED tells the buyer that the promise is gone.
CREATE OR REPLACE FUNCTION cc_limited_live(p_user bigint, p_package text, p_named uuid)
RETURNS limited_holds LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    IF p_named IS NULL THEN
        SELECT * INTO hold FROM limited_holds h
         WHERE h.package_id = p_package AND h.user_id = p_user AND h.status = 'HELD' FOR NO KEY UPDATE;
        IF hold.expires_at > now() THEN RETURN hold; END IF;
        IF hold.id IS NOT NULL THEN PERFORM cc_limited_end(hold.id, 'EXPIRED'); END IF;
        RETURN NULL;
    END IF;
    SELECT * INTO hold FROM limited_holds h
     WHERE h.id = p_named AND h.package_id = p_package AND h.user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    IF hold.status <> 'HELD' OR hold.expires_at <= now() THEN PERFORM cc_fail('HOLD_EXPIRED'); END IF;
    RETURN hold;
END $$;

-- Refuse whom and when it is not for sale. A live hold is a promise: it outlives the end of the sale.
CREATE OR REPLACE FUNCTION cc_limited_admit(
    p_user bigint, pack limited_packages, item products, p_promised boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    buyer record;
    ranks constant text[] := ARRAY['STANDARD', 'PREMIUM', 'VIP', 'ADMIN'];
BEGIN
    IF pack.id IS NULL THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    SELECT rank, age_verified_at INTO buyer FROM users WHERE id = p_user;
    IF array_position(ranks, buyer.rank) < array_position(ranks, item.min_rank) THEN
        PERFORM cc_fail('RANK_REQUIRED');
    END IF;
    IF item.adult_only AND buyer.age_verified_at IS NULL THEN PERFORM cc_fail('AGE_VERIFICATION_REQUIRED'); END IF;
    IF p_promised THEN RETURN; END IF;
    IF greatest(pack.starts_at, item.starts_at) > now() THEN PERFORM cc_fail('NOT_STARTED'); END IF;
    IF NOT item.active OR least(pack.ends_at, item.ends_at) <= now() THEN PERFORM cc_fail('ENDED'); END IF;
    -- Only spares a refused crowd the work; the guarded UPDATE at the end decides.
    IF pack.stock_reserved + pack.stock_sold >= pack.stock_total THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- Hold one for p_hold_s seconds, or as long as the package says.
CREATE OR REPLACE FUNCTION cc_limited_hold(
    p_user bigint, p_package text, p_hold uuid, p_hold_s integer, OUT expires_at timestamptz, OUT stock_left integer
) LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
    pack limited_packages;
    item products;
BEGIN
    PERFORM cc_lock_own(p_user);
    live := cc_limited_live(p_user, p_package, NULL);
    IF live.id IS NOT NULL THEN PERFORM cc_fail('ALREADY_HELD'); END IF;
    SELECT * INTO pack FROM limited_packages WHERE id = p_package;
    SELECT * INTO item FROM products WHERE id = pack.product_id;
    PERFORM cc_limited_admit(p_user, pack, item, false);
    expires_at := now() + make_interval(secs => coalesce(pack.hold_s, p_hold_s));
    INSERT INTO limited_holds (id, package_id, user_id, status, expires_at)
    VALUES (p_hold, pack.id, p_user, 'HELD', cc_limited_hold.expires_at);
    IF NOT cc_limited_count(pack.id, p_user, 1, pack.per_user_limit) THEN PERFORM cc_fail('LIMIT_REACHED'); END IF;
    stock_left := cc_limited_stock(pack.id, 1, 0);
    IF stock_left IS NULL THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- Give the user's hold back; false = there was none, which is what the caller wants too.
CREATE OR REPLACE FUNCTION cc_limited_release(p_user bigint, p_package text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
BEGIN
    PERFORM cc_lock_wallet(p_user);
    IF NOT EXISTS (SELECT 1 FROM limited_packages WHERE id = p_package) THEN PERFORM cc_fail('NOT_FOUND'); END IF;
    live := cc_limited_live(p_user, p_package, NULL);
    RETURN live.id IS NOT NULL AND cc_limited_end(live.id, 'RELEASED');
END $$;

-- Buy one. With a live hold the hold is used, without one stock is taken at once. A price in gold is paid here
-- and captures (200 SUCCESS); a price in cents waits for the provider while it is held (202 PENDING), and the
-- hold gets its whole time again. p_named: the hold the buyer insists on. p_hold: the id of a hold made here.
CREATE OR REPLACE FUNCTION cc_limited_buy(
    ctx jsonb, p_user bigint, p_package text, p_named uuid, p_hold uuid, p_hold_s integer, p_tx uuid,
    p_provider text, p_receipt text, p_key text, p_hash bytea,
    OUT status integer, OUT body bytea, OUT replayed boolean, OUT stock_left integer
) LANGUAGE plpgsql AS $$
DECLARE
    live limited_holds;
    pack limited_packages;
    item products;
    tx shop_transactions;
    until timestamptz;
    paid boolean;  -- now, in gold
    balance bigint;
    event uuid := gen_random_uuid();
BEGIN
    SELECT r.status, r.body, r.replayed INTO status, body, replayed
      FROM cc_replay(p_user, 'limited', p_key, p_hash) r;
    IF replayed THEN RETURN; END IF;
    PERFORM cc_lock_own(p_user);
    live := cc_limited_live(p_user, p_package, p_named);
    SELECT * INTO pack FROM limited_packages WHERE id = p_package;
    SELECT * INTO item FROM products WHERE id = pack.product_id;
    PERFORM cc_limited_admit(p_user, pack, item, live.id IS NOT NULL);
    IF live.shop_tx_id IS NOT NULL THEN PERFORM cc_fail('ALREADY_HELD'); END IF;  -- its payment is on its way
    paid := item.price_gold IS NOT NULL;
    until := now() + make_interval(secs => coalesce(pack.hold_s, p_hold_s));
    IF live.id IS NULL THEN
        INSERT INTO limited_holds (id, package_id, user_id, status, expires_at, ended_at, shop_tx_id)
        VALUES (p_hold, pack.id, p_user, CASE WHEN paid THEN 'CAPTURED' ELSE 'HELD' END, until,
                CASE WHEN paid THEN now() END, p_tx);
        IF NOT cc_limited_count(pack.id, p_user, 1, pack.per_user_limit) THEN
            PERFORM cc_fail('LIMIT_REACHED');
        END IF;
    ELSE
        UPDATE limited_holds h
           SET status = CASE WHEN paid THEN 'CAPTURED' ELSE 'HELD' END, shop_tx_id = p_tx,
               ended_at = CASE WHEN paid THEN now() END,
               expires_at = CASE WHEN paid THEN h.expires_at ELSE greatest(h.expires_at, until) END
         WHERE h.id = live.id AND h.status = 'HELD' AND h.expires_at > now() RETURNING h.expires_at INTO until;
        IF NOT FOUND THEN PERFORM cc_fail('HOLD_EXPIRED'); END IF;
    END IF;
    INSERT INTO shop_transactions (public_id, user_id, product_id, qty, kind, unit_price, status, idempotency_key,
        provider, receipt, amount_cents, gold_amount, hold_id, trace_id, request_id, settled_at)
    VALUES (p_tx, p_user, item.id, 1, 'limited', coalesce(item.price_gold, item.price_cents),
        CASE WHEN paid THEN 'SUCCESS' ELSE 'PENDING' END, p_key, CASE WHEN NOT paid THEN p_provider END,
        CASE WHEN NOT paid THEN p_receipt END, item.price_cents, CASE WHEN paid THEN 0 ELSE item.gold_amount END,
        coalesce(live.id, p_hold), ctx->>'trace_id', ctx->>'request_id', CASE WHEN paid THEN now() END)
    RETURNING * INTO tx;
    IF paid THEN
        SELECT p.balance INTO balance
          FROM cc_post(ctx, p_user, -item.price_gold, 'sink:shop', 'purchase', 'shop_tx', p_tx::text) p;
    END IF;
    PERFORM cc_emit_purchase(ctx, tx, tx.status, NULL, event);
    IF paid THEN
        PERFORM cc_achieve(ctx, p_user, 'purchases', 1);
        PERFORM cc_emit_profile(ctx, p_user);
    END IF;
    status := CASE WHEN paid THEN 200 ELSE 202 END;
    body := cc_answer(p_user, 'limited', p_key, status, jsonb_strip_nulls(jsonb_build_object(
        'success', paid, 'transaction_id', p_tx, 'status', tx.status,
        'package_id', pack.id, 'product_id', item.id, 'kind', 'limited', 'qty', 1,
        'hold_id', tx.hold_id, 'expires_at', CASE WHEN NOT paid THEN until END,
        'receipt', tx.receipt, 'balance_after', balance, 'event_id', event)));
    stock_left := cc_limited_stock(pack.id, paid::int * -(live.id IS NOT NULL)::int
        + (NOT paid AND live.id IS NULL)::int, paid::int);
    IF stock_left IS NULL THEN PERFORM cc_fail('SOLD_OUT'); END IF;
END $$;

-- A payment has arrived: its purchase becomes real. '' = it did; else why not (the money waits for a person).
-- The caller holds the wallet row, and its transition from PENDING makes this once.
CREATE OR REPLACE FUNCTION cc_limited_capture(tx shop_transactions) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hold limited_holds;
BEGIN
    SELECT * INTO hold FROM limited_holds h WHERE h.id = tx.hold_id FOR NO KEY UPDATE;
    IF hold.status = 'HELD' AND hold.expires_at > now() THEN
        UPDATE limited_holds h SET status = 'CAPTURED', ended_at = now() WHERE h.id = hold.id;
        PERFORM cc_limited_stock(hold.package_id, -hold.qty, hold.qty);
        RETURN '';
    END IF;
    -- The sweeper has not been here yet: what it would give back is what the late payment takes.
    PERFORM cc_limited_end(hold.id, 'EXPIRED');
    RETURN cc_limited_late(tx, hold);
END $$;

-- The hold is gone: take a new one from the stock, in the transaction of the payment.
CREATE OR REPLACE FUNCTION cc_limited_late(tx shop_transactions, hold limited_holds)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    most integer;
    fresh uuid := gen_random_uuid();
BEGIN
    SELECT per_user_limit INTO STRICT most FROM limited_packages WHERE id = hold.package_id;
    IF NOT cc_limited_count(hold.package_id, tx.user_id, hold.qty, most) THEN RETURN 'limit'; END IF;
    IF cc_limited_stock(hold.package_id, 0, hold.qty) IS NULL THEN
        UPDATE limited_user_counts SET bought = bought - hold.qty
         WHERE package_id = hold.package_id AND user_id = tx.user_id;
        RETURN 'sold_out';
    END IF;
    INSERT INTO limited_holds (id, package_id, user_id, qty, status, expires_at, ended_at, shop_tx_id)
    VALUES (fresh, hold.package_id, tx.user_id, hold.qty, 'CAPTURED', now(), now(), tx.public_id);
    UPDATE shop_transactions t SET hold_id = fresh WHERE t.id = tx.id;
    RETURN '';
END $$;

-- The payment was declined: what it waited for goes back on sale. The caller holds the wallet row.
CREATE OR REPLACE FUNCTION cc_limited_fail(tx shop_transactions) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT cc_limited_end(tx.hold_id, 'RELEASED');
$$;

-- The sweeper: end what has expired, in batches, and give each package its stock back at once.
-- Rows that somebody is capturing are skipped: whoever changes the status first has won.
CREATE OR REPLACE FUNCTION cc_limited_expire(p_limit integer)
RETURNS TABLE (hold_id uuid, shop_tx_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
BEGIN
    WITH gone AS (
        UPDATE limited_holds h SET status = 'EXPIRED', ended_at = now()
         WHERE h.id IN (SELECT x.id FROM limited_holds x WHERE x.status = 'HELD' AND x.expires_at <= now()
                         ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LIMIT p_limit)
        RETURNING h.id)
    SELECT array_agg(gone.id) INTO ids FROM gone;
    IF ids IS NULL THEN RETURN; END IF;
    UPDATE limited_user_counts c SET bought = c.bought - h.qty
      FROM limited_holds h
     WHERE h.id = ANY(ids) AND c.package_id = h.package_id AND c.user_id = h.user_id;
    PERFORM cc_limited_stock(s.package_id, -s.qty, 0)
       FROM (SELECT h.package_id, sum(h.qty)::integer AS qty FROM limited_holds h WHERE h.id = ANY(ids)
              GROUP BY h.package_id ORDER BY h.package_id) s;
    RETURN QUERY SELECT h.id, h.shop_tx_id FROM limited_holds h WHERE h.id = ANY(ids);
END $$;

-- Tell a buyer whose payment is still on its way that the hold ran out. The purchase stays PENDING: a late
-- payment may still find stock. In a transaction of its own: events need the wallet row, which comes before holds.
CREATE OR REPLACE FUNCTION cc_limited_lapsed(ctx jsonb, p_tx uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    tx shop_transactions;
BEGIN
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM cc_lock_wallet(tx.user_id);
    SELECT * INTO tx FROM shop_transactions WHERE public_id = p_tx;
    IF tx.status <> 'PENDING' THEN RETURN false; END IF;
    PERFORM cc_emit_purchase(ctx || jsonb_build_object('trace_id', tx.trace_id), tx, 'PENDING', 'hold_expired');
    RETURN true;
END $$;

-- Tell a buyer's sockets that a purchase was refused, as cc_buy_refused does for the shop.
CREATE OR REPLACE FUNCTION cc_limited_refused(
    ctx jsonb, p_user bigint, p_package text, p_status text, p_reason text, p_key text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    product text := (SELECT product_id FROM limited_packages WHERE id = p_package);
BEGIN
    -- A frame about nothing must not wait behind money for long; without the lock it could be out of order.
    PERFORM set_config('lock_timeout', '250ms', true);
    PERFORM cc_lock_wallet(p_user);
    PERFORM cc_emit(ctx, p_user, 'purchase_update', NULL, true, jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', CASE WHEN p_status = 'IDEMPOTENCY_CONFLICT' THEN
            (SELECT convert_from(response_body, 'UTF8')::jsonb->>'transaction_id' FROM idempotency_keys
              WHERE user_id = p_user AND scope = 'limited' AND key = p_key) END,
        'status', p_status, 'product_id', coalesce(product, p_package),
        'kind', CASE WHEN product IS NULL THEN 'unknown' ELSE 'limited' END, 'qty', 1, 'reason', p_reason)));
END $$;
