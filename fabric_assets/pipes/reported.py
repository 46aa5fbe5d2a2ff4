"""What a notebook reported with dagster-pipes, as its asset's materialization, checks or failure take it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import dagster as dg

CUSTOM_MESSAGES = "fabric/custom_messages"

_LONGEST_TEXT = 10_000


class Reported:
    """What one job instance has reported; nothing, until it has."""

    def __init__(self) -> None:
        self._materializations: dict[dg.AssetKey, dg.MaterializeResult] = {}
        self._checks: dict[dg.AssetCheckKey, dg.AssetCheckResult] = {}
        self._custom: list[Any] = []

    def take(
        self,
        results: Sequence[dg.PipesExecutionResult],
        custom_messages: Sequence[Any],
        *,
        assets: Collection[dg.AssetKey],
        checks: Collection[dg.AssetCheckKey],
        warn: Callable[[str], None],
    ) -> None:
        """Keep what belongs to the step.

        Args:
            results: what was reported, in this order.
            custom_messages: payloads of custom messages.
            assets: the assets of the step.
            checks: the declared checks of the step.
            warn: gets a line for what does not belong to it, with its content.
        """
        self._custom = list(custom_messages)
        for result in results:
            key = result.asset_key
            assert key is not None  # noqa: S101 -- dagster-pipes always names it
            asset = key.to_user_string()
            if isinstance(result, dg.MaterializeResult):
                if key in assets:
                    self._materializations[key] = result
                else:
                    warn(
                        f"the notebook reported asset {asset}, which this step does not materialize; it tells: "
                        f"{_shown(result.metadata)}"
                    )
                continue
            name = str(result.check_name)
            if dg.AssetCheckKey(key, name) in checks:
                self._checks[dg.AssetCheckKey(key, name)] = result
            else:
                warn(
                    f"the notebook reported check {name!r} of asset {asset} ({_outcome(result)}), which is not "
                    f"declared. Add dg.AssetCheckSpec({name!r}, asset={asset!r}) to the asset's check_specs. "
                    f"It tells: {_shown(result.metadata)}"
                )

    def metadata(self, asset: dg.AssetKey) -> Mapping[str, Any]:
        """Metadata of the asset's materialization."""
        result = self._materializations.get(asset)
        told = dict(result.metadata or {}) if result is not None else {}
        if self._custom:
            told[CUSTOM_MESSAGES] = dg.MetadataValue.json(self._custom)
        return told

    def data_version(self, asset: dg.AssetKey) -> dg.DataVersion | None:
        """The data version that the notebook reported for the asset."""
        result = self._materializations.get(asset)
        return result.data_version if result is not None else None

    def check_results(self, specs: Sequence[dg.AssetCheckSpec]) -> list[dg.AssetCheckResult]:
        """Results of those of the declared checks that the notebook reported."""
        return [self._checks[spec.key] for spec in specs if spec.key in self._checks]

    def unreported(self, specs: Sequence[dg.AssetCheckSpec]) -> list[dg.AssetCheckSpec]:
        """The declared checks that it did not report."""
        return [spec for spec in specs if spec.key not in self._checks]

    def added_to(self, failure: dg.Failure) -> dg.Failure:
        """The failure of a job instance that had reported something before it failed: its metadata tells that too."""
        told: dict[str, Any] = {}
        for key in self._materializations:
            prefix = "" if len(self._materializations) == 1 else f"{key.to_user_string()}: "
            told |= {f"{prefix}{name}": value for name, value in self.metadata(key).items()}
        told |= {f"check {key.name}": _outcome(result) for key, result in self._checks.items()}
        if self._custom:
            told[CUSTOM_MESSAGES] = dg.MetadataValue.json(self._custom)
        if not told:
            return failure
        return dg.Failure(
            description=failure.description,
            metadata={**told, **failure.metadata},
            allow_retries=failure.allow_retries,
        )


def _outcome(result: dg.AssetCheckResult) -> str:
    return "passed" if result.passed else f"failed, {result.severity.value}"


def _shown(metadata: Mapping[str, Any] | None) -> str:
    values = {name: getattr(value, "value", value) for name, value in (metadata or {}).items()}
    return str(values)[:_LONGEST_TEXT]
