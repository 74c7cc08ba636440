"""Lint, render and check the Helm chart. Exit code 0: no objection.

The chart is rendered with its default values and with every file in `helm/ces-gateway/ci`, for the oldest and the
newest Kubernetes; each object is checked against the schema of its version and against what this project promises
about its pods.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import kubernetes_validate
import yaml
from helm_program import ChartError, obtain_helm, run

from gateway.config import Configuration
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken, parse

ROOT = Path(__file__).parents[1]
CHART = ROOT / "helm" / "ces-gateway"

KUBERNETES_VERSIONS = ("1.30", "1.37")
"""The oldest that Chart.yaml admits and the newest that the schemas know."""

CONFIGURATION_DIRECTORY = PurePosixPath("/etc/ces-gateway")
AUDIT_DIRECTORY = PurePosixPath("/var/lib/ces-gateway")
TEMPORARY_DIRECTORY = PurePosixPath("/tmp")  # noqa: S108 -- the container's own

NO_SCHEMA = {"PrometheusRule", "ServiceMonitor"}
"""Kinds of the Prometheus operator: Kubernetes itself has no schema for them."""

RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
"""Of the Pod Security Standards' profile "restricted", what this chart has a use for."""

SECRET_MATERIAL = re.compile(r"-----BEGIN|\$argon2|^\s*(password|passphrase|secret|token)\s*:", re.MULTILINE)

REFUSED_VALUES = (
    "persistance.enabled=true",
    "secretFiles.tls.secret=ces-gateway-tls",
    "podSecurityContext.runAsNonRoot=false",
    "podSecurityContext.seccompProfile.type=Unconfined",
    "config.management.port=9091",
    "config.audit.file=/tmp/audit.jsonl",
    "image.digest=sha256:0",
    "persistence.accessMode=ReadWriteMany",
    "policies.machine=template",
    "config.state.kind=postgresql",
    "config.state.kind=redis",
    "config.state.kind=sqlite,config.state.file=/tmp/state.sqlite",
    "replicaCount=2",
    "replicaCount=2,config.state.kind=sqlite",
    "replicaCount=2,config.state.kind=memory",
)
"""Mistakes that values.schema.json or a template must notice, as `--set` takes them."""

Object = dict[str, Any]


# --- renderings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the chart becomes with one set of values on one version of Kubernetes."""

    name: str
    values: Object
    """What the value file says; empty for the defaults."""
    kubernetes_version: str
    objects: tuple[Object, ...]

    def of_kind(self, *kinds: str) -> list[Object]:
        return [item for item in self.objects if item["kind"] in kinds]

    @property
    def workload(self) -> Object:
        (workload,) = self.of_kind("Deployment", "StatefulSet")
        return workload

    @property
    def pod(self) -> Object:
        template: Object = self.workload["spec"]["template"]
        return template

    @property
    def container(self) -> Object:
        (container,) = self.pod["spec"]["containers"]
        assert isinstance(container, dict)
        return container

    @property
    def configuration_text(self) -> str:
        (text,) = (item["data"]["gateway.yaml"] for item in self.of_kind("ConfigMap") if "gateway.yaml" in item["data"])
        return str(text)

    @property
    def policies(self) -> dict[str, str]:
        files: dict[str, str] = {}
        for item in self.of_kind("ConfigMap"):
            files |= {name: text for name, text in item["data"].items() if name != "gateway.yaml"}
        return files


def renderings(helm: Path) -> Iterator[Rendering]:
    """Every set of values on every version. Raises ChartError if one does not render."""
    for file in (None, *sorted((CHART / "ci").glob("*.yaml"))):
        values = ("--values", file) if file else ()
        run(helm, "lint", "--strict", "--quiet", CHART, *values)
        for version in KUBERNETES_VERSIONS:
            text = run(helm, "template", "release", CHART, "--namespace", "pki", "--kube-version", version, *values)
            yield Rendering(
                f"{file.stem if file else 'default values'}, Kubernetes {version}",
                yaml.safe_load(file.read_text()) if file else {},
                version,
                tuple(item for item in yaml.safe_load_all(text) if item),
            )


