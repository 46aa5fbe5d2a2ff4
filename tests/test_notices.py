"""Real runs that fail and recover, and what arrives at Teams, Slack and a mail server on this machine."""

import json
import os
import ssl
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fabric_assets import notebook_asset
from fabric_assets.local import ServedFabric
from fabric_assets.notices import (
    MailChannel,
    Notice,
    NoticeChannel,
    NoticeError,
    SlackChannel,
    TeamsChannel,
    build_notice_sensors,
)
from fabric_assets.notices.settings import channels_from_environment
from tests.conftest import Simulate, resource

DIM_X = notebook_asset("DimX", notebook="LoadDimX", retry=0)
FACT = notebook_asset("FactX", notebook="LoadFactX", deps=[DIM_X], retry=0)
MONTHLY = notebook_asset(
    "Monthly",
    notebook="LoadDimX",
    retry=0,
    partitions_def=dg.MonthlyPartitionsDefinition(start_date="2026-01-01", end_date="2026-05-01"),
)
FAILS_ONCE = {
    "notebook": "LoadDimX",
    "nth": 1,
    "status": "Failed",
    "failure_reason": {"errorCode": "SparkJobFailed", "message": "Table <orders> & co. is müde"},
}
UI_URL = "https://dagster.example.com"


@pytest.fixture(autouse=True)
def _no_channels_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FABRIC_NOTICES_")]:
        monkeypatch.delenv(name)


@dataclass
class Receiver:
    """An HTTP server that keeps what is posted to it.

    Attributes:
        statuses: what the next posts are answered with; then 200.
    """

    url: str = ""
    posts: list[Any] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b'{"ok": true}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.posts.append(json.loads(body))
            received.tokens.append(self.headers.get("Authorization"))
            self.send_response(received.statuses.pop(0) if received.statuses else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(received.answer)))
            self.end_headers()
            self.wfile.write(received.answer)

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        received.url = f"http://127.0.0.1:{server.server_port}/"
        yield received
        server.shutdown()
        thread.join()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


class Place:
    """A Dagster instance, a Fabric, and the sensors' ticks."""

    def __init__(
        self, instance: dg.DagsterInstance, fabric: ServedFabric, sensors: list[dg.SensorDefinition]
    ):
        self.instance = instance
        self.fabric = fabric
        self.sensors = sensors
        self.cursors: dict[str, str | None] = {}
        self.tick()  # the first one only notes where the history ends

    def run(self, *assets: dg.AssetsDefinition, **options: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            list(assets) or [DIM_X, FACT],
            instance=self.instance,
            resources={"fabric": resource(self.fabric)},
            raise_on_error=False,
            **options,
        )

    def tick(self) -> list[str]:
        """One tick of each sensor; returns the errors that the UI would show on it."""
        errors = []
        for sensor in self.sensors:
            context = dg.build_sensor_context(instance=self.instance, cursor=self.cursors.get(sensor.name))
            result = sensor.evaluate_tick(context)
            self.cursors[sensor.name] = result.cursor
            errors += [str(seen.error) for seen in result.dagster_run_reactions or () if seen.error]
        return errors


class Kept:
    """A channel of the user's own."""

    name = "kept"

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.notices]


def place(
    simulate: Simulate,
    instance: dg.DagsterInstance,
    *channels: NoticeChannel,
    script: Sequence[dict[str, Any]] = (FAILS_ONCE,),
    **options: Any,
) -> Place:
    fabric = simulate(notebooks=["LoadDimX", "LoadFactX"], job_instances=list(script))
    return Place(instance, fabric, build_notice_sensors(channels, ui_url=UI_URL, **options))


