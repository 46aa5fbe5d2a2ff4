"""Notices of failed runs, and of the first good run after them, to Teams, Slack or mail."""

from fabric_assets.notices.channels import (
    MailChannel,
    NoticeChannel,
    NoticeError,
    SlackChannel,
    TeamsChannel,
)
from fabric_assets.notices.notice import FailedAsset, Notice
from fabric_assets.notices.sensors import build_notice_sensors

__all__ = [
    "FailedAsset",
    "MailChannel",
    "Notice",
    "NoticeChannel",
    "NoticeError",
    "SlackChannel",
    "TeamsChannel",
    "build_notice_sensors",
]
