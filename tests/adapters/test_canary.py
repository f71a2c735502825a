"""The canary asks as any client does, and says what came back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from breakcast.adapters.canary import CanaryClient
from breakcast.errors import BadSettings
from tests.serving.made_servers import bundle_folder
from tests.serving.served import NAME, serving

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def asked(url: str, name: str = NAME) -> tuple[bool, str | None]:
    client = CanaryClient(url, name, None, lambda: NOON)
    found = client.ask()
    client.close()
    assert found.asked_at == NOON
    return found.is_answered, found.trouble


def test_a_server_that_answers_is_up_and_one_that_does_not_is_not(
    tmp_path: Path,
) -> None:
    with serving("--model-dir", str(bundle_folder()), home=tmp_path) as served:
        assert asked(served.url) == (True, None)
        assert asked(f"{served.url}/") == (True, None)
        assert asked(served.url, "another") == (False, "the server answered 404")
        url = served.url
    is_answered, trouble = asked(url)

    assert not is_answered
    assert trouble is not None
    assert trouble.startswith("ConnectError")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://here", "http://", "http://ann:secret@here"]
)
def test_what_is_no_server_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadSettings, match="is to name a server") as refused:
        CanaryClient(url, NAME, None, lambda: NOON)

    assert "secret@" not in str(refused.value)
