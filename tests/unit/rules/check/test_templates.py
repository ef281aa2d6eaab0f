"""Go templates: what the server would refuse to load is refused, what it loads and we know passes."""

from __future__ import annotations

import pytest

from ccops.rules.check.gotemplate import Template, TemplateError, read

GOOD = (
    "no template at all",
    "{{ $labels.flow }} {{ $value | humanize }}",
    "{{- $value -}}",
    "{{/* a comment */}}x",
    "{{- /* a comment */ -}}",
    "{{ if gt $value 5.0 }}a{{ else if eq $value 1.0 }}b{{ else }}c{{ end }}",
    '{{ range $i, $s := query "up" }}{{ $i }}{{ $s.Labels.job }}{{ else }}none{{ end }}',
    '{{ with query "up" }}{{ . | first | value | printf "%.2f" }}{{ end }}',
    '{{ (query "up" | first).Labels.x }}',
    "{{ $x := $value }}{{ $x }}{{ $x = 2 }}",
    '{{ index $labels "a-b" }}',
    '{{ define "x" }}a{{ end }}{{ template "x" . }}',
    '{{ $labels.x | reReplaceAll "(.*)" "$1" }}',
    "{{ printf `%.1f` $value }}",
    "{{ $value\n}}",
    "}} x { {",
    '{{ "\\u00e9" }}',
)
BAD = (
    "{{ $value",
    "{{ $labels.flow }",
    "{{ }}",
    "{{ humanise $value }}",
    "{{ $label.x }}",
    "{{ $x }}",
    "{{ $labels. x }}",
    '{{ "abc }}',
    '{{ "\\q" }}',
    "{{ 5x }}",
    "{{ 08 }}",
    "{{ humanize($value) }}",
    "{{ (humanize $value }}",
    "{{ humanize $value) }}",
    "{{ $labels.a-b }}",
    "{{ if $value }}",
    "{{ end }}",
    "{{ else }}",
    "{{ if }}{{ end }}",
    "{{ break }}",
    "{{ $value | 5 }}",
    '{{ "a"b }}',
    "{{ /* a */}}",
    "{{ $a, $b := $value }}",
    "{{ with $x := 1 }}{{ end }}{{ $x }}",
    "{{ template }}",
    "{{ define x }}{{ end }}",
    "{{ @ }}",
    "{{{ $value }}}",
)


@pytest.mark.parametrize("text", GOOD)
def test_what_prometheus_loads_is_read(text: str) -> None:
    read(text)


@pytest.mark.parametrize("text", BAD)
def test_what_prometheus_refuses_to_load_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ $labels.a }} {{ .Labels.b }} {{ $.Labels.c }} {{ $labels.a }}", Template(("a", "b", "c"))),
        ("{{ $value }}", Template(uses_value=True)),
        ("{{ .Value | humanize }}", Template(uses_value=True)),
        ('{{ range query "up" }}{{ .Labels.job }}{{ .Value }}{{ end }}', Template(queries=True)),
        ("{{ $externalLabels.env }}", Template()),
    ],
)
def test_what_a_text_uses_is_known_and_the_dot_moves_inside_range(text: str, expected: Template) -> None:
    assert read(text) == expected
