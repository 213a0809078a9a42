"""Holds manifest.json against manifest.schema.json and the specification: lint.py SOURCE_ROOT.

Every numbered rule has a vector, every rule named exists, ids and files are unique, and tiers agree with statuses. Exits 1 at a finding.
"""

import json
import re
import sys
from pathlib import Path

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def violations(value, schema, root, at="manifest"):
    """The part of JSON Schema that manifest.schema.json uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or kind == "integer" and isinstance(value, bool)):
        yield f"{at}: not of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: {value} is less than {schema['minimum']}"
    if kind == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{at}: fewer than {schema['minItems']} items"
        for i, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), root, f"{at}[{i}]")
    if kind == "object":
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}: {name} is missing"
        for name, item in value.items():
            if name in schema["properties"]:
                yield from violations(item, schema["properties"][name], root, f"{at}.{name}")
            else:
                yield f"{at}: {name} is not in the schema"


def main():
    root = Path(sys.argv[1])
    manifest = json.loads((root / "conformance" / "manifest.json").read_text(encoding="utf-8"))
    schema = json.loads((root / "conformance" / "manifest.schema.json").read_text(encoding="utf-8"))
    rules = set(re.findall(r"\*\*\[([A-Z]+-\d+)\]\*\*", (root / "spec" / "slm-1.0.md").read_text(encoding="utf-8")))
    found = list(violations(manifest, schema, schema))
    vectors = manifest["vectors"]
    covered = {rule for vector in vectors for rule in vector["rules"]}
    found += [f"rule {rule} has no vector" for rule in sorted(rules - covered)]
    found += [f"rule {rule} is not in the specification" for rule in sorted(covered - rules)]
    for key in ("id", "file"):
        values = [vector[key] for vector in vectors]
        found += [f"{key} {value} twice" for value in sorted({value for value in values if values.count(value) > 1})]
    tiers = {"OK": "valid", "LIMIT": "limit", "FEATURE": "unsupported", "VERSION": "unsupported"}
    for vector in vectors:
        if tiers.get(vector["status"], "invalid") != vector["tier"]:
            found.append(f"{vector['id']}: status {vector['status']} in tier {vector['tier']}")
        if ("tensors" in vector) != (vector["tier"] == "valid") or ("needs" in vector) != (vector["tier"] == "valid"):
            found.append(f"{vector['id']}: tensors and needs belong to valid vectors, and to these always")
    print("\n".join(found) or f"{len(vectors)} vectors, {len(rules)} rules, 0 uncovered")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
