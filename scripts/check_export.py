#!/usr/bin/env python3
"""Checks a demo's export and receipt with other people's tools only: zipfile, bagit, jsonschema.

    python3 scripts/check_export.py OUT

OUT is the folder that `rightful demo --dir OUT` wrote. Needs `pip install bagit jsonschema setuptools`.
"""

import json
import pathlib
import sys
import tempfile
import zipfile

import bagit
import jsonschema

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schemas"


def validator(path: pathlib.Path) -> jsonschema.Draft202012Validator:
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check_json(document: pathlib.Path, schema: pathlib.Path) -> None:
    validator(schema).validate(json.loads(document.read_text()))
    print(f"  {document.name}: valid")


def check_records(bag: pathlib.Path) -> int:
    """Every record against the schema that its downstream described."""
    records = 0
    for part in sorted((bag / "data").glob("*/*.ndjson")):
        schema = bag / "data" / "schemas" / f"{part.parent.name}.{part.stem}.schema.json"
        check = validator(schema)
        for line in part.read_text().splitlines():
            check.validate(json.loads(line))
            records += 1
    return records


def main(out: pathlib.Path) -> None:
    with zipfile.ZipFile(out / "export.zip") as archive, tempfile.TemporaryDirectory() as folder:
        assert archive.testzip() is None, "a member of the ZIP is damaged"
        archive.extractall(folder)
        bag = pathlib.Path(folder)
        bagit.Bag(folder).validate()
        print(f"  export.zip: {len(archive.namelist())} files, a valid bag")
        for name in ("completeness", "disclosure"):
            check_json(bag / "data" / f"{name}.json", SCHEMAS / f"{name}.schema.json")
            check_json(bag / "data" / f"{name}.json", bag / "data" / "schemas" / f"{name}.schema.json")
        check_json(bag / "ro-crate-metadata.json", SCHEMAS / "ro-crate.schema.json")
        print(f"  {check_records(bag)} records: each valid against the schema of its category")
    for name in ("receipt", "rectification", "withdrawal"):
        check_json(out / f"{name}.json", SCHEMAS / "receipt.schema.json")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
