import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.catalogue.file import read_file
from gateway.catalogue.keeper import CatalogueKeeper
from gateway.policy.catalogue import Catalogue, learned
from gateway.protocol.xcep import GetPoliciesResponse
from tests.templates import CA_1, SOURCE, USER, WEB, WEB_OID, a_ca_certificate, an_offer, an_offered_policy

CONFIGURED = f"templates: [{{commonName: {WEB}, oid: {WEB_OID}, minimalKeyLength: 4096}}]"
OFFER_OF_TWO = an_offer([an_offered_policy(), an_offered_policy(USER, 2)])
OFFER_OF_USER = an_offer([an_offered_policy(USER, 2)])


class Clock:
    def __init__(self) -> None:
        self.now = SOURCE.at

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.yaml"


def a_keeper(file: Path, on_change: Callable[[Catalogue], None] = lambda _: None) -> CatalogueKeeper:
    return CatalogueKeeper(file, Clock(), on_change)


def events(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]


def test_without_a_file_nothing_is_known(file: Path) -> None:
    assert a_keeper(file).catalogue == Catalogue()
    assert not file.exists()


def test_what_was_learned_is_known_at_once_and_after_a_restart(file: Path) -> None:
    changes: list[Catalogue] = []
    keeper = a_keeper(file, changes.append)

    keeper.learn("cep", an_offer())

    assert keeper.catalogue == learned(an_offer(), SOURCE)
    assert changes == [keeper.catalogue]
    assert a_keeper(file).catalogue == keeper.catalogue
    assert a_keeper(file).catalogue.ca_certificates(CA_1) == (a_ca_certificate(),)


def test_the_same_answer_changes_nothing_and_writes_nothing(file: Path) -> None:
    changes: list[Catalogue] = []
    keeper = a_keeper(file, changes.append)
    keeper.learn("cep", an_offer())
    file.unlink()

    keeper.learn("cep", an_offer())

    assert len(changes) == 1
    assert not file.exists()


def test_nothing_but_the_file_is_left_in_its_directory(file: Path) -> None:
    a_keeper(file).learn("cep", an_offer())

    assert list(file.parent.iterdir()) == [file]


def test_only_a_complete_answer_makes_it_forget(file: Path) -> None:
    keeper = a_keeper(file)
    keeper.learn("cep", OFFER_OF_TWO)

    keeper.learn("cep", OFFER_OF_USER)
    assert len(keeper.catalogue.templates) == 2

    keeper.learn("cep", OFFER_OF_USER, is_complete=True)
    assert [template.common_name for template in keeper.catalogue.templates] == [USER]
    assert a_keeper(file).catalogue == keeper.catalogue


def test_what_is_configured_stays_in_the_file(file: Path) -> None:
    file.write_text(CONFIGURED)
    keeper = a_keeper(file)

    keeper.learn("cep", OFFER_OF_TWO)

    (web,) = read_file(file).named(WEB)
    assert (web.minimal_key_length, web.source) == (4096, None)
    assert read_file(file).named(USER) != ()


def test_what_somebody_configures_while_it_runs_is_not_overwritten(file: Path) -> None:
    keeper = a_keeper(file)
    keeper.learn("cep", an_offer())
    file.write_text(CONFIGURED)

    keeper.learn("cep", OFFER_OF_TWO)

    assert read_file(file).named(WEB)[0].minimal_key_length == 4096
    assert keeper.catalogue == read_file(file)


def test_a_reload_takes_what_somebody_has_configured(file: Path) -> None:
    changes: list[Catalogue] = []
    keeper = a_keeper(file, changes.append)
    file.write_text(CONFIGURED)

    keeper.reload()
    keeper.reload()

    assert keeper.catalogue == read_file(file)
    assert changes == [keeper.catalogue]


def test_a_reload_keeps_what_was_learned_since_the_start(file: Path) -> None:
    keeper = a_keeper(file)
    keeper.learn("cep", OFFER_OF_USER)
    file.write_text(CONFIGURED)

    keeper.reload()
    keeper.learn("cep", OFFER_OF_USER)

    assert keeper.catalogue.named(USER) != ()
    assert keeper.catalogue == read_file(file), "and the file has both"


def test_a_file_with_mistakes_is_told_of_once_and_not_overwritten(file: Path) -> None:
    file.write_text("templates: [{commonName: A}]")
    with capture_logs() as logs:
        keeper = a_keeper(file)
        keeper.learn("cep", an_offer())
        keeper.learn("cep", an_offer())

    assert events(logs) == ["template catalogue not read, and not written either", "template catalogue changed"]
    assert logs[0]["mistakes"] == [f"{file}:1: templates.0.oid: missing"]
    assert file.read_text() == "templates: [{commonName: A}]"
    assert keeper.catalogue.named(WEB) != (), "it goes by what it learns"


def test_once_the_mistakes_are_gone_it_is_written_again(file: Path) -> None:
    file.write_text("templates: [")
    keeper = a_keeper(file)
    keeper.learn("cep", OFFER_OF_USER)
    file.write_text(CONFIGURED)

    keeper.learn("cep", OFFER_OF_USER)

    assert {template.common_name for template in read_file(file).templates} == {WEB, USER}


def test_a_file_that_cannot_be_read_is_told_of(file: Path) -> None:
    file.write_bytes(b"\xff")

    with capture_logs() as logs:
        assert a_keeper(file).catalogue == Catalogue()

    assert "cannot be read" in json.dumps(logs)


def test_a_file_that_cannot_be_written_is_told_of_and_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "absent" / "catalogue.yaml"
    keeper = a_keeper(file)

    with capture_logs() as logs:
        keeper.learn("cep", an_offer())
    assert events(logs) == ["template catalogue changed", "template catalogue not written: a restart will not know it"]

    file.parent.mkdir()
    keeper.learn("cep", an_offer())
    assert read_file(file) == keeper.catalogue


def test_an_answer_that_says_nothing_is_no_trouble(file: Path) -> None:
    empty = GetPoliciesResponse("{}", None, None, None, None, None, None)
    keeper = a_keeper(file)

    keeper.learn("cep", empty, is_complete=True)

    assert keeper.catalogue == Catalogue()


def test_the_age_of_a_service_s_word_is_known(file: Path) -> None:
    clock = Clock()
    keeper = CatalogueKeeper(file, clock)
    assert keeper.seconds_since("cep") == float("inf")

    keeper.learn("cep", an_offer())
    clock.now += timedelta(minutes=1)

    assert keeper.seconds_since("cep") == 60
    assert keeper.seconds_since("another") == float("inf")


def test_the_time_is_noted_to_the_second(file: Path) -> None:
    clock = Clock()
    clock.now += timedelta(microseconds=5)
    keeper = CatalogueKeeper(file, clock)

    keeper.learn("cep", an_offer())

    assert keeper.catalogue.templates[0].source == SOURCE
    assert a_keeper(file).catalogue == keeper.catalogue
