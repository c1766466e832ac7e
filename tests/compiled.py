"""The package as bytecode, for the many processes these tests start, where none may write it.

Each would compile 300 files anew. A file of bytecode says the hash of its source and is not used
for any other (PEP 552), so one that is left behind can tell nothing old, whatever a clock says.
"""

import importlib.util
import py_compile
import sys
from contextlib import suppress
from pathlib import Path

CHECKED = (0b11).to_bytes(4, "little")
HEAD = 16


def compile_all(package: Path) -> int:
    """Compile what is not compiled as it stands; return how many files that were."""
    if not sys.dont_write_bytecode:
        return 0  # whoever comes first writes it
    made = 0
    for source in package.rglob("*.py"):
        target = Path(importlib.util.cache_from_source(str(source)))
        mark = importlib.util.MAGIC_NUMBER + CHECKED
        mark += importlib.util.source_hash(source.read_bytes())
        with suppress(OSError):
            if target.is_file():
                with target.open("rb") as held:
                    if held.read(HEAD) == mark:
                        continue
        with suppress(OSError, py_compile.PyCompileError):
            py_compile.compile(
                str(source),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
            )
            made += 1
    return made