def test_a_failed_run_is_one_notice_and_the_first_good_one_another(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    kept = Kept()
    here = place(simulate, instance, kept)
    failed = here.run()
    assert here.tick() == []
    here.run()
    here.run()
    assert here.tick() == []

    failure, recovery = kept.notices
    (asset,) = failure.failed
    assert failure.title == "DimX, FactX failed: 1 of 2 assets"
    assert failure.run_url == f"{UI_URL}/runs/{failed.run_id}"
    assert failure.details == (
        "1 more asset was not loaded: what comes after a failure, or what the run did not come to.",
    )
    assert asset.name == "DimX"
    assert asset.error_code == "SparkJobFailed"
    assert "Table <orders> & co. is müde" in asset.reason
    assert asset.url is not None
    assert asset.url.startswith("http")
    assert recovery.is_recovery
    assert recovery.title == "DimX, FactX succeeded again"
    assert recovery.details[0].startswith("After 1 failed run since ")


def test_teams_gets_an_adaptive_card_in_which_nothing_is_read_as_markup(
    simulate: Simulate, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    here = place(simulate, instance, TeamsChannel(receiver.url + "workflows/x?sig=secret"), label="prod")
    here.run()
    assert here.tick() == []

    (post,) = receiver.posts
    (attachment,) = post["attachments"]
    card = attachment["content"]
    texts = ["".join(run["text"] for run in block["inlines"]) for block in card["body"]]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert texts[0] == "[prod] DimX, FactX failed: 1 of 2 assets"
    assert texts[1].startswith("DimX: ")
    assert "Table <orders> & co. is müde" in texts[1]
    assert [action["title"] for action in card["actions"]] == ["Run in Dagster", "DimX in Fabric"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}


def test_slack_gets_blocks_with_links_and_the_token(
    simulate: Simulate, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    here = place(simulate, instance, SlackChannel("xoxb-1", "#loads", api_url=receiver.url))
    here.run()
    assert here.tick() == []

    (post,) = receiver.posts
    title, asset, *_, run = [block["text"]["text"] for block in post["blocks"]]
    assert receiver.tokens == ["Bearer xoxb-1"]
    assert post["channel"] == "#loads"
    assert "failed: 1 of 2 assets" in title
    assert asset.startswith("*<http")
    assert "|DimX>*: " in asset
    assert "Table &lt;orders&gt; &amp; co. is müde" in asset
    assert run.startswith(f"<{UI_URL}/runs/")


class Mailbox:
    """What a mail server got, and who logged in."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


class MailServer(Controller):
    """On a free port, which is known once it listens."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A certificate of localhost and its key, which this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    return cert_file, key_file


def test_mail_is_sent_after_starttls_and_login(
    simulate: Simulate, instance: dg.DagsterInstance, certificate: tuple[Path, Path]
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    box = Mailbox()
    server = MailServer(
        box, hostname="localhost", port=0, tls_context=tls, authenticator=box.login, auth_required=True
    )
    server.start()
    try:
        mail = MailChannel(
            ["ada@example.com", "b@example.com"], "dagster@example.com", "localhost", server.port
        )
        right = replace(mail, user="ada", password="right")
        here = place(simulate, instance, right)
        here.run()
        assert here.tick() == []
        with pytest.raises(NoticeError, match=r"mail \(localhost\) refused it: 535"):
            replace(right, password="wrong").send(Notice("x", "r", None))
    finally:
        server.stop()

    (message,) = box.messages
    assert box.logins[0] == (b"ada", b"right")
    assert set(box.logins[1:]) == {(b"ada", b"wrong")}
    assert message["To"] == "ada@example.com, b@example.com"
    assert message["Subject"] == "DimX, FactX failed: 1 of 2 assets"
    text = message.get_content()
    assert "Table <orders> & co. is müde" in text
    assert f"Run in Dagster: {UI_URL}/runs/" in text


def test_a_channel_that_is_down_for_a_moment_gets_the_notice_all_the_same(
    simulate: Simulate, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    here = place(simulate, instance, TeamsChannel(receiver.url))
    here.run()

    assert here.tick() == []
    assert len(receiver.posts) == 2


def test_a_channel_that_refuses_keeps_nothing_from_the_others_and_is_an_error_of_the_tick_without_secrets(
    simulate: Simulate, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    receiver.answer = b'{"ok": false, "error": "invalid_auth"}'
    closed = receiver.url.replace(str(urlsplit(receiver.url).port), "9")
    kept = Kept()
    teams, slack = (
        TeamsChannel(closed + "workflows/x?sig=secret"),
        SlackChannel("xoxb-secret", "#loads", api_url=receiver.url),
    )
    here = place(simulate, instance, teams, slack, kept)
    here.run()
    (error,) = here.tick()

    assert "Teams (127.0.0.1): ConnectionError, no answer" in error
    assert "Slack (#loads) refused it: invalid_auth" in error
    assert len(receiver.posts) == 1
    assert kept.titles == ["DimX, FactX failed: 1 of 2 assets"]
    assert "secret" not in error
    assert "secret" not in repr((teams, slack))
    snapshot = dg.Definitions(sensors=here.sensors).get_repository_def()
    assert "secret" not in repr([sensor.description for sensor in snapshot.sensor_defs])


def test_there_is_no_notice_of_a_run_that_dagster_retries_and_one_when_the_retries_are_over(
    simulate: Simulate,
) -> None:
    kept = Kept()
    retries = {"run_retries": {"enabled": True, "max_retries": 1}}
    with dg.instance_for_test(overrides=retries) as instance:
        here = place(simulate, instance, kept, script=[{**FAILS_ONCE, "nth": nth} for nth in (1, 2)])
        first = here.run(DIM_X)
        here.tick()
        assert kept.notices == []

        last = {"dagster/root_run_id": first.run_id, "dagster/max_retries": "0"}
        second = here.run(DIM_X, tags=last)
        here.tick()
        assert [notice.run_id for notice in kept.notices] == [second.run_id]

        here.run(DIM_X)
        here.tick()
        assert kept.notices[-1].details[0].startswith("After 1 failed run since")


def test_a_good_run_after_a_retried_one_needs_no_notice(simulate: Simulate) -> None:
    kept = Kept()
    with dg.instance_for_test(overrides={"run_retries": {"enabled": True, "max_retries": 1}}) as instance:
        here = place(simulate, instance, kept)
        here.run(DIM_X)
        here.run(DIM_X)
        here.tick()

    assert kept.notices == []


def test_a_backfill_that_fails_is_told_once(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    kept = Kept()
    here = place(simulate, instance, kept, script=[{**FAILS_ONCE, "nth": None}])
    for month in ("2026-01-01", "2026-02-01", "2026-03-01"):
        here.run(MONTHLY, partition_key=month, tags={"dagster/backfill": "abcd"})
    here.tick()

    (notice,) = kept.notices
    assert notice.title == "Monthly (2026-01-01) failed"
    assert "More failures of this backfill are not told" in notice.details[-1]


def test_a_backfill_that_is_well_again_is_told_once(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    kept = Kept()
    here = place(simulate, instance, kept, script=[{**FAILS_ONCE, "nth": nth} for nth in (1, 2)])
    for backfill in ("first", "again"):
        for month in ("2026-01-01", "2026-02-01"):
            here.run(MONTHLY, partition_key=month, tags={"dagster/backfill": backfill})
    here.tick()

    assert kept.titles == ["Monthly (2026-01-01) failed", "Monthly (2026-01-01) succeeded again"]


def test_a_partition_recovers_by_itself_and_other_work_does_not_count(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    kept = Kept()
    here = place(simulate, instance, kept)
    here.run(MONTHLY, partition_key="2026-01-01")
    here.run(MONTHLY, partition_key="2026-02-01")
    here.tick()
    assert kept.titles == ["Monthly (2026-01-01) failed"]

    here.run(MONTHLY, partition_key="2026-01-01")
    here.tick()
    assert kept.titles[1:] == ["Monthly (2026-01-01) succeeded again"]


def test_whoever_loads_what_failed_makes_it_good_and_nobody_else(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    kept = Kept()
    fails = [{**FAILS_ONCE, "nth": nth} for nth in (1, 2)]
    here = place(simulate, instance, kept, script=fails)
    other = notebook_asset("Other", notebook="LoadFactX", retry=0)
    here.run()
    here.run(DIM_X)
    here.run(other)
    here.tick()
    assert kept.titles == ["DimX, FactX failed: 1 of 2 assets", "DimX failed"]

    here.run(DIM_X)  # by hand, before the next run of all
    here.run()
    here.tick()
    assert kept.titles[2:] == ["DimX succeeded again"]
    assert kept.notices[2].details[0].startswith("After 2 failed runs since ")


def test_a_run_that_somebody_terminated_is_no_news_and_does_not_end_a_failure(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    ends = [True, False]

    @dg.op
    def load() -> None:
        if ends.pop(0):
            raise ValueError("first")

    @dg.job
    def nightly() -> None:
        load()

    kept = Kept()
    here = place(simulate, instance, kept)
    nightly.execute_in_process(instance=instance, raise_on_error=False)
    instance.report_run_canceled(instance.create_run_for_job(nightly))
    nightly.execute_in_process(instance=instance)
    here.tick()

    assert kept.titles == ["nightly failed", "nightly succeeded again"]
    assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "CANCELED", "FAILURE"]


def test_what_is_not_fabrics_fault_is_told_too_and_long_lists_and_texts_are_cut(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    def broken(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"broken_{number}")
        def asset() -> None:
            raise ValueError(f"no luck with {number} " + "x" * 1000)

        return asset

    @dg.op
    def plain() -> None:
        raise ValueError("an op")

    @dg.job
    def of_ops() -> None:
        plain()

    kept = Kept()
    here = place(simulate, instance, kept, max_assets=2)
    here.run(*[broken(number) for number in range(4)])
    of_ops.execute_in_process(instance=instance, raise_on_error=False)
    here.tick()

    of_assets, of_an_op = kept.notices
    assert of_assets.title == "broken_0, broken_1, broken_2 and 1 more failed: 4 of 4 assets"
    assert [asset.name for asset in of_assets.failed] == ["broken_0", "broken_1"]
    assert of_assets.details == ("and 2 more",)
    assert of_assets.failed[0].reason.startswith("ValueError: no luck with 0 xxx")
    assert len(of_assets.failed[0].reason) == 600
    assert of_an_op.title == "of_ops failed"
    assert (of_an_op.failed[0].name, of_an_op.failed[0].reason) == ("plain", "ValueError: an op")


def test_a_run_that_failed_before_any_step_says_what_dagster_says(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    @dg.job
    def nightly() -> None: ...

    kept = Kept()
    here = place(simulate, instance, kept)
    run = instance.create_run_for_job(nightly)
    instance.report_run_failed(run, message="Exceeded maximum runtime of 3600 seconds.")
    here.tick()

    (notice,) = kept.notices
    assert (notice.title, notice.details) == (
        "nightly failed",
        ("Exceeded maximum runtime of 3600 seconds.",),
    )


def test_nothing_is_configured_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_notice_sensors() == []
    monkeypatch.setenv("FABRIC_NOTICES_TEAMS_URL", "")
    assert build_notice_sensors() == []


def test_the_environment_configures_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TEAMS_URL": "https://example.com/workflows/1?sig=secret",
        "SLACK_TOKEN": "xoxb-secret",
        "SLACK_CHANNEL": "#loads",
        "MAIL_TO": "ada@example.com, b@example.com",
        "MAIL_FROM": "dagster@example.com",
        "SMTP_HOST": "mail.example.com",
        "SMTP_USER": "ada",
        "SMTP_PASSWORD": "secret",
    }.items():
        monkeypatch.setenv(f"FABRIC_NOTICES_{name}", value)

    assert channels_from_environment() == [
        TeamsChannel("https://example.com/workflows/1?sig=secret"),
        SlackChannel("xoxb-secret", "#loads"),
        MailChannel(
            ["ada@example.com", "b@example.com"],
            "dagster@example.com",
            "mail.example.com",
            user="ada",
            password="secret",
        ),
    ]
    failure, recovery = build_notice_sensors()
    assert failure.default_status is recovery.default_status is dg.DefaultSensorStatus.RUNNING
    assert failure.description == (
        "Tells of failed runs: Teams (example.com), Slack (#loads), mail (mail.example.com)."
    )
    assert "secret" not in repr(channels_from_environment())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"SLACK_TOKEN": "x"}, "FABRIC_NOTICES_SLACK_TOKEN needs .*SLACK_CHANNEL too", id="slack"
        ),
        pytest.param({"MAIL_TO": "a@b"}, "MAIL_TO needs .*MAIL_FROM and .*SMTP_HOST too", id="mail"),
        pytest.param({"TEAMS_URL": "teams"}, "no URL", id="teams"),
        pytest.param(
            {"MAIL_TO": "a@b", "MAIL_FROM": "c@d", "SMTP_HOST": "e", "SMTP_PORT": "mail"},
            "SMTP_PORT is 'mail'",
            id="port",
        ),
        pytest.param(
            {"MAIL_TO": "a@b", "MAIL_FROM": "c@d", "SMTP_HOST": "e", "SMTP_SECURITY": "tls"},
            "starttls, ssl or none, it is 'tls'",
            id="security",
        ),
        pytest.param({"MAIL_T0": "a@b"}, "FABRIC_NOTICES_MAIL_T0 is not known", id="misspelt"),
    ],
)
def test_half_a_configuration_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], message: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"FABRIC_NOTICES_{name}", value)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        build_notice_sensors()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_slack", None)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"pip install 'fabric_assets\[notices\]'"):
        SlackChannel("x", "#loads")


@pytest.mark.parametrize(
    "url",
    ["http://example.com/workflows/1?sig=secret", "http://10.0.0.1/x?sig=secret", "example.com", "https://"],
)
def test_the_url_of_teams_does_not_travel_in_the_open(url: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="no URL with https") as caught:
        TeamsChannel(url)
    assert "secret" not in str(caught.value)
