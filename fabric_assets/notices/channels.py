"""Where notices go: Teams, Slack, mail."""

import importlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import ModuleType
from typing import Protocol
from urllib.parse import urlsplit

import dagster as dg

from fabric_assets.client.auth import is_loopback
from fabric_assets.notices.messages import escaped_for_slack, mail_text, slack_blocks, teams_card
from fabric_assets.notices.notice import Notice

_TIMEOUT_SECONDS = 5
_SMTP_PORTS = {"starttls": 587, "ssl": 465, "none": 25}


class NoticeError(Exception):
    """A channel did not take a notice.

    Attributes:
        retriable: whether it may take it when it is sent again.
    """

    def __init__(self, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.retriable = retriable


class NoticeChannel(Protocol):
    """What takes notices; give ``build_notice_sensors`` your own for another service."""

    @property
    def name(self) -> str:
        """For messages; without secrets."""
        ...

    def send(self, notice: Notice) -> None:
        """Send one notice.

        Raises:
            NoticeError: it was not taken.
        """
        ...


@dataclass(frozen=True)
class TeamsChannel:
    """A channel or chat of Microsoft Teams, by the URL of a workflow "When a Teams webhook request is received".

    Args:
        url: the workflow's URL. It is a secret: who has it can post.
    """

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if not url.hostname or not (
            url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname))
        ):
            raise dg.DagsterInvalidDefinitionError("notices: the URL for Teams is no URL with https://")
        _required("dagster_msteams")

    @property
    def name(self) -> str:
        """For messages."""
        return f"Teams ({urlsplit(self.url).hostname})"

    def send(self, notice: Notice) -> None:
        """Post the notice as an Adaptive Card.

        Raises:
            NoticeError: it was not taken.
        """
        import requests

        client = (
            _required("dagster_msteams")
            .MSTeamsResource(hook_url=self.url, timeout=_TIMEOUT_SECONDS)
            .get_client()
        )
        try:
            client.post_message(teams_card(notice))
        except (requests.ConnectionError, requests.Timeout) as error:
            # Their text has the URL in it.
            raise NoticeError(f"{self.name}: {type(error).__name__}, no answer", retriable=True) from None
        except requests.RequestException as error:
            answer = str(error).replace(self.url, "<URL>")[:300] or "an empty answer"
            raise NoticeError(f"{self.name} refused it: {answer}", retriable=True) from None


@dataclass(frozen=True)
class SlackChannel:
    """A channel of Slack.

    Args:
        token: a bot token (``xoxb-...``) with the scope ``chat:write``.
        channel: name or id of a channel that the bot is a member of.
        api_url: base URL of Slack's API.
    """

    token: str = field(repr=False)
    channel: str
    api_url: str = "https://slack.com/api/"

    def __post_init__(self) -> None:
        _required("dagster_slack")

    @property
    def name(self) -> str:
        """For messages."""
        return f"Slack ({self.channel})"

    def send(self, notice: Notice) -> None:
        """Post the notice.

        Raises:
            NoticeError: it was not taken.
        """
        from slack_sdk.errors import SlackApiError, SlackClientError

        client = _required("dagster_slack").SlackResource(token=self.token).get_client()
        client.base_url, client.timeout = self.api_url, _TIMEOUT_SECONDS
        try:
            client.chat_postMessage(
                channel=self.channel,
                text=escaped_for_slack(notice.title),
                blocks=slack_blocks(notice),
                unfurl_links=False,
            )
        except SlackApiError as error:
            code = error.response.get("error") or error.response.status_code
            retriable = error.response.status_code != 200
            raise NoticeError(f"{self.name} refused it: {code}", retriable=retriable) from None
        except (SlackClientError, OSError) as error:
            raise NoticeError(f"{self.name}: {error}", retriable=True) from None


@dataclass(frozen=True)
class MailChannel:
    """Mail by SMTP.

    Dagster's own mail sensor only tells failures, needs a login, and sends nothing beyond ASCII.

    Args:
        to: addresses of the recipients.
        sender: address of the sender.
        host: the SMTP server.
        port: ``None``: 587 for ``starttls``, 465 for ``ssl``, 25 for ``none``.
        security: ``"starttls"``, ``"ssl"``, or ``"none"`` for a relay of your own.
        user: for the login; ``None``: no login.
        password: for the login.
    """

    to: Sequence[str]
    sender: str
    host: str
    port: int | None = None
    security: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        problems = []
        if isinstance(self.to, str) or not self.to:
            problems.append("`to` must be a list of addresses")
        if self.security not in _SMTP_PORTS:
            problems.append(f"security must be starttls, ssl or none, it is {self.security!r}")
        if any("\n" in text or "\r" in text for text in (self.sender, *self.to)):
            problems.append("addresses must not have line breaks")
        if problems:
            raise dg.DagsterInvalidDefinitionError(f"notices by mail: {'; '.join(problems)}")

    @property
    def name(self) -> str:
        """For messages."""
        return f"mail ({self.host})"

    def send(self, notice: Notice) -> None:
        """Send the notice as plain text.

        Raises:
            NoticeError: it was not taken, or not for all recipients.
        """
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = " ".join(notice.title.split())
        message.set_content(mail_text(notice))
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password or "")
                refused = server.send_message(message)
        except smtplib.SMTPResponseException as error:
            retriable = 400 <= error.smtp_code < 500
            raise NoticeError(f"{self.name} refused it: {error.smtp_code}", retriable=retriable) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NoticeError(
                f"{self.name}: {error}", retriable=not isinstance(error, smtplib.SMTPRecipientsRefused)
            ) from None
        if refused:
            raise NoticeError(f"{self.name} refused the recipients {', '.join(refused)}", retriable=False)

    def _connected(self) -> smtplib.SMTP:
        port = self.port or _SMTP_PORTS[self.security]
        if self.security == "ssl":
            return smtplib.SMTP_SSL(
                self.host, port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        server = smtplib.SMTP(self.host, port, timeout=_TIMEOUT_SECONDS)
        if self.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def _required(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise dg.DagsterInvalidDefinitionError(
            f"notices need {module}: pip install 'fabric_assets[notices]'"
        ) from error
