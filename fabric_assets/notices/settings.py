"""Channels from environment variables, so that a deployment can have notices without a change of code."""

import os
from collections.abc import Mapping, Sequence

import dagster as dg

from fabric_assets.notices.channels import MailChannel, NoticeChannel, SlackChannel, TeamsChannel

TEAMS_URL_VARIABLE = "FABRIC_NOTICES_TEAMS_URL"
SLACK_TOKEN_VARIABLE = "FABRIC_NOTICES_SLACK_TOKEN"  # noqa: S105 -- the variable's name
SLACK_CHANNEL_VARIABLE = "FABRIC_NOTICES_SLACK_CHANNEL"
MAIL_TO_VARIABLE = "FABRIC_NOTICES_MAIL_TO"
MAIL_FROM_VARIABLE = "FABRIC_NOTICES_MAIL_FROM"
SMTP_HOST_VARIABLE = "FABRIC_NOTICES_SMTP_HOST"
SMTP_PORT_VARIABLE = "FABRIC_NOTICES_SMTP_PORT"
SMTP_SECURITY_VARIABLE = "FABRIC_NOTICES_SMTP_SECURITY"
SMTP_USER_VARIABLE = "FABRIC_NOTICES_SMTP_USER"
SMTP_PASSWORD_VARIABLE = "FABRIC_NOTICES_SMTP_PASSWORD"  # noqa: S105 -- the variable's name
UI_URL_VARIABLE = "FABRIC_NOTICES_UI_URL"
LABEL_VARIABLE = "FABRIC_NOTICES_LABEL"

_TOGETHER = (
    (SLACK_TOKEN_VARIABLE, SLACK_CHANNEL_VARIABLE),
    (MAIL_TO_VARIABLE, MAIL_FROM_VARIABLE, SMTP_HOST_VARIABLE),
    (SMTP_USER_VARIABLE, SMTP_PASSWORD_VARIABLE),
)

_VARIABLES = frozenset(value for name, value in globals().items() if name.endswith("_VARIABLE"))


def channels_from_environment(environment: Mapping[str, str] = os.environ) -> Sequence[NoticeChannel]:
    """The channels that the environment configures; none if it configures none. An empty variable is not set.

    Raises:
        dagster.DagsterInvalidDefinitionError: a channel is configured by half, or wrongly.
    """
    settings = {
        name: value for name, value in environment.items() if name.startswith("FABRIC_NOTICES_") and value
    }
    if unknown := sorted(settings.keys() - _VARIABLES):
        raise dg.DagsterInvalidDefinitionError(
            f"notices: {unknown[0]} is not known; there are {', '.join(sorted(_VARIABLES))}"
        )
    for names in _TOGETHER:
        missing = [name for name in names if name not in settings]
        if missing and len(missing) < len(names):
            given = ", ".join(name for name in names if name in settings)
            raise dg.DagsterInvalidDefinitionError(f"notices: {given} needs {' and '.join(missing)} too")
    channels: list[NoticeChannel] = []
    if url := settings.get(TEAMS_URL_VARIABLE):
        channels.append(TeamsChannel(url))
    if token := settings.get(SLACK_TOKEN_VARIABLE):
        channels.append(SlackChannel(token, settings[SLACK_CHANNEL_VARIABLE]))
    if to := settings.get(MAIL_TO_VARIABLE):
        channels.append(
            MailChannel(
                to=[address.strip() for address in to.split(",") if address.strip()],
                sender=settings[MAIL_FROM_VARIABLE],
                host=settings[SMTP_HOST_VARIABLE],
                port=_port(settings.get(SMTP_PORT_VARIABLE)),
                security=settings.get(SMTP_SECURITY_VARIABLE, "starttls"),
                user=settings.get(SMTP_USER_VARIABLE),
                password=settings.get(SMTP_PASSWORD_VARIABLE),
            )
        )
    return channels


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise dg.DagsterInvalidDefinitionError(f"notices: {SMTP_PORT_VARIABLE} is {text!r}, which is no port")
    return int(text)
