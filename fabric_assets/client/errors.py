"""What can go wrong with Fabric, split by what the caller does next.

::

    FabricError
      FabricConfigError          a wrong or missing setting: fix it, no retry
      FabricAuthError            no token, or the service refuses the one it got (401, 403)
      FabricApiError             any other refusal
        FabricNotFoundError      workspace, item or job instance is not there
        FabricThrottledError     429: wait `retry_after_seconds`
      FabricTransportError       no usable answer at all
      JobInstanceError           a job instance did not complete
        JobInstanceFailedError   it ended badly: Failed, Cancelled, Deduped
        JobInstanceTimeoutError  our deadline passed
        JobInstanceLostError     it could not be read any more, or its id is not known; it may still be running
"""

from collections.abc import Mapping

from fabric_assets.client.models import JobInstance


class FabricError(Exception):
    """Root of all errors of the client and of job control.

    Attributes:
        error_code: Fabric's ``errorCode``, if it gave one.
        request_id: Fabric's id of the refused request, for Microsoft's support.
        retriable: whether the same call may succeed later without anybody changing anything.
    """

    def __init__(
        self,
        message: str,
        *,
        error_code: str | None = None,
        request_id: str | None = None,
        retriable: bool = False,
    ) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.request_id = request_id
        self.retriable = retriable


class FabricConfigError(FabricError):
    """A setting is wrong or missing. The message names it and says how to mend it."""


class FabricAuthError(FabricError):
    """No token could be had, or the service refuses the identity. The message says what was tried."""


class FabricApiError(FabricError):
    """The service refused a request.

    Attributes:
        status_code: HTTP status.
        retry_after_seconds: what the service asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        error_code: str | None = None,
        request_id: str | None = None,
        retriable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, error_code=error_code, request_id=request_id, retriable=retriable)
        self.status_code = status_code
        self.retry_after_seconds = retry_after_seconds


class FabricNotFoundError(FabricApiError):
    """The workspace, item or job instance is not there, or this identity may not see it."""


class FabricThrottledError(FabricApiError):
    """Too many requests (429)."""


class FabricTransportError(FabricError):
    """No usable answer: connection refused or broken, time-out, an answer that is not Fabric's.

    Attributes:
        may_have_arrived: whether the service may have acted on the request all the same.
    """

    def __init__(self, message: str, *, may_have_arrived: bool, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id, retriable=True)
        self.may_have_arrived = may_have_arrived


class JobInstanceError(FabricError):
    """A job instance did not complete.

    Attributes:
        job_instance: the job instance as it was last read.
        url: a link that opens it, if there is one.
        details: what else the service tells of it, by its own names.
    """

    def __init__(
        self,
        message: str,
        *,
        job_instance: JobInstance,
        url: str | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        retriable: bool = True,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, error_code=error_code, request_id=request_id, retriable=retriable)
        self.job_instance = job_instance
        self.url = url
        self.details = details or {}

    @property
    def may_still_run(self) -> bool:
        """Whether the job instance may run on."""
        return False


class JobInstanceFailedError(JobInstanceError):
    """The job instance ended with another status than ``Completed``."""


class JobInstanceLostError(JobInstanceError):
    """A job instance was started, or may have been, and cannot be seen.

    If it is retriable, the next attempt takes the job instance over. If not, starting another could load a table twice.
    """

    @property
    def may_still_run(self) -> bool:
        """Whether the job instance may run on."""
        return True


class JobInstanceTimeoutError(JobInstanceError):
    """The job instance did not end within the asset's time-out.

    Attributes:
        cancelled: whether Fabric confirmed that it was cancelled.
    """

    def __init__(
        self, message: str, *, job_instance: JobInstance, url: str | None = None, cancelled: bool
    ) -> None:
        super().__init__(message, job_instance=job_instance, url=url, error_code="Timeout")
        self.cancelled = cancelled

    @property
    def may_still_run(self) -> bool:
        """Whether the job instance may run on."""
        return not self.cancelled
