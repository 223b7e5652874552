#!/usr/bin/env python3
"""Makes of a rendered chart what podman can play on this machine's network.

    playable.py RENDERED FOLDER SECRET=KEY=FILE… >play.yaml

Volumes become folders that look as the kubelet leaves them: files of a Secret in their default mode, and a volume of a claim
that its group may write, both of the Pod's fsGroup (podman of Debian 12 writes Secrets down undecoded, and knows no fsGroup).
Probes go: podman would run them by a shell in the image, which has none. Ports go: the network is this machine's,
and so are the hosts of Services.
"""

import os
import pathlib
import shutil
import sys

import yaml


def owned(path, group, mode):
    os.chown(path, 0, group)
    path.chmod(mode)


def folder(volume, at, group, secrets):
    """The folder that stands in for a volume, or nothing if podman makes one."""
    if "secret" in volume:
        at.mkdir(parents=True)
        for key, file in secrets[volume["secret"]["secretName"]]:
            owned(pathlib.Path(shutil.copy(file, at / key)), group, volume["secret"]["defaultMode"])
    elif "persistentVolumeClaim" in volume:
        at.mkdir(parents=True)
        owned(at, group, 0o2775)
    else:
        return None
    return {"name": volume["name"], "hostPath": {"path": str(at), "type": "Directory"}}


def main():
    rendered, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    secrets = {}
    for argument in sys.argv[3:]:
        secret, key, file = argument.split("=")
        secrets.setdefault(secret, []).append((key, file))
    objects = [each for each in yaml.safe_load_all(rendered.read_text()) if each]
    hosts = [f"{each['metadata']['name']}.privacy.svc" for each in objects if each["kind"] == "Service"]
    root.mkdir(parents=True)
    (root / "hosts").write_text("".join(f"127.0.0.1 {host}\n" for host in ["localhost", *hosts]))
    played = []
    for each in objects:
        if each["kind"] in ("Deployment", "Pod"):
            pod = each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"]
            group = pod["securityContext"]["fsGroup"]
            name = each["metadata"]["name"]
            pod["volumes"] = [folder(volume, root / name / volume["name"], group, secrets) or volume for volume in pod["volumes"]]
            # With this machine's network podman forgets a Pod's hostAliases.
            pod["volumes"].append({"name": "hosts", "hostPath": {"path": str(root / "hosts"), "type": "File"}})
            for container in pod["containers"]:
                for part in ("startupProbe", "livenessProbe", "readinessProbe", "ports"):
                    container.pop(part, None)
                container["volumeMounts"].append({"name": "hosts", "mountPath": "/etc/hosts", "readOnly": True})
            played.append(each)
        elif each["kind"] == "ConfigMap":
            played.insert(0, each)
    yaml.safe_dump_all(played, sys.stdout)


if __name__ == "__main__":
    main()
