"""Secrets never leave, in any form."""

import base64
import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from ccops.core.masking import Masker, mask_urls

SECRETS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=4, max_size=40)


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_encoding_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    masker = Masker([secret])
    forms = (
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    )
    for form in forms:
        assert form not in masker.text(before + "\0" + form + "\0" + after) or form in before + after + "***"


def test_structures_are_masked_deeply_and_keys_too() -> None:
    masker = Masker(["hunter22"])
    assert masker.data({"a hunter22": ["x hunter22", {"n": 5}]}) == {"a ***": ["x ***", {"n": 5}]}


def test_passwords_inside_urls_are_masked_without_being_known() -> None:
    assert mask_urls("postgresql://ccops:pa55@127.0.0.1/x") == "postgresql://ccops:***@127.0.0.1/x"
    assert mask_urls("redis://:secret@h:1/0") == "redis://:***@h:1/0"
    assert mask_urls("http://127.0.0.1:80/a@b") == "http://127.0.0.1:80/a@b"


def test_passwords_in_the_query_of_urls_are_masked_and_holes_for_them_are_not() -> None:
    assert (
        mask_urls("postgresql://h/x?user=a&password=pa55&b=c") == "postgresql://h/x?user=a&password=***&b=c"
    )
    assert mask_urls("http://h/?access_token=x.y next") == "http://h/?access_token=*** next"
    assert mask_urls("ws://h/ws?token={access_token}&page=2") == "ws://h/ws?token={access_token}&page=2"


def test_very_short_values_are_left_so_that_reports_stay_readable() -> None:
    assert Masker(["1"]).text("1 of 10") == "1 of 10"


def test_tokens_that_nobody_captured_are_masked_by_their_shape_even_when_cut() -> None:
    head = "eyJhbGciOiJIUzI1NiJ9"
    assert mask_urls(f"Bearer {head}.eyJzdWIiOjF9.c2ln, next") == "Bearer ***, next"
    assert mask_urls(f'{{"access_token": "{head}.eyJzd…') == '{"access_token": "***'
    assert mask_urls('{"refresh_token": "x_1-y", "n": 1}') == '{"refresh_token": "***", "n": 1}'
    assert mask_urls('{"token_type": "bearer"}') == '{"token_type": "bearer"}'


def test_a_field_inside_a_quoted_document_is_masked_too() -> None:
    assert mask_urls(r'"{\"password\": \"hunter2\"}"') == r'"{\"password\": \"***\"}"'
