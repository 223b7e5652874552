#!/usr/bin/env python3
"""The chart's schema and its table of values, made from the comments and defaults of values.yaml.

`chart.py` writes values.schema.json and README.md; `chart.py check` fails if they are not what would be written.
"""

import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent.parent / "helm" / "rightful"

# What a default cannot say. A key that is not in values.yaml is a fault.
ENUMS = {
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "tls.clientCertificates": ["none", "optional", "required"],
    "database.type": ["sqlite", "postgresql"],
    "storage.type": ["local", "s3"],
    "migrations.mode": ["job", "startup"],
    "service.type": ["ClusterIP", "LoadBalancer", "NodePort"],
    "service.trafficDistribution": ["", "PreferClose", "PreferSameZone", "PreferSameNode"],
    "telemetry.otlpProtocol": ["grpc", "http"],
    "telemetry.logFormat": ["text", "json"],
}
LEAST = {"replicaCount": 1, "server.port": 1, "metrics.port": 1, "autoscaling.minReplicas": 1, "server.graceSeconds": 1}
MOST = {"server.port": 65535, "metrics.port": 65535, "telemetry.samplePercent": 100, "server.graceSeconds": 3600}
# Objects with a shape of Kubernetes' own: what is given is handed on.
OPEN = {"resources", "startupProbe", "livenessProbe", "readinessProbe", "metrics.dashboard.labels"}
# A number or a text with a percent sign.
INT_OR_STRING = {"podDisruptionBudget.maxUnavailable"}


def comments(text):
    """The comment before each key, by its path."""
    found, path, said = {}, [], []
    for line in text.splitlines():
        if match := re.match(r"^( *)# ?(.*)$", line):
            said.append(match.group(2))
        elif match := re.match(r"^( *)([A-Za-z]+):", line):
            depth = len(match.group(1)) // 2
            path = path[:depth] + [match.group(2)]
            found[".".join(path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def schema(value, path, said):
    described = {"description": said[path]} if said.get(path) else {}
    if path in INT_OR_STRING:
        return {**described, "type": ["integer", "string"]}
    if isinstance(value, bool):
        return {**described, "type": "boolean"}
    if isinstance(value, int):
        bounds = {"minimum": LEAST.get(path, 0), **({"maximum": MOST[path]} if path in MOST else {})}
        return {**described, "type": "integer", **bounds}
    if isinstance(value, str):
        return {**described, "type": "string", **({"enum": ENUMS[path]} if path in ENUMS else {})}
    if isinstance(value, list):
        return {**described, "type": "array"}
    if not value or path in OPEN:
        return {**described, "type": "object"}
    inner = {key: schema(each, f"{path}.{key}" if path else key, said) for key, each in value.items()}
    return {**described, "type": "object", "additionalProperties": False, "properties": inner}


def rows(value, path, said):
    is_leaf = not isinstance(value, dict) or not value or path in OPEN
    if is_leaf:
        default = json.dumps(value)
        yield f"| `{path}` | `{default}` | {said.get(path, '')} |"
        return
    for key, each in value.items():
        yield from rows(each, f"{path}.{key}" if path else key, said)


def documents():
    text = (CHART / "values.yaml").read_text()
    values, said = yaml.safe_load(text), comments(text)
    known = set(said)
    for path in [*ENUMS, *LEAST, *MOST, *OPEN, *INT_OR_STRING]:
        assert path in known, f"{path} is not in values.yaml"
    made = schema(values, "", said)
    # Helm itself adds this one.
    made["properties"]["global"] = {"type": "object"}
    made = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the rightful chart", **made}
    head = (CHART / "README.md.tmpl").read_text()
    table = "\n".join(["| value | default | meaning |", "|---|---|---|", *rows(values, "", said)])
    return {
        "values.schema.json": json.dumps(made, indent=2) + "\n",
        "README.md": head.replace("{{ values }}", table),
    }


def main():
    stale = []
    for name, text in documents().items():
        file = CHART / name
        if sys.argv[1:] == ["check"]:
            if not file.exists() or file.read_text() != text:
                stale.append(name)
        else:
            file.write_text(text)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what values.yaml says; run scripts/chart.py")


if __name__ == "__main__":
    main()
