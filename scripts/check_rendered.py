#!/usr/bin/env python3
"""What schemas cannot see in a rendered chart. Takes the rendered file, and where to write the configuration in it."""

import pathlib
import sys

import yaml


def pods(objects):
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["kind"], each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield each["kind"], each["spec"]


def main():
    objects = [each for each in yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text()) if each]
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
