"""Policies of TameMyCerts, written for these tests."""

from gateway.policy.tamemycerts import Imported, Target, import_policy

TARGET = Target("PartnerWebServer", "1.2.3", "partner-a", ("Certificate",), "RSA")

A_NAME = """
    <SubjectRule>
      <Field>commonName</Field>
      <Mandatory>true</Mandatory>
      <Patterns><Pattern><Expression>^[a-z]+\\.partner\\.example$</Expression></Pattern></Patterns>
    </SubjectRule>"""


def a_policy(*elements: str, subject: str = A_NAME, names: str = "") -> bytes:
    """With rules about the subject and about subject alternative names, and what else is given."""
    sections = [
        f"<Subject>{subject}</Subject>" if subject else "",
        f"<SubjectAlternativeName>{names}</SubjectAlternativeName>" if names else "",
        *elements,
    ]
    return f"<CertificateRequestPolicy>{''.join(sections)}</CertificateRequestPolicy>".encode()


def a_rule(field: str, *patterns: str, more: str = "") -> str:
    return f"<SubjectRule><Field>{field}</Field>{more}<Patterns>{''.join(patterns)}</Patterns></SubjectRule>"


def a_pattern(expression: str, treat_as: str = "RegEx", action: str = "Allow") -> str:
    inside = f"<Expression>{expression}</Expression><TreatAs>{treat_as}</TreatAs><Action>{action}</Action>"
    return f"<Pattern>{inside}</Pattern>"


def a_list(name: str, *items: str) -> str:
    return f"<{name}>{''.join(f'<string>{item}</string>' for item in items)}</{name}>"


def imported(xml: bytes, target: Target = TARGET) -> Imported:
    return import_policy(xml, "PartnerWebServer.xml", target)
