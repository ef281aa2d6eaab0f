"""The contract gate beside oasdiff, on the documents of oasdiff's own tests, both ways round.

`python -m tests.bench.contract_differential`: compares "is there an error" per pair. Every pair on which the two
disagree must have its reason below, or the run exits 1.
"""

# ruff: noqa: E501 - a reason is a line
from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

from ccops.contract.diff import diff
from ccops.contract.load import load
from ccops.contract.model import Level, Policy
from ccops.core.errors import CcopsError
from tests.bench import oasdiff
from tests.bench.machine import BenchFailed

# A pattern over "OLD NEW" file stems -> why we say something else. Checked one by one by hand, oasdiff 1.32.0.
REASONS: tuple[tuple[str, str], ...] = (
    (r"^allof_property_existence", "same changes; there a warning because of allOf, here a checked payload"),
    (r"^api_security_(global_)?added_base", "a token that is newly asked for refuses every existing call; there a note"),
    (r"^api_security_added_revision", "asking for no token any more refuses nobody; there an error since 1.32"),
    (r"^contains_min_max", "items are strings and one must be an integer: no array fits either side, so nothing can break"),
    (r"^content_schema", "contentEncoding and contentMediaType are hints, no payload becomes invalid: undecided, not broken"),
    (r"^nil_revision_subschema_revision", "a new bound on items refuses payloads (checked); there nothing is found"),
    (r"^nullable_(type_array|wrap)_param", "null has no form of its own in a query string"),
    (r"^pattern_properties_revision", "a service sends what it declares: fewer promised patterns add nothing to that"),
    (r"^prefix_items_(added|prop)", "a place that took anything takes one type now, or the reverse: a checked payload; there a warning"),
    (r"^request_body_any_of_media_type", "the alternative that was exchanged has the same content under another name"),
    (r"^request_param_\w*to_(constrained_)?array", "one text is a list of one, but its items refuse some texts, or a list of two is refused as one (checked)"),
    (r"^request_parameter_became_enum_revision", "an integer enumeration became free text: every old value is taken on the wire"),
    (r"^request_\w+_extensible_enum", "x-extensible-enum says that other values may come, so its list refuses nothing"),
    (r"^request_parameter_max_items_updated_revision", "maxItems stands on a string there, where it means nothing"),
    (r"^request_parameter_max_updated_revision", "maximum stands on an array there, where it means nothing"),
    (r"^request_property_any_of_(added_revision|removed_base)", "a remaining alternative takes everything the removed one took (proved)"),
    (r"^request_property_one_of_(added_base|removed_revision)", "the new alternative fits payloads that another fits: oneOf refuses them (checked)"),
    (r"^request_property_one_of_(added_revision|removed_base)", "a remaining alternative takes everything the removed one took; undecided is only oneOf"),
    (r"^request_xml_type_compatible|^response_xml_type_compatible", "an object with members is no text in XML either (checked); there compatible"),
    (r"^response_property_(any|one)_of_(added_base|removed_revision)", "the new alternative sends nothing that an old one did not (proved)"),
    (r"^schema_became_false_revision", "a service that could send nothing sends values now (checked); there a note"),
    (r"^sub_schema_", "inside if, then, else, not, dependentSchemas: the whole condition is judged; undecided where no payload was found"),
    (r"^transition_claims_enum", "the enumeration was dropped for all strings: nothing is refused"),
    (r"^unevaluated(_property)?_revision", "a service sends what it declares: opening the rest adds nothing to that"),
)  # fmt: skip


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return every base with its revision, both ways round."""
    found = []
    for base in sorted(folder.glob("*_base.yaml")):
        revision = base.with_name(base.name.replace("_base", "_revision"))
        if revision.exists():
            found += [(base, revision), (revision, base)]
    return found


def compared(binary: Path, old: Path, new: Path) -> tuple[bool, bool, str]:
    """Return (they find an error, we find one, what both say)."""
    theirs, _done = oasdiff.changelog(binary, old, new)
    ours = diff(load(old), load(new), policy=Policy(today=date(2026, 11, 23)))
    said = f"theirs {Counter((str(one['id']), one['level']) for one in theirs).most_common(4)}"
    said += f"; ours {[(one.code, one.level.name) for one in ours.findings[:4]]}"
    return any(one["level"] == 3 for one in theirs), ours.count(Level.ERR) > 0, said


def main() -> int:
    """Run everything and print the table."""
    agreed, explained, open_ = 0, Counter[str](), []
    with tempfile.TemporaryDirectory(prefix="ccops-bench-") as place:
        binary, folder = oasdiff.install(Path(place))
        listed = pairs(folder)
        for old, new in listed:
            name = f"{old.stem} {new.stem}"
            try:
                theirs, ours, said = compared(binary, old, new)
            except (BenchFailed, CcopsError) as error:
                open_.append(f"{name}: {error}")
                continue
            reason = next((why for pattern, why in REASONS if re.search(pattern, name)), None)
            if theirs == ours:
                agreed += 1
            elif reason is None:
                open_.append(f"{name}: {said}")
            else:
                side = "only theirs" if theirs else "only ours"
                explained[f"{side}: {reason}"] += 1
    print(
        f"{len(listed)} pairs of oasdiff {oasdiff.VERSION}: {agreed} agree, {explained.total()} explained, {len(open_)} not"
    )
    for why, count in sorted(explained.items()):
        print(f"  {count:3} {why}")
    for line in open_:
        print(f"  UNEXPLAINED {line}")
    return 1 if open_ or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
