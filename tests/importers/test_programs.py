"""Random notebooks: what is imported is what happens when they run."""

from collections import Counter
from pathlib import Path

import pytest

from fabric_assets.importers import ImportFileError, InvalidDagError, import_file
from tests.importers.programs import Programs, made_calls

GROUPS = [pytest.param(range(start, start + 40), id=f"from-{start}") for start in range(0, 240, 40)]


@pytest.mark.parametrize("seeds", GROUPS)
def test_what_is_imported_happens_and_what_happens_is_imported_or_reported(
    seeds: range, tmp_path: Path
) -> None:
    path = tmp_path / "notebook.py"
    for seed in seeds:
        program = Programs(seed).program()
        path.write_text(program, encoding="utf-8")
        try:
            result = import_file(path)
        except InvalidDagError:
            continue
        except ImportFileError as error:
            sure, found, has_gaps = Counter[str](), Counter[str](), "is not known:" in str(error)
        else:
            entries = {key: entry.notebook or key for key, entry in result.project.notebooks.items()}
            in_jobs = {key for job in result.project.jobs.values() for key in job.notebooks}
            sure = Counter(entries[key] for key in in_jobs)
            found, has_gaps = Counter(entries.values()), bool(result.report.unsupported)
        for run in range(6):
            made = made_calls(program, run)
            if made is not None:
                assert not sure - made, f"seed {seed}, run {run}: imported, but not made\n{program}"
                assert has_gaps or not made - found, f"seed {seed}, run {run}: lost in silence\n{program}"
