from __future__ import annotations

import subprocess
import sys

HEAVY = {"pandas", "pyarrow", "numpy", "sigma", "yaml", "jsonschema", "typer", "rich"}


def imported(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_and_its_pytest_plugin_import_nothing_heavy() -> None:
    assert imported("import tollwatch, tollwatch.pytest_plugin") & HEAVY == set()


def test_a_verb_keeps_its_name_beside_the_package_of_the_same_name() -> None:
    assert imported(
        "import tollwatch\nimport tollwatch.evaluate.alerts\nassert tollwatch.evaluate.__name__ == 'evaluate'"
    )
    assert imported("import tollwatch.evaluate.alerts\nimport tollwatch\nassert callable(tollwatch.evaluate)")
