"""The Dockerfile, read as text: what can be promised about the image without a container engine."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    keyword: str
    value: str

    @property
    def command(self) -> str:
        """Without the options of the instruction itself."""
        return re.sub(r"^(--mount=\S+\s+)+", "", self.value)

    @property
    def words(self) -> list[str]:
        """The arguments of an instruction in exec form, or the words of any other."""
        return list(map(str, json.loads(self.command))) if self.command.startswith("[") else self.value.split()


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, from its FROM on; what stands before the first FROM is left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    instructions = [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]
    starts = [n for n, instruction in enumerate(instructions) if instruction.keyword == "FROM"]
    return [instructions[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def everything() -> list[Instruction]:
    return [instruction for stage in stages() for instruction in stage]


def of(keyword: str, stage: list[Instruction]) -> list[Instruction]:
    return [instruction for instruction in stage if instruction.keyword == keyword]


def pip_runs(subcommand: str) -> list[list[str]]:
    return [run.words for run in of("RUN", everything()) if {"/build/venv/bin/pip", subcommand} <= set(run.words)]


def packages(stage: list[Instruction]) -> list[str]:
    """Debian's, that are installed in it."""
    installs = [run.words for run in of("RUN", stage) if run.words[0] == "apt-get"]
    return [word for words in installs for word in words[2:] if not word.startswith("--")]


def copied_sources() -> list[str]:
    copies = [copy.words for copy in of("COPY", everything()) if not copy.words[0].startswith("--from=")]
    return [source.rstrip("/") for *sources, _ in copies for source in sources]


def health_check(port: int) -> int:
    (check,) = of("HEALTHCHECK", stages()[-1])
    _, *arguments = json.loads(check.value.partition("CMD")[2])
    return subprocess.run(
        [sys.executable, *(argument.replace("9090", str(port)) for argument in arguments)],
        check=False,
        stderr=subprocess.DEVNULL,
        env={"http_proxy": "http://127.0.0.1:1"},
    ).returncode


@contextmanager
def a_management_listener(status: int) -> Iterator[int]:
    class Livez(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name for it
            pass

    with HTTPServer(("127.0.0.1", 0), Livez) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_image_runs_as_an_unprivileged_numeric_user() -> None:
    users = of("USER", stages()[-1])

    assert re.fullmatch(r"([1-9]\d{3,}):([1-9]\d{3,})", users[-1].value)


def test_the_chart_runs_the_image_as_the_same_user() -> None:
    values = (ROOT / "helm/ces-gateway/values.yaml").read_text()

    assert f"runAsUser: {of('USER', stages()[-1])[-1].value.partition(':')[0]}\n" in values


def test_nothing_is_added_from_an_address() -> None:
    assert of("ADD", everything()) == []
    assert not any("://" in instruction.value for instruction in everything() if instruction.keyword in {"COPY", "RUN"})


def test_whatever_is_installed_is_checked_by_hash_or_was_built_here() -> None:
    installs = pip_runs("install")

    assert installs
    assert all("--require-hashes" in words or "--no-index" in words for words in installs)


def test_whatever_is_built_is_checked_by_hash_or_is_ours_and_the_backend_is_never_fetched_on_the_way() -> None:
    wheels = pip_runs("wheel")

    assert wheels
    assert all("--require-hashes" in words or words[-1] == "." for words in wheels)
    assert all("--no-build-isolation" in words and "--no-deps" in words for words in wheels)


def test_the_extra_is_compiled_and_installed_whole() -> None:
    locked = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements-kerberos.lock").read_text(), re.MULTILINE))
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["kerberos"]
    compiled = [word for words in pip_runs("wheel") for word in words if word.startswith("--no-binary=")]

    assert compiled == [f"--no-binary={','.join(re.split('[^a-z0-9-]', wanted)[0] for wanted in extra)}"]
    assert {"ces-gateway", *locked} == set(pip_runs("install")[-1]) & {"ces-gateway", *locked}


def test_the_image_has_the_libraries_and_not_what_compiled_against_them() -> None:
    assert any(package.endswith("-dev") for package in packages(stages()[0]))
    assert packages(stages()[-1])
    assert not any(re.search(r"-dev$|^gcc", package) for package in packages(stages()[-1]))


def test_the_lists_of_debian_do_not_stay_in_the_image() -> None:
    for run in of("RUN", stages()[-1]):
        if run.words[0] == "apt-get":
            assert "--mount=type=tmpfs,target=/var/lib/apt/lists " in run.value
            assert "--mount=type=tmpfs,target=/var/cache/apt " in run.value


def test_no_instruction_goes_through_a_shell() -> None:
    for instruction in everything():
        if instruction.keyword in {"RUN", "CMD", "ENTRYPOINT"}:
            assert instruction.command.startswith("["), instruction


def test_the_final_stage_takes_the_virtual_environment_and_nothing_else() -> None:
    assert [copy.value for copy in of("COPY", stages()[-1])] == [
        "--from=builder /opt/ces-gateway /opt/ces-gateway",
    ]


@pytest.mark.parametrize("source", copied_sources())
def test_what_is_copied_exists_and_is_let_into_the_build_context(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_enters_the_build_context_but_what_is_copied() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied_sources())


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert {*wheel["packages"], *wheel.get("force-include", {})} <= set(copied_sources())


def test_the_container_serves_the_mounted_configuration() -> None:
    (entrypoint,) = of("ENTRYPOINT", stages()[-1])
    (command,) = of("CMD", stages()[-1])

    assert entrypoint.words == ["ces-gateway"]
    assert command.words == ["serve", "--config", "/etc/ces-gateway/gateway.yaml"]


def test_the_label_and_the_project_agree_on_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f"VERSION={project['version']}" in [argument.value for argument in of("ARG", stages()[-1])]


def test_the_health_check_passes_while_the_gateway_is_alive() -> None:
    with a_management_listener(200) as port:
        assert health_check(port) == 0


def test_the_health_check_fails_once_the_gateway_is_not() -> None:
    with a_management_listener(503) as port:
        assert health_check(port) != 0
    assert health_check(port) != 0
