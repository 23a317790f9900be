from __future__ import annotations

import pytest

from tollwatch.cases.keyword import compile_keyword
from tollwatch.errors import UsageError

TEXT = "ai_api_credential_stuffing Thirty keys tried from one address fixtures/stuffing/cases.yml"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (None, True),
        ("  ", True),
        ("stuffing", True),
        ("THIRTY", True),
        ("thirty keys", True),
        ("keys thirty", False),
        ("keys and thirty", True),
        ("probing", False),
        ("probing or stuffing", True),
        ("not probing", True),
        ("not not stuffing", True),
        ("not (probing or stuffing)", False),
        ("probing or keys and not address", False),
        ("(probing or keys) and address", True),
        ("stuffing/cases.yml", True),
    ],
)
def test_chosen(expression: str | None, expected: bool) -> None:
    assert compile_keyword(expression)(TEXT) is expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("and", "-k 'and': 'and' stands there where a word is needed"),
        ("a or", "-k 'a or': it ends where a word is needed"),
        ("(a", "-k '(a': it ends where ) is needed"),
        ("a )", "-k 'a )': ')' stands there where an operator (and, or) is needed"),
        ("(" * 100_000, "-k: more than 200 words"),
    ],
)
def test_not_an_expression(expression: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_keyword(expression)
    assert str(caught.value) == message
