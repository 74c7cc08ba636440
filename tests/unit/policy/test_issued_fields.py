from gateway.policy.issued_fields import Field, objection


def test_fields_are_called_as_in_the_standards_and_in_policy_files() -> None:
    fields = "version serialNumber signatureAlgorithm signature issuer notBefore notAfter validity subject publicKey"
    extensions = "subjectKeyIdentifier authorityKeyIdentifier keyUsage subjectAlternativeName basicConstraints"
    more = "crlDistributionPoints certificatePolicies extendedKeyUsage authorityInformationAccess certificateTemplate"
    others = "uniqueIdentifiers applicationPolicies securityIdentifier extensions certificate cmcResponse"

    assert set(Field) == set(f"{fields} {extensions} {more} {others}".split())


def test_what_the_ca_wrote_is_cut_before_it_fills_the_record() -> None:
    short, long = objection(Field.SUBJECT, "v" * 400, "w" * 400), objection(Field.SUBJECT, "v" * 401, "w" * 10_000)

    assert (short.value, short.wanted) == ("v" * 400, "w" * 400)
    assert (long.value, long.wanted) == ("v" * 399 + "…", "w" * 399 + "…")
