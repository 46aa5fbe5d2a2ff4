"""The configuration reference is what the code says."""

from tests.docs.configuration import PAGE, page


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.docs.configuration"
