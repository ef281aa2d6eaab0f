"""Documents that mean harm, or are just broken: exit 2 with file and pointer, or a finding; never a hang."""

# ruff: noqa: E501 - a case is a line
from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ccops.contract.diff import diff
from ccops.contract.load import load, load_pair
from ccops.contract.model import DiffResult, Direction, Level, Policy
from ccops.core.errors import ExitCode, UsageError
from tests.unit.contract.documents import TODAY, Json, api, bodies, compared, obj, words

SECONDS = 5.0  # of processor time; far above what is needed, far below a hang


def _loaded(text: str | bytes) -> object:
    return load(text.encode() if isinstance(text, str) else text, name="f.yaml")


def _refusal(text: str | bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        _loaded(text)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.evidence.startswith("f.yaml: /")
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "CONTRACT_UNREADABLE", "empty"),
        ("   \n", "CONTRACT_UNREADABLE", "empty"),
        ("{", "CONTRACT_UNREADABLE", "line 1"),
        ('{"openapi": "3.1.0", "paths": {"/a": {"get"', "CONTRACT_UNREADABLE", "line 1"),
        ('{"openapi": "3.1.0", "paths": {}} trailing', "CONTRACT_UNREADABLE", "Extra data"),
        (b"\xff\xfe\x00", "CONTRACT_UNREADABLE", "UTF-8"),
        ("[1, 2]", "CONTRACT_SHAPE", "an array"),
        ('"words"', "CONTRACT_SHAPE", "a string"),
        ("null", "CONTRACT_SHAPE", "null"),
        ("a: [", "CONTRACT_UNREADABLE", "YAML"),
        ("a: *b", "CONTRACT_UNREADABLE", "YAML"),
        ("openapi: 3.1.0\n---\na: b", "CONTRACT_UNREADABLE", "second document begins here; only the first is read at line 2"),
        ("openapi: 3.1.0\nx: {[a]: b}", "CONTRACT_UNREADABLE", "a key is a text, this is a list at line 2"),
        ("openapi: 3.1.0\nx: {<<: [b]}", "CONTRACT_UNREADABLE", "names no mapping at line 2"),
        ("openapi: 3.1.0\nx: \x01", "CONTRACT_UNREADABLE", "U+0001 is not allowed in YAML at line 2"),
        ("openapi: 3.1.0\nx: " + "1" * 9000, "CONTRACT_UNREADABLE", "at line 2"),
        ("openapi: 3.1.0\nx: -.inf", "CONTRACT_UNREADABLE", "finite"),
        ("openapi: !!python/object/apply:os.system ['true']", "CONTRACT_UNREADABLE", "YAML"),
        ("openapi: 3.1.0\nopenapi: 3.1.0", "CONTRACT_DUPLICATE_KEY", "line 2"),
        ('{"openapi": "3.1.0", "openapi": "3.1.0"}', "CONTRACT_DUPLICATE_KEY", "openapi"),
        ('{"openapi": "3.1.0", "x": {"a": [{"b": 1, "b": 2}]}}', "CONTRACT_DUPLICATE_KEY", "b"),
        ('{"openapi": "3.1.0", "x": NaN}', "CONTRACT_UNREADABLE", "NaN"),
        ('{"openapi": "3.1.0", "x": 1e999}', "CONTRACT_UNREADABLE", "finite"),
        ('{"openapi": "3.1.0", "x": ' + "1" * 9000 + "}", "CONTRACT_UNREADABLE", "JSON"),
        ('{"openapi": "3.1.0", "asyncapi": "3.0.0"}', "CONTRACT_VERSION", "at once"),
        ('{"openapi": "3.1.0", "swagger": "2.0"}', "CONTRACT_VERSION", "at once"),
        ('{"swagger": "2.0"}', "CONTRACT_VERSION", "swagger 2.0"),
        ('{"openapi": "4.0.0"}', "CONTRACT_VERSION", "4.0.0"),
        ('{"openapi": 3.1}', "CONTRACT_VERSION", "3.1"),
        ('{"asyncapi": "2.6.0"}', "CONTRACT_VERSION", "2.6.0"),
        ('{"info": {}}', "CONTRACT_VERSION", "no `openapi`"),
        ("[" * 100_000, "CONTRACT_TOO_DEEP", "nested"),
        ('{"a":' * 300 + "1" + "}" * 300, "CONTRACT_TOO_DEEP", "nested"),
        ('{"$ref": "https://example.com/x.json", "openapi": "3.1.0"}', "CONTRACT_REF_OUTSIDE", "nothing is fetched"),
        ('{"$ref": "../../etc/passwd", "openapi": "3.1.0"}', "CONTRACT_REF_OUTSIDE", "file"),
    ],
)  # fmt: skip
def test_what_cant_be_read_says_where_and_why(text: str | bytes, code: str, said: str) -> None:
    if text == '{"openapi": 3.1}':
        assert _loaded(text)  # YAML writers forget the quotes; the version is clear
        return
    error = _refusal(text)
    assert (error.code, said in error.message) == (code, True), error.message


