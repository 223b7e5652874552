#!/usr/bin/env python3
"""What Kubernetes' own schemas cannot see in a rendered chart: other people's kinds, and what objects say of each other.

Takes the rendered file, and where to write the configuration in it. With the words `refuses KIND PATH VALUE` behind them, PATH of
that kind is set to VALUE (YAML), and it has to be refused for its schema.
"""

import json
import pathlib
import sys

import jsonschema
import yaml

SCHEMAS = pathlib.Path(__file__).parent.parent / "helm/rightful/tests/schemas"


def custom(objects):
    """The objects of kinds that Kubernetes does not bring: their groups have a dot and are not its own."""
    for each in objects:
        group = each["apiVersion"].rpartition("/")[0]
        if "." in group and not group.endswith(".k8s.io") or group == "gateway.networking.k8s.io":
            yield each


def mistakes(each):
    version = each["apiVersion"].rpartition("/")[2]
    file = SCHEMAS / f"{each['kind'].lower()}_{version}.json"
    assert file.exists(), f"{each['kind']} {version} has no schema: {SCHEMAS / 'README.md'} says where they come from"
    validator = jsonschema.Draft202012Validator(json.loads(file.read_text()))
    return [f"{each['kind']} {mistake.json_path}: {mistake.message}" for mistake in validator.iter_errors(each)]


def spoiled(each, path, value):
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at = each
    for part in parents:
        at = at[part]
    at[last] = yaml.safe_load(value)
    return each


def pods(objects):
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["kind"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["kind"], each["spec"]


def main():
    objects = [each for each in yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text()) if each]
    if sys.argv[3:]:
        [_, kind, path, value] = sys.argv[3:]
        found = [mistake for each in objects if each["kind"] == kind for mistake in mistakes(spoiled(each, path, value))]
        assert found, f"{kind} with {path}: {value} is taken"
        return
    found = [mistake for each in custom(objects) for mistake in mistakes(each)]
    assert not found, "\n".join(found)
    by_kind = {}
    for each in objects:
        by_kind.setdefault(each["kind"], []).append(each)
        assert "namespace" not in each["metadata"], f"{each['kind']} names a namespace of its own"
        assert len(each["metadata"]["name"]) <= 63, each["metadata"]["name"]
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names)), "two objects have one name"
    for kind, pod in pods(objects):
        # The restricted profile of Pod Security.
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0, kind
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", kind
        assert pod["automountServiceAccountToken"] is False, kind
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], kind
            assert context["capabilities"]["drop"] == ["ALL"], kind
            assert "memory" in container["resources"]["limits"] and "cpu" not in container["resources"]["limits"], kind
            # Server-side apply refuses what is there twice.
            variables = [variable["name"] for variable in container.get("env", [])]
            assert len(variables) == len(set(variables)), kind
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in pod["volumes"]}, f"{kind}: {mounted}"
    [deployment] = by_kind["Deployment"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items(), "the Deployment does not find its Pods"
    for service in by_kind["Service"]:
        assert service["spec"]["selector"].items() <= labels.items(), service["metadata"]["name"]
    pod = deployment["spec"]["template"]["spec"]
    stop = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    [config] = [each for each in by_kind["ConfigMap"] if each["metadata"]["name"] == deployment["metadata"]["name"]]
    text = config["data"]["rightful.toml"]
    grace = int(text.split('grace = "')[1].split("s")[0])
    assert pod["terminationGracePeriodSeconds"] > stop + grace, "it is killed before it has stopped"
    for each in by_kind.get("Job", []):
        assert labels["app.kubernetes.io/component"] != each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
    for rule in by_kind.get("PrometheusRule", []):
        for each in rule["spec"]["groups"][0]["rules"]:
            assert each["annotations"]["runbook_url"].endswith(f"/{each['alert']}.md"), each["alert"]
    pathlib.Path(sys.argv[2]).write_text(text)


if __name__ == "__main__":
    main()
