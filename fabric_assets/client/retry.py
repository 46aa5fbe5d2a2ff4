"""When the same request may be sent again, and after how long: one function from an error to a wait."""

import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import stamina
from stamina.instrumentation import RetryDetails, RetryHook, get_on_retry_hooks, set_on_retry_hooks

from fabric_assets.client.errors import FabricApiError, FabricError, FabricTransportError

_LONGEST_BACKOFF_SECONDS = 30.0
_WORTH_A_LINE_SECONDS = 5.0


def parse_retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """``Retry-After`` in seconds, from seconds or an HTTP date; ``None`` if there is none that can be read."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def parse_http_date(text: str | None) -> datetime | None:
    """A date of an HTTP header as UTC; ``None`` if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wait_before_repeating_read(error: Exception) -> bool | float:
    """For a request that changes nothing: ``False`` for never, seconds if the service named them, else ``True``."""
    if isinstance(error, FabricTransportError):
        return True
    if isinstance(error, FabricApiError) and error.retriable:
        return error.retry_after_seconds if error.retry_after_seconds is not None else True
    return False


def wait_before_repeating_start(error: Exception) -> bool | float:
    """For a request that starts something: only if the service surely did not act on it.

    That is a refusal by quota (429), and a connection that never came about. After a lost answer or a 5xx the job
    may be running.
    """
    if not isinstance(error, FabricTransportError | FabricApiError) or may_have_acted(error):
        return False
    if isinstance(error, FabricTransportError):
        return True
    if error.status_code == 429 and not is_capacity_full(error.error_code, str(error)):
        return error.retry_after_seconds if error.retry_after_seconds is not None else True
    return False


def may_have_acted(error: FabricTransportError | FabricApiError) -> bool:
    """Whether the service may have done what the failed request asked for."""
    if isinstance(error, FabricTransportError):
        return error.may_have_arrived
    return error.status_code == 408 or error.status_code >= 500


def is_capacity_full(error_code: str | None, message: str) -> bool:
    """Whether a refusal or a failure means that the capacity had no room.

    Fabric says so with HTTP status 430, usually inside the message of a job instance that had been accepted.
    """
    return "TooManyRequestsForCapacity" in f"{error_code} {message}"


notice: ContextVar[Callable[[str, int], None] | None] = ContextVar("notice", default=None)
"""Who is told, in the current task, that requests are being repeated: gets a line and a level of ``logging``."""


class Patience:
    """Tells once when a request has to be repeated for longer, and once when ``service`` answers again."""

    def __init__(self, service: str = "Fabric") -> None:
        self._service = service
        self._failures = 0
        self._since = time.monotonic()
        self._told = False

    def failed(self, error: Exception, wait: bool | float) -> None:
        """The request failed and will be repeated."""
        self._failures += 1
        long = self._failures > 1 or (not isinstance(wait, bool) and wait > _WORTH_A_LINE_SECONDS)
        if long and not self._told and (tell := notice.get()):
            self._told = True
            tell(f"waiting for {self._service} to answer: {error}", logging.WARNING)

    def answered(self) -> None:
        """There is an answer."""
        if self._told and (tell := notice.get()):
            tell(f"{self._service} answers again after {time.monotonic() - self._since:.0f} s", logging.INFO)


def attempts(
    wait_before: Callable[[Exception], bool | float],
    patience_seconds: float,
    patience: Patience | None = None,
) -> AsyncIterator[stamina.Attempt]:
    """Attempts with backoff and jitter, until ``patience_seconds`` have passed since the first bad answer.

    A wait that would end after that is not begun.
    """
    give_up_at: float | None = None

    def patient_wait(error: Exception) -> bool | float:
        nonlocal give_up_at
        wait = wait_before(error)
        now = time.monotonic()
        if give_up_at is None:
            give_up_at = now + patience_seconds
        if now + (0 if isinstance(wait, bool) else wait) > give_up_at:
            return False
        if wait is not False and patience is not None:
            patience.failed(error, wait)
        return wait

    return stamina.retry_context(
        on=patient_wait,
        attempts=None,
        timeout=None,
        wait_initial=0.5,
        wait_max=_LONGEST_BACKOFF_SECONDS,
        wait_jitter=1.0,
    )


def _ours_left_out(hook: RetryHook) -> RetryHook:
    def unless_ours(details: RetryDetails) -> object:
        return None if isinstance(details.caused_by, FabricError) else hook(details)

    return unless_ours  # type: ignore[return-value]  # what the hook returns


# stamina tells each retry of a process, on standard output where structlog is installed. Ours have lines of their own.
set_on_retry_hooks([_ours_left_out(hook) for hook in get_on_retry_hooks()])
