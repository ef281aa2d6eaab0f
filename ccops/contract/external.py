"""Bring the other files that a document refers to inside it, so that everything below sees one document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from ccops.contract.load import EXTERNAL, Fetch, bad, parse, read_file, step

MAX_FILES = 100


def bundle(data: object, name: str, base: Path | None, fetch: Fetch | None) -> object:
    """Return `data` with every outside `$ref` turned into one below `/x-ccops-external`.

    Files must lie in the folder of the document or below it. Addresses are an error unless `fetch` is given.
    """
    if not isinstance(data, dict):
        return data
    reader = _Reader(name, base, fetch)
    data = reader.rewrite(data, "", "")
    if reader.files:
        data = {**data, EXTERNAL: reader.contents}
    return data


class _Reader:
    def __init__(self, name: str, base: Path | None, fetch: Fetch | None) -> None:
        self.name, self.base, self.fetch = name, base, fetch
        self.files: dict[str, str] = {}  # address -> key below EXTERNAL
        self.contents: dict[str, object] = {}

    def rewrite(self, node: object, home: str, pointer: str) -> dict[str, object]:
        """Copy `node`, which came from `home`, with references made local."""
        result = self._copy(node, home, pointer)
        assert isinstance(result, dict)
        return result

    def _copy(self, node: object, home: str, pointer: str) -> object:
        if isinstance(node, list):
            return [self._copy(child, home, step(pointer, index)) for index, child in enumerate(node)]
        if not isinstance(node, dict):
            return node
        copied = {key: self._copy(child, home, step(pointer, key)) for key, child in node.items()}
        reference = node.get("$ref")
        if isinstance(reference, str) and (home or not reference.startswith("#")):
            try:
                copied["$ref"] = self._local(reference, home, pointer)
            except (ValueError, OSError):  # no address, no name of a file: brackets, a null, too long
                what = f"refers to {reference:.120}, which is neither an address nor a file"
                raise bad("CONTRACT_REF", self.name, pointer, what) from None
        return copied

    def _local(self, reference: str, home: str, pointer: str) -> str:
        target, fragment = urldefrag(urljoin(home, reference) if home else reference)
        if not target:
            return f"#{fragment}"
        if target not in self.files:
            if len(self.files) >= MAX_FILES:
                raise bad("CONTRACT_REF", self.name, pointer, f"refers to more than {MAX_FILES} other files")
            key = self.files[target] = str(len(self.files))
            content = parse(self._source(target, pointer)(), f"{self.name} -> {target:.120}")
            self.contents[key] = self._copy(content, target, step(step("", EXTERNAL), key))
        return f"#/{EXTERNAL}/{self.files[target]}{fragment}"

    def _source(self, target: str, pointer: str) -> Callable[[], bytes]:
        if urlsplit(target).scheme or target.startswith("//"):
            if (fetch := self.fetch) is None:
                what = f"refers to {target:.120}, and nothing is fetched unless it is allowed"
                raise bad(
                    "CONTRACT_REF_OUTSIDE", self.name, pointer, what, next_step="bundle the document first"
                )
            return lambda: fetch(target)
        if self.base is None:
            raise bad(
                "CONTRACT_REF_OUTSIDE", self.name, pointer, f"refers to the file {target:.120} from no folder"
            )
        root = self.base.resolve()
        path = (root / unquote(target)).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            what = f"refers to {target:.120}, which is no file in the folder of the document"
            raise bad("CONTRACT_REF_OUTSIDE", self.name, pointer, what)
        return lambda: read_file(path, self.name)
