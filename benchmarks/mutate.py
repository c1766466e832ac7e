"""Change one thing at a time in gate, fills, ledger and kill switch: does a test notice?

The systematic half of mutants.py: there each defence has its named test, here every place where
an operator of ``mutate_places`` applies is a mutant, and the module's own tests (``MODULES``) must
notice. Not mutated: docstrings, annotations, decorators, texts, ``__all__``.

    python benchmarks/mutate.py [--only FILE] [--sample N --seed S] [--from N] [--to N]
                                [--again OUTPUT] [--jobs 2] [--fresh] [--list]

How: pytest collects a module's tests once. The tests as they are run first, which shows how long
each takes and which functions of the module it enters. Then every mutant is a fork: the changed
code takes the place of the old one in the loaded module, and the tests that enter the changed
function run, the quickest first, until one fails. What is not inside a function (constants,
defaults), or all with --fresh, is compiled in place of the module when a new fork first imports
it, and all tests run. Hypothesis is derandomised, does not shrink, and keeps no database. A mutant
that runs for more than ``CPU_S`` of CPU is killed, too. Processes that a test starts load the
module as it is: what only they would notice is not killed.

A mutant that is the same program stands in ``mutate_equal.py`` with the reason. It is tried all the
same (killed, the reason was wrong), and counts neither as killed nor among those to kill. Exit 1
where a group is below 95 %, or where a line of that list is wrong or names no mutant.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np  # what the tests need, loaded once: a fork has it
import pydantic
from mutate_equal import SAME  # beside this
from mutate_forks import Module, Result
from mutate_places import Mutant, mutants_of

LOADED = (np, pydantic)
ENOUGH = 0.95

# module -> (group, its own tests)
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "trading/risk.py": ("gate", ("trading/test_risk.py",)),
    "trading/sizing.py": ("gate", ("trading/test_sizing.py",)),
    "trading/losses.py": ("gate", ("trading/test_losses.py",)),
    "trading/fills.py": ("fills", ("trading/test_fills.py",)),
    "trading/fees.py": ("fills", ("trading/test_fees.py",)),
    "trading/account.py": ("ledger", ("trading/test_account.py",)),
    "trading/lots.py": ("ledger", ("trading/test_lots.py",)),
    "trading/killswitch.py": ("kill switch", ("trading/test_killswitch.py",)),
    "app/stop.py": ("kill switch", ("app/test_stop.py", "app/test_stop_edges.py")),
}


def table(mutants: Sequence[Mutant], results: dict[int, Result]) -> bool:
    """Print the sums by module, by group, and of all; return whether every group has enough."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
    for number, one in results.items():
        mutant = mutants[number]
        at = 1 if mutant.key in SAME else 0 if one.killer else 2
        for name in (mutant.file, MODULES[mutant.file][0], "all"):
            sums[name][at] += 1
            sums[name][3] += one.cpu
    good = True
    print(f"{'':24}{'mutants':>8}{'killed':>8}{'same':>6}{'survived':>9}{'share':>8}{'CPU s':>8}")
    for name in [*MODULES, *dict.fromkeys(group for group, _ in MODULES.values()), "all"]:
        if name in sums:
            killed, same, left, cpu = sums[name]
            share = killed / max(killed + left, 1)
            good = good and (share >= ENOUGH or name in MODULES)
            whole = killed + same + left
            print(f"{name:24}{whole:8}{killed:8}{same:6}{left:9}{share:8.1%}{cpu:8.0f}")
    return good


def chosen_of(asked: argparse.Namespace, mutants: Sequence[Mutant]) -> list[int]:
    """Return the numbers of the mutants that were asked for, in order."""
    numbers = [
        number
        for number, one in enumerate(mutants)
        if asked.only in one.file and asked.first <= number < (asked.last or len(mutants))
    ]
    if asked.again:
        lines = Path(asked.again).read_text().splitlines()
        left = {line[6:].split("  ")[0] for line in lines if line.endswith("SURVIVED")}
        numbers = [n for n in numbers if mutants[n].name.split("  ")[0] in left]
    if asked.sample:
        picked = random.Random(asked.seed)  # noqa: S311  # a sample, no secret
        numbers = sorted(picked.sample(numbers, min(asked.sample, len(numbers))))
    return numbers


def main() -> None:
    """Try the mutants and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="those of files whose name holds this word")
    parser.add_argument("--from", dest="first", type=int, default=0, help="begin with this number")
    parser.add_argument("--to", dest="last", type=int, default=0, help="end before it")
    parser.add_argument("--sample", type=int, default=0, help="that many, by chance")
    parser.add_argument("--seed", type=int, default=0, help="of the chance")
    parser.add_argument("--again", default="", help="those that survived in this output")
    parser.add_argument("--jobs", type=int, default=1, help="forks at a time")
    parser.add_argument("--fresh", action="store_true", help="import the module anew for each")
    parser.add_argument("--list", action="store_true", help="name them only")
    asked = parser.parse_args()
    sys.dont_write_bytecode = False  # what pytest rewrites is read again by every new import
    modules: dict[str, Module] = {}
    mutants: list[Mutant] = []

    def told(number: int, killer: str) -> str:
        """Return the line of one mutant."""
        said = f"by {killer}" if killer else "same" if mutants[number].key in SAME else "SURVIVED"
        return f"{number:4d}  {mutants[number].name}  {said}"

    folder = Path(tempfile.mkdtemp(prefix="mutate-"))
    for number, (file, (_, tests)) in enumerate(MODULES.items()):
        (folder / str(number)).mkdir()
        modules[file] = Module(file, tests, folder / str(number), told)
        mutants += mutants_of(file, modules[file].tree)
    results: dict[int, Result] = {}
    chosen = chosen_of(asked, mutants)
    for file, module in modules.items():
        own = {number: mutants[number] for number in chosen if mutants[number].file == file}
        if asked.list:
            print(*(f"{number:4d}  {one.name}" for number, one in own.items()), sep="\n")
        elif own:
            found = module.judged(own, asked.jobs, fresh=asked.fresh)
            results |= {one.number: one for one in found}
    wrong = [f"no mutant: {key}" for key in SAME.keys() - {one.key for one in mutants}]
    for number, one in results.items():
        if one.killer and mutants[number].key in SAME:
            wrong.append(f"not the same program: {told(number, one.killer)}")
    shutil.rmtree(folder, ignore_errors=True)
    good = asked.list or table(mutants, results)
    print(*wrong, sep="\n")
    sys.exit(0 if good and not wrong else 1)


if __name__ == "__main__":
    main()