# --- objections -----------------------------------------------------------------------------------------------------


def objections(rendering: Rendering) -> Iterator[str]:
    """Everything that is wrong with one rendering."""
    yield from schema_objections(rendering)
    yield from pod_objections(rendering.pod["spec"])
    yield from container_objections(rendering.container)
    yield from reference_objections(rendering)
    yield from configuration_objections(rendering)
    yield from secret_objections(rendering)
    yield from alert_objections(rendering)


def schema_objections(rendering: Rendering) -> Iterator[str]:
    for item in rendering.objects:
        if item["kind"] in NO_SCHEMA:
            continue
        try:
            kubernetes_validate.validate(item, rendering.kubernetes_version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{item['kind']} {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield str(error.message)


def pod_objections(spec: Object) -> Iterator[str]:
    """Pod Security Standards, "restricted", as far as it is the pod's; and no way to the API server."""
    context = spec["securityContext"]
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "the pod may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "the pod has no seccomp profile"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "the pod shares a namespace with its host"
    if spec.get("automountServiceAccountToken") is not False:
        yield "the pod gets a service account token"
    for volume in spec["volumes"]:
        if kinds := volume.keys() - RESTRICTED_VOLUMES - {"name"}:
            yield f"volume {volume['name']} is a {', '.join(kinds)}"


def container_objections(container: Object) -> Iterator[str]:
    context = container["securityContext"]
    if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
        yield "the container may gain privileges"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "the container may write to its root"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "the container keeps capabilities"
    if {port["name"]: port["containerPort"] for port in container["ports"]} != {"https": 8443, "management": 9090}:
        yield "the container's ports are not https 8443 and management 9090"
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        if container.get(probe, {}).get("httpGet") != {"path": path, "port": "management"}:
            yield f"{probe} does not ask the management port for {path}"
    if not container.get("resources", {}).get("requests") or "memory" not in container["resources"].get("limits", {}):
        yield "the container has no resource requests, or no memory limit"


def reference_objections(rendering: Rendering) -> Iterator[str]:
    """What one object says of another: selectors, names, and times that depend on each other."""
    labels = rendering.pod["metadata"]["labels"]
    for item in rendering.of_kind("Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment", "StatefulSet"):
        spec = item["spec"]
        selector = spec.get("selector", spec.get("podSelector"))
        if not selector.get("matchLabels", selector).items() <= labels.items():
            yield f"{item['kind']} {item['metadata']['name']} does not select the pods"
    services = rendering.of_kind("Service")
    for monitor in rendering.of_kind("ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        selected = [service for service in services if wanted <= service["metadata"]["labels"].items()]
        if [port["name"] for service in selected for port in service["spec"]["ports"]] != ["management"]:
            yield "the ServiceMonitor does not select the management service alone"
    public = [
        port["name"]
        for service in services
        if service["spec"].get("clusterIP") != "None"
        for port in service["spec"]["ports"]
    ]
    if public != ["https"]:
        yield f"the public service publishes {', '.join(public)}"
    name = rendering.workload["spec"].get("serviceName")
    if name is not None and name not in {service["metadata"]["name"] for service in services}:
        yield f"the StatefulSet's service {name} does not exist"
    drain = yaml.safe_load(rendering.configuration_text).get("drain_seconds", 0)
    sleep = rendering.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if rendering.pod["spec"]["terminationGracePeriodSeconds"] < drain + sleep + 5:
        yield "the pod is killed before it has drained"


def configuration_objections(rendering: Rendering) -> Iterator[str]:
    """The gateway takes gateway.yaml and the policies, and finds every file that is named."""
    try:
        parse(rendering.configuration_text, "gateway.yaml").validate(Configuration)
        load_policies(rendering.policies.items())
    except Mistaken as mistaken:
        yield from map(str, mistaken.mistakes)
    configuration = yaml.safe_load(rendering.configuration_text)
    if configuration != configuration | rendering.values.get("config", {}):
        yield "gateway.yaml is not what the values say under config"
    if rendering.policies != rendering.values.get("policies", {}):
        yield "the policies are not, byte for byte, what the values say"
    mounted = set(mounted_files(rendering))
    directories = {file.parent for file in mounted}
    if PurePosixPath(rendering.container["args"][-1]) not in mounted:
        yield "the gateway is started with a configuration that is not mounted"
    for path in map(PurePosixPath, texts(configuration)):
        is_policies = str(path) == configuration["policies"] and not rendering.policies
        if path.is_relative_to(CONFIGURATION_DIRECTORY) and path not in mounted | directories and not is_policies:
            yield f"gateway.yaml names {path}, which is not mounted"
    mounts = {PurePosixPath(m["mountPath"]): m.get("readOnly", False) for m in rendering.container["volumeMounts"]}
    wanted = {CONFIGURATION_DIRECTORY: True, AUDIT_DIRECTORY: False}
    if configuration.get("realms"):
        wanted[TEMPORARY_DIRECTORY] = False
    if mounts != wanted:
        yield "the audit directory alone is to be mounted for writing, and /tmp where there are realms"


def mounted_files(rendering: Rendering) -> Iterator[PurePosixPath]:
    """The files below the configuration directory. Raises ChartError for one whose ConfigMap is not in the chart."""
    maps = {item["metadata"]["name"]: item["data"] for item in rendering.of_kind("ConfigMap")}
    for volume in rendering.pod["spec"]["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            reference = source.get("configMap") or source["secret"]
            for item in reference["items"]:
                if "configMap" in source and item["key"] not in maps.get(reference["name"], {}):
                    raise ChartError(f"{rendering.name}: no ConfigMap {reference['name']} with {item['key']}")
                yield CONFIGURATION_DIRECTORY / item["path"]


def texts(value: object) -> Iterator[str]:
    """Every text in a tree of YAML."""
    match value:
        case str():
            yield value
        case dict():
            yield from (text for item in value.values() for text in texts(item))
        case list():
            yield from (text for item in value for text in texts(item))


def secret_objections(rendering: Rendering) -> Iterator[str]:
    if rendering.of_kind("Secret"):
        yield "the chart makes a Secret: its content would stand in the values"
    for item in rendering.of_kind("ConfigMap"):
        for key, text in item["data"].items():
            if found := SECRET_MATERIAL.search(text):
                yield f"ConfigMap {item['metadata']['name']}: {key} contains {found.group().strip()}"


def alert_objections(rendering: Rendering) -> Iterator[str]:
    wanted = rendering.values.get("prometheusRule", {}).get("enabled", False)
    rules = [rule["spec"] for rule in rendering.of_kind("PrometheusRule")]
    if rules != ([yaml.safe_load((CHART / "alerts.yaml").read_text())] if wanted else []):
        yield "the PrometheusRule is not alerts.yaml as it is, or is there where nobody wants it, or is not"


def refusal_objections(helm: Path) -> Iterator[str]:
    for value in REFUSED_VALUES:
        try:
            run(helm, "template", "release", CHART, "--set", value)
        except ChartError:
            continue
        yield f"--set {value} is not refused"


def version_objections() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    if chart["appVersion"] != project["version"]:
        yield f"Chart.yaml: appVersion is {chart['appVersion']}, the project's is {project['version']}"


def check() -> tuple[list[str], Iterable[Rendering]]:
    """All objections, and what was looked at. Raises ChartError."""
    helm = obtain_helm()
    rendered = list(renderings(helm))
    found = [*version_objections(), *refusal_objections(helm)]
    found += [f"{rendering.name}: {objection}" for rendering in rendered for objection in objections(rendering)]
    return found, rendered


def main() -> int:
    try:
        found, rendered = check()
    except ChartError as error:
        print(f"chart: {error}", file=sys.stderr)
        return 1
    for objection in found:
        print(f"chart: {objection}", file=sys.stderr)
    if not found:
        count = sum(len(rendering.objects) for rendering in rendered)
        print(f"chart: {count} objects are as they should be, for Kubernetes {' and '.join(KUBERNETES_VERSIONS)}")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
