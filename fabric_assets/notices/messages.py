"""A notice in the forms that Teams, Slack and mail take."""

from typing import Any

from fabric_assets.notices.notice import FailedAsset, Notice

_TEAMS_ACTIONS = 6  # Teams shows no more


def teams_card(notice: Notice) -> dict[str, Any]:
    """The message with an Adaptive Card; texts are text runs, in which Teams reads no markup."""

    def text(*runs: tuple[str, bool], **options: object) -> dict[str, Any]:
        inlines = [
            {"type": "TextRun", "text": part, **({"weight": "Bolder"} if bold else {})} for part, bold in runs
        ]
        return {"type": "RichTextBlock", "inlines": inlines, **options}

    title = text((notice.title, True))
    title["inlines"][0] |= {"size": "Large", "color": "Good" if notice.is_recovery else "Attention"}
    body = [
        title,
        *(text((asset.name, True), (f": {_reason(asset)}", False)) for asset in notice.failed),
        *(text((line, False)) for line in notice.details),
    ]
    if notice.run_url is None:
        body.append(text((f"Run {notice.run_id}", False)))
    links = [("Run in Dagster", notice.run_url)] if notice.run_url else []
    links += [(f"{asset.name} in Fabric", asset.url) for asset in notice.failed if asset.url]
    actions = [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in links[:_TEAMS_ACTIONS]]
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
        "actions": actions,
        "msteams": {"width": "Full"},
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def slack_blocks(notice: Notice) -> list[dict[str, Any]]:
    """The message in Slack's blocks."""
    sign = ":large_green_circle:" if notice.is_recovery else ":red_circle:"
    lines = [f"{sign} *{escaped_for_slack(notice.title)}*"]
    texts = ["\n".join(lines)]
    for asset in notice.failed:
        name = escaped_for_slack(asset.name)
        linked = f"<{asset.url}|{name}>" if asset.url else name
        texts.append(f"*{linked}*: {escaped_for_slack(_reason(asset))}")
    texts += [escaped_for_slack(line) for line in notice.details]
    texts.append(f"<{notice.run_url}|Run in Dagster>" if notice.run_url else f"Run {notice.run_id}")
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in texts]


def mail_text(notice: Notice) -> str:
    """The message as plain text."""
    parts = [notice.title]
    parts += [
        f"{asset.name}: {_reason(asset)}" + (f"\n{asset.url}" if asset.url else "") for asset in notice.failed
    ]
    parts += notice.details
    parts.append(f"Run in Dagster: {notice.run_url or notice.run_id}")
    return "\n\n".join(parts) + "\n"


def escaped_for_slack(text: str) -> str:
    """The text as text, not as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _reason(asset: FailedAsset) -> str:
    if asset.error_code and asset.error_code not in asset.reason:
        return f"{asset.reason} ({asset.error_code})"
    return asset.reason