@pytest.mark.parametrize(
    "text",
    ["a: " + "[" * 100_000, "a: " + "{a: " * 50_000, "- " * 50_000, "? " * 50_000, "a: '" + "]" * 900 + "'\nb: " + "[" * 900,
     "openapi: 3.1.0\n" + "".join(" " * depth + "a:\n" for depth in range(2_000))],
)  # fmt: skip
def test_yaml_that_would_end_the_process_is_refused(text: str) -> None:
    started = time.process_time()
    assert _refusal(text).code == "CONTRACT_TOO_DEEP"
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        r'{"openapi": "3.1.0", "x": {"a": ["\ud83d\ude00", "\ud800"]}}',
        r'{"openapi": "3.1.0", "x": {"a": [0, {"\uDfff": 1}]}}',
        'openapi: 3.1.0\nx: {a: [0, "\\uD800"]}',
    ],
)
def test_half_a_character_is_refused_before_anything_has_to_write_it(text: str) -> None:
    assert _refusal(text).code == "CONTRACT_UNREADABLE"
    assert _loaded(r'{"openapi": "3.1.0", "x": "\ud83d\ude00"}')


def test_a_duplicate_key_is_found_by_its_pointer() -> None:
    assert _refusal('{"openapi": "3.1.0", "x": {"a": [{"b": 1, "b": 2}]}}').evidence == "f.yaml: /x/a/0/b"


def test_yaml_means_what_json_would() -> None:
    whole = load(b"openapi: 3.0.3\npaths: {}\nx: {on: yes, 200: 2026-01-31, n: no, t: true}", name="f.yaml")
    assert whole.data["x"] == {"on": "yes", "200": "2026-01-31", "n": "no", "t": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-3", -3), ("1.5", 1.5), (".5", 0.5), ("1.e+3", 1000.0), ("0x1F", 31), ("TRUE", True),
     ("~", None), ("", None), ("'1'", "1"), ("!!str 1", "1"), ('"a\\/b"', "a/b"),
     ("0123", "0123"), ("1:30", "1:30"), ("1_000", "1_000"), ("+.", "+."), ("off", "off"),
     ("12e4", "12e4"), ("0o17", "0o17")],
)  # fmt: skip
def test_a_number_is_what_yaml_1_1_and_1_2_both_take_for_one(text: str, value: object) -> None:
    found = load(f"openapi: 3.0.3\npaths: {{}}\nx: {text}\n".encode(), name="f.yaml").data["x"]
    assert (found, type(found)) == (value, type(value))


