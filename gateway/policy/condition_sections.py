"""The section `conditions` as it is written, and its translation into the values that judge."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.policy.cel import MAX_EXPRESSION, Expression, compiled
from gateway.policy.sections import PlainText, Section


def _expression(text: str) -> str:
    compiled(text)
    return text


class ConditionSection(Section):
    name: PlainText
    expression: Annotated[str, Field(max_length=MAX_EXPRESSION), AfterValidator(_expression)]
    message: PlainText

    def condition(self) -> Expression:
        return Expression(self.name, self.expression, self.message)
