"""Writes what the release binary is made of as a CycloneDX 1.6 document, and checks it against the official JSON schema.

    python scripts/sbom.py target/sbom/rightful.cdx.json

From `cargo metadata` (normal dependencies of the binary, on this platform) and the checksums of Cargo.lock. The same tree gives the
same document: its serial number is made from the lock file, and it has no time.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent


def host() -> str:
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("host: "))


def metadata() -> dict:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host()]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


def reachable(nodes: dict, root: str) -> dict:
    """The ids that normal dependencies lead to, each with those it leads to itself."""
    found, open_ids = {}, [root]
    while open_ids:
        at = open_ids.pop()
        if at in found:
            continue
        normal = [d["pkg"] for d in nodes[at]["deps"] if any(kind["kind"] is None for kind in d["dep_kinds"])]
        found[at] = normal
        open_ids.extend(normal)
    return found


def component(package: dict, checksum: str | None, kind: ComponentType) -> Component:
    purl = PackageURL("cargo", None, package["name"], package["version"])
    licence = package["license"]
    return Component(
        type=kind,
        name=package["name"],
        version=package["version"],
        description=package["description"],
        purl=purl if checksum else None,
        bom_ref=f"{package['name']}@{package['version']}",
        licenses=[LicenseExpression(licence.replace("/", " OR "))] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
    )


def main(target: Path) -> None:
    meta = metadata()
    lock = (ROOT / "Cargo.lock").read_bytes()
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(lock.decode())["package"]}
    packages = {p["id"]: p for p in meta["packages"]}
    nodes = {n["id"]: n for n in meta["resolve"]["nodes"]}
    root = next(i for i, p in packages.items() if p["name"] == "rightful")
    graph = reachable(nodes, root)
    made = {}
    for at in sorted(graph):
        package = packages[at]
        kind = ComponentType.APPLICATION if at == root else ComponentType.LIBRARY
        made[at] = component(package, checksums.get((package["name"], package["version"])), kind)
    bom = Bom(serial_number=uuid.UUID(hashlib.sha256(lock).hexdigest()[:32], version=4))
    bom.metadata.timestamp = None
    bom.metadata.component = made[root]
    for at, one in made.items():
        if at != root:
            bom.components.add(one)
    for at, leads_to in graph.items():
        bom.register_dependency(made[at], [made[to] for to in leads_to])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    text = json.dumps(document, indent=2, sort_keys=True)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault:
        sys.exit(f"the document breaks the schema of CycloneDX: {fault}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + "\n")
    print(f"{target}: {len(graph)} components, valid CycloneDX 1.6")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