def test_yaml_aliases_that_explode_are_counted_before_they_are_walked() -> None:
    lines = ["openapi: 3.1.0", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    started = time.process_time()
    assert _refusal("\n".join(lines)).code == "CONTRACT_TOO_BIG"
    assert time.process_time() - started < SECONDS


def test_yaml_merges_that_explode_are_cut_off_and_honest_ones_are_read() -> None:
    lines = ["openapi: 3.1.0", "x: {y: {z: [", *[f"&k{i} {{k{i}: v}}," for i in range(3_000)]]
    every = ", ".join(f"*k{i}" for i in range(3_000))
    lines += ["]}}", f"a0: &a0 {{<<: [{every}]}}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 300)}]}}" for i in range(1, 6)]
    started = time.process_time()
    assert _refusal("\n".join(lines)).code == "CONTRACT_TOO_BIG"
    assert time.process_time() - started < SECONDS
    honest = load(
        b"openapi: 3.0.3\npaths: {}\nx: {a: &a {t: 1, m: 3}, b: {<<: *a, m: 5}, c: [=, '<<']}", name="f.yaml"
    )
    assert honest.data["x"] == {"a": {"t": 1, "m": 3}, "b": {"m": 5, "t": 1}, "c": ["=", "<<"]}


def test_yaml_that_holds_itself_is_too_deep() -> None:
    assert _refusal("openapi: 3.1.0\na: &a\n  b: *a").code == "CONTRACT_TOO_DEEP"


def test_a_file_too_big_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(UsageError, match="the limit is"):
        load(path)


def test_files_beside_a_document_are_read_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    (tmp_path / "in" / "user.yaml").write_text(
        "User:\n  type: object\n  properties: {id: {$ref: '#/Id'}}\nId: {type: integer}"
    )
    whole = api({"$ref": "user.yaml#/User"})
    main = tmp_path / "in" / "main.json"
    main.write_text(json.dumps(whole))
    same = compared(load(main), api(obj(id={"type": "integer"})))
    assert same.findings == ()
    main.write_text(json.dumps(api({"$ref": "../secret.json"})))
    with pytest.raises(UsageError, match="no file in the folder"):
        load(main)


def test_the_same_bytes_beside_other_files_are_not_the_same_document(tmp_path: Path) -> None:
    sides = []
    for folder, kind in (("old", "integer"), ("new", "string")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "user.json").write_text(json.dumps({"type": kind}))
        sides.append(tmp_path / folder / "main.json")
        sides[-1].write_text(json.dumps(api({"$ref": "user.json"})))
    for old, new in ([load(one) for one in sides], load_pair(*sides)):
        assert words(diff(old, new, policy=Policy(today=TODAY))) == {("REQUEST_TYPE_CHANGED", "ERR")}


@pytest.mark.parametrize("reference", ["http://[::1#/a", "a\0b.json#/a", "x" * 300 + ".json"])
def test_a_reference_that_is_no_name_is_refused(reference: str, tmp_path: Path) -> None:
    (tmp_path / "main.json").write_text(json.dumps(api({"$ref": reference})))
    with pytest.raises(UsageError, match="neither an address nor a file"):
        load(tmp_path / "main.json")


def test_a_fetch_that_is_allowed_is_used_once() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return b'{"A": {"type": "string"}}'

    whole = api({"$ref": "https://example.com/s.json#/A"}, {"$ref": "https://example.com/s.json#/A"})
    loaded = load(json.dumps(whole).encode(), fetch=fetch)
    assert compared(loaded, api({"type": "string"}, {"type": "string"})).findings == ()
    assert asked == ["https://example.com/s.json"]


def _schemas(**more: object) -> Json:
    return api({"$ref": "#/components/schemas/A0"}, schemas=more)  # type: ignore[arg-type]


def _timed(old: Json, new: Json) -> DiffResult:
    started = time.process_time()
    result = compared(old, new)
    assert time.process_time() - started < SECONDS
    return result


def test_a_bomb_of_references_ends() -> None:
    def bomb(leaf: str) -> Json:
        made: Json = {
            f"A{i}": obj(
                l={"$ref": f"#/components/schemas/A{i + 1}"}, r={"$ref": f"#/components/schemas/A{i + 1}"}
            )
            for i in range(40)
        }
        return _schemas(**made, A40={"type": leaf})

    (finding,) = _timed(bomb("string"), bomb("integer")).findings
    assert finding.code == "REQUEST_TYPE_CHANGED"


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_a_bomb_of_parts_ends(keyword: str) -> None:
    def bomb(leaf: str) -> Json:
        made: Json = {
            f"A{i}": {keyword: [{"$ref": f"#/components/schemas/A{i + 1}"}] * 2, "minLength": i}
            for i in range(25)
        }
        return _schemas(**made, A25={"type": leaf})

    assert _timed(bomb("string"), bomb("integer")).findings


def test_schemas_that_chain_too_far_are_refused_with_a_pointer() -> None:
    made: Json = {f"A{i}": obj(next={"$ref": f"#/components/schemas/A{i + 1}"}) for i in range(3000)}
    one, two = _schemas(**made, A3000={"type": "string"}), _schemas(**made, A3000={"type": "integer"})
    with pytest.raises(UsageError) as caught:
        compared(one, two)
    assert caught.value.code == "CONTRACT_TOO_DEEP"
    assert "/components/schemas/A" in caught.value.evidence


@pytest.mark.parametrize(
    ("schemas", "code"),
    [
        ({"A0": {"$ref": "#/components/schemas/A0"}}, "CONTRACT_REF"),
        ({"A0": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A0"}}, "CONTRACT_REF"),
        ({"A0": {"allOf": [{"$ref": "#/components/schemas/A0"}]}}, "CONTRACT_TOO_DEEP"),
        ({"A0": {"anyOf": [{"$ref": "#/components/schemas/A0"}, {"type": "string"}]}}, "CONTRACT_TOO_DEEP"),
        ({"A0": {"$ref": "#/components/schemas/Nowhere"}}, "CONTRACT_REF"),
        ({"A0": {"$ref": "#anchor"}}, "CONTRACT_REF"),
        ({"A0": {"$ref": 5}}, "CONTRACT_SHAPE"),
        ({"A0": "words"}, "CONTRACT_SHAPE"),
        ({"A0": {"type": "strnig"}}, "CONTRACT_SHAPE"),
        ({"A0": {"type": 5}}, "CONTRACT_SHAPE"),
        ({"A0": {"type": []}}, "CONTRACT_SHAPE"),
        ({"A0": {"enum": "a"}}, "CONTRACT_SHAPE"),
        ({"A0": {"minLength": "a"}}, "CONTRACT_SHAPE"),
        ({"A0": {"minLength": -1}}, "CONTRACT_SHAPE"),
        ({"A0": {"minimum": "1"}}, "CONTRACT_SHAPE"),
        ({"A0": {"multipleOf": 0}}, "CONTRACT_SHAPE"),
        ({"A0": {"pattern": 5}}, "CONTRACT_SHAPE"),
        ({"A0": {"properties": []}}, "CONTRACT_SHAPE"),
        ({"A0": {"properties": {"a": 5}}}, "CONTRACT_SHAPE"),
        ({"A0": {"required": [5]}}, "CONTRACT_SHAPE"),
        ({"A0": {"allOf": {}}}, "CONTRACT_SHAPE"),
        ({"A0": {"anyOf": []}}, "CONTRACT_SHAPE"),
        ({"A0": {"items": [5]}}, "CONTRACT_SHAPE"),
        ({"A0": {"anyOf": [{"type": "string"}, None]}}, "CONTRACT_SHAPE"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", ["old", "new"])
def test_a_schema_that_is_none_is_refused_with_its_pointer(schemas: Json, code: str, side: str) -> None:
    fine, broken = api({"type": "array", "items": obj(a={})}), _schemas(**schemas)
    with pytest.raises(UsageError) as caught:
        compared(*((broken, fine) if side == "old" else (fine, broken)))
    assert caught.value.code == code
    assert caught.value.evidence.startswith("(document): /")


@pytest.mark.parametrize(
    "broken",
    [
        {"paths": []},
        {"paths": {"/a": 5}},
        {"paths": {"/a": {"get": []}}},
        {"paths": {"/things": {"post": {"parameters": {}}}}},
        {"paths": {"/things": {"post": {"parameters": [5]}}}},
        {"paths": {"/things": {"post": {"parameters": [{"in": "query"}]}}}},
        {"paths": {"/things": {"post": {"responses": []}}}},
        {"paths": {"/things": {"post": {"responses": {"200": 5}}}}},
        {"paths": {"/things": {"post": {"requestBody": {"content": []}}}}},
        {"paths": {"/things": {"post": {"requestBody": {"content": {"application/json": 5}}}}}},
        {"paths": {"/things": {"post": {"callbacks": []}}}},
        {"webhooks": []},
    ],
)  # fmt: skip
def test_a_document_of_another_shape_is_refused_with_its_pointer(broken: Json) -> None:
    with pytest.raises(UsageError) as caught:
        compared(api({"type": "string"}), api() | broken)
    assert caught.value.code == "CONTRACT_SHAPE"
    assert "/" in caught.value.evidence


def test_two_kinds_of_document_are_not_compared() -> None:
    with pytest.raises(UsageError, match="two kinds"):
        compared(api(), {"asyncapi": "3.0.0", "channels": {}})


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$", r"^(a|a)*b$", r"(a?){30}a{30}", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*)*(.*)*(.*)*=",
        r"(((a{2000}){2000}){2000})", r"((){65000}){65000}", r"^(\w+)\1$", "[", "(" * 500, r"\p{Lu}+", "a" * 5_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("direction", [Direction.REQUEST, Direction.RESPONSE])
def test_a_pattern_that_traps_never_hangs(pattern: str, direction: Direction) -> None:
    started = time.process_time()
    changed = bodies(direction, {"type": "string", "maxLength": 5000}, {"type": "string", "pattern": pattern})
    keyed = bodies(
        direction, {"type": "object"}, {"type": "object", "patternProperties": {pattern: {"type": "string"}}}
    )
    both = bodies(
        direction, {"type": "string", "pattern": pattern}, {"type": "string", "pattern": f"{pattern}x"}
    )
    assert time.process_time() - started < SECONDS
    assert changed.findings
    assert keyed.findings
    assert both.findings
    assert all(one.reason for one in both.findings if one.level is Level.WARN)


def test_a_search_that_runs_out_of_time_says_so_and_is_counted() -> None:
    old = {"type": "object", "additionalProperties": {"anyOf": [obj(a={"const": i}) for i in range(60)]}}
    new = {"type": "object", "propertyNames": {"not": {"pattern": "^never-a-name$"}}, "minProperties": 0}
    result = bodies(Direction.REQUEST, old, new)
    slow = diff(api(old), api(new), policy=Policy(today=TODAY, witness_ms=0.0))
    assert result.timeouts <= slow.timeouts
    assert slow.timeouts >= 1
    timed = [one for one in slow.findings if "ms" in one.reason]
    assert timed
    assert all(one.level is Level.WARN and one.witness is None for one in timed)
    assert slow.unknown >= slow.timeouts


def test_nothing_compared_is_never_green() -> None:
    empty: Json = {"openapi": "3.1.0", "paths": {}}
    assert compared(empty, dict(empty)).exit_code is ExitCode.NEGATIVE
    assert compared(empty, api()).exit_code is ExitCode.NEGATIVE
    assert compared(api(), empty).exit_code is ExitCode.NEGATIVE
    silent: Json = {"asyncapi": "3.0.0", "channels": {}}
    assert compared(silent, dict(silent)).exit_code is ExitCode.NEGATIVE
    raw = json.dumps(empty).encode()
    assert diff(load(raw), load(raw), policy=Policy(today=TODAY)).exit_code is ExitCode.NEGATIVE


def test_the_same_bytes_are_compared_without_walking_schemas() -> None:
    raw = json.dumps(api({"type": "string"})).encode()
    result = diff(load(raw), load(raw), policy=Policy(today=TODAY))
    assert (result.identical, result.exit_code, result.compared.operations) == (True, ExitCode.OK, 1)


def test_numbers_without_end_are_no_trouble() -> None:
    huge = {"type": "integer", "maximum": 10**400}
    result = bodies(Direction.REQUEST, huge, {"type": "integer", "maximum": 10**399, "multipleOf": 10**30})
    assert ("REQUEST_MAXIMUM_DECREASED", "ERR") in words(result)


def test_lengths_nobody_can_build_are_left_undecided() -> None:
    result = bodies(
        Direction.REQUEST, {"type": "string", "minLength": 10**12}, {"type": "string", "minLength": 10**13}
    )
    (finding,) = result.findings
    assert (finding.level, finding.witness) == (Level.WARN, None)
