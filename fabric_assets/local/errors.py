"""The errors of Fabric's REST API: one factory per ``errorCode``."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

POWER_BI = "/v1.0/"
RESOURCE_MANAGER = "/subscriptions/"
_RESOURCE_MANAGER_CODES = {
    "InvalidToken": "InvalidAuthenticationToken",
    "TokenExpired": "ExpiredAuthenticationToken",
}


class LocalFabricError(Exception):
    """The local Fabric cannot be started, reached or used; the message says what to do."""


def missing_extra(package: str) -> LocalFabricError:
    """A package of the ``local`` extra is not installed."""
    install = "pip install 'fabric_assets[local]'"
    return LocalFabricError(
        f"The embedded local Fabric needs the package {package}. Install it with: {install}"
    )


def explain_import(error: ImportError) -> Exception:
    """What to raise for a failed import: that the extra is missing, or the error itself."""
    missing = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("fabric_assets")
    return missing_extra(error.name or "") if missing else error


@dataclass
class ApiError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status code.
        error_code: Fabric's ``errorCode``.
        message: what happened and what to do.
        retriable: whether the same request can succeed later.
        headers: further response headers.
    """

    status: int
    error_code: str
    message: str
    retriable: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.error_code}: {self.message}"

    def body(self, request_id: str, path: str) -> dict[str, Any]:
        """The answer's JSON, in the form of the service whose path it is: Fabric, Power BI or Azure."""
        if path.startswith((POWER_BI, RESOURCE_MANAGER)):
            code = self.error_code
            if path.startswith(RESOURCE_MANAGER):
                code = _RESOURCE_MANAGER_CODES.get(code, code)
            return {"error": {"code": code, "message": self.message}}
        return {
            "requestId": request_id,
            "errorCode": self.error_code,
            "message": self.message,
            "moreDetails": [],
            "isRetriable": self.retriable,
        }


def invalid_token() -> ApiError:
    """No token, or not the one of this local Fabric."""
    return ApiError(
        401,
        "InvalidToken",
        "The request has no 'Authorization: Bearer <token>' with the token of this local Fabric. "
        "`fabric-assets local --status` tells where it is written.",
        headers={"WWW-Authenticate": 'Bearer realm="local Fabric", error="invalid_token"'},
    )


def token_expired() -> ApiError:
    """A token that was good before."""
    return ApiError(
        401,
        "TokenExpired",
        "Access token has expired, resubmit with a new access token",
        headers={"WWW-Authenticate": 'Bearer realm="local Fabric", error="invalid_token"'},
    )


def foreign_caller(message: str) -> ApiError:
    """A request that another web site or host name caused."""
    return ApiError(403, "RequestDenied", message)


def route_not_found(method: str, path: str) -> ApiError:
    """No such route."""
    return ApiError(404, "EndpointNotFound", f"The local Fabric has no route {method} {path}.")


def method_not_allowed(method: str, path: str, allowed: str) -> ApiError:
    """The path is known, the method is not."""
    return ApiError(
        405, "MethodNotAllowed", f"{path} takes {allowed}, not {method}.", headers={"Allow": allowed}
    )


def request_too_large(limit_bytes: int) -> ApiError:
    """A body beyond the limit."""
    return ApiError(413, "RequestBodyTooLarge", f"The request body is larger than {limit_bytes:,} bytes.")


def invalid_parameter(message: str) -> ApiError:
    """A query parameter or a path segment that cannot be used."""
    return ApiError(400, "InvalidParameter", message)


def bad_request(message: str) -> ApiError:
    """A request that Power BI or Azure refuses."""
    return ApiError(400, "InvalidRequest", message)


def invalid_input(message: str) -> ApiError:
    """A body that cannot be used."""
    return ApiError(400, "InvalidInput", message)


def workspace_not_found(workspace_id: str, known: Iterable[str]) -> ApiError:
    """No such workspace."""
    return ApiError(
        404,
        "WorkspaceNotFound",
        f"Workspace {workspace_id} was not found. There are: {', '.join(known) or 'none'}.",
    )


def item_not_found(item_id: str, workspace: str) -> ApiError:
    """No such item in the workspace."""
    return ApiError(404, "ItemNotFound", f"Item {item_id} was not found in workspace '{workspace}'.")


def folder_not_found(folder_id: str) -> ApiError:
    """No such folder; the local Fabric gives folders no ids."""
    return ApiError(404, "FolderNotFound", f"Folder {folder_id} was not found.")


def entity_not_found(what: str) -> ApiError:
    """No such job instance, operation or session."""
    return ApiError(404, "EntityNotFound", f"{what} was not found.")


def item_broken(name: str, reason: str) -> ApiError:
    """An item whose files cannot be read."""
    return ApiError(400, "InvalidItemDefinition", f"Item '{name}' cannot be used: {reason}")


def name_in_use(name: str, item_type: str) -> ApiError:
    """A second item of one type and name."""
    return ApiError(
        409,
        "ItemDisplayNameAlreadyInUse",
        f"The workspace already has a {item_type} named '{name}'. Choose another name.",
    )


def invalid_item_type(item_type: str) -> ApiError:
    """An item type that the service does not have."""
    return ApiError(400, "InvalidItemType", f"'{item_type}' is not an item type.")


def invalid_job_type(job_type: str, item_type: str, known: Iterable[str]) -> ApiError:
    """A job type that the item's type does not have."""
    names = ", ".join(known) or "none"
    return ApiError(
        400,
        "InvalidJobType",
        f"A {item_type} has no job type '{job_type}'. Job types of a {item_type}: {names}.",
    )


def compute_type_mismatch(asked: str, actual: str) -> ApiError:
    """``executionData.compute`` differs from the notebook's language."""
    return ApiError(
        400,
        "ComputeTypeMismatch",
        f"The compute type '{asked}' of the request does not align with '{actual}', which the notebook is written for.",
    )


def feature_not_available(message: str) -> ApiError:
    """Real in Fabric, missing here."""
    return ApiError(400, "FeatureNotAvailable", message)


def operation_not_supported(message: str) -> ApiError:
    """The item is of a kind that cannot do this."""
    return ApiError(400, "OperationNotSupportedForItem", message)


def job_already_completed(job_instance_id: str, status: str) -> ApiError:
    """A cancel that comes too late."""
    return ApiError(
        400,
        "JobAlreadyCompleted",
        f"Job instance {job_instance_id} cannot be cancelled: it ended as {status}.",
    )


def too_many_requests(retry_after_seconds: float, *, jobs: bool) -> ApiError:
    """The caller's quota of a minute is used up."""
    return ApiError(
        429,
        "TooManyRequestsForJobs" if jobs else "RequestBlocked",
        "Request is blocked by the upstream service: too many requests in a minute.",
        retriable=True,
        headers={"Retry-After": str(max(1, math.ceil(retry_after_seconds)))},
    )


def unknown_error(message: str) -> ApiError:
    """A fault of the local Fabric itself."""
    return ApiError(500, "UnknownError", message, retriable=True)
