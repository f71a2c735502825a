"""
A model from a ledger: judged on the newest builds, then taught by all of them.

Three forests grow: one that ends before the validation builds, one that ends
before the test builds, and the one that is kept, taught by everything. What the
first two said of builds they had not seen calibrates the third.
"""

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime

import msgspec
import numpy as np

from breakcast.errors import NotEnoughHistory
from breakcast.features.table import Table
from breakcast.model.backtest import CHOSEN_ON
from breakcast.model.bundlewriting import BundleParts
from breakcast.model.calibration import Calibration, calibrate_in_order, fit_platt
from breakcast.model.estimator import FEWEST_BUILDS, FEWEST_OF_A_KIND, Recipe
from breakcast.model.fitting import fit_each
from breakcast.model.judge import Findings, Step, Terms, judge_table
from breakcast.model.manifest import DataWindow
from breakcast.model.priors import prior_of
from breakcast.model.reference import reference_of
from breakcast.model.selective import choose_cut
from breakcast.model.split import is_labelled


def train(
    table: Table,
    terms: Terms,
    *,
    ledger_position: int,
    created_at: datetime,
    taught_before: datetime | None = None,
    recipe: Recipe | None = None,
    executor: Executor | None = None,
    step: Step = lambda _what, _done, _total: None,
) -> BundleParts:
    """
    Train on a whole table; the same table, recipe and time give the same bundle.

    Args:
        table: The history, replayed from the ledger up to `ledger_position`.
        terms: How the model is judged; its verdict goes into the bundle.
        ledger_position: The last fact the table rests on.
        created_at: Now, to whoever trains.
        taught_before: Only what was known before then teaches, or judges: later
            builds are left for a gate, to which they are new. All if None.
        recipe: How the forests are grown.
        executor: Where they grow; one thread if None.
        step: Told how far it is.

    Raises:
        NotEnoughHistory: If there are too few builds, or too few red or green.
    """
    recipe = recipe or Recipe()
    if taught_before is not None:
        table = table.before(taught_before.timestamp())
    labelled = is_labelled(table)
    with nullcontext(executor) if executor else ThreadPoolExecutor(1) as pool:
        whole = fit_each(table, [labelled], recipe, pool)[0]
        evaluation, done = judge_table(
            table, terms, found=Findings(), executor=pool, step=step
        )
        fitted = whole.result()
    if fitted.forest is None:
        red = int(np.nansum(table.failed))
        message = (
            f"{fitted.builds} labelled builds, {red} of them red, are too few to train "
            f"on; it takes {FEWEST_BUILDS}, {FEWEST_OF_A_KIND} of them red and "
            f"{FEWEST_OF_A_KIND} green"
        )
        raise NotEnoughHistory(message)
    unseen = np.flatnonzero(~np.isnan(done.unseen_logit))
    failed = table.failed[unseen] > 0
    platt = fit_platt(done.unseen_logit[unseen], failed)
    probability = np.full(len(table), np.nan)
    probability[unseen], offsets = calibrate_in_order(
        platt(done.unseen_logit[unseen]),
        [table.repo_names[repo] for repo in table.repo[unseen]],
        table.started_at[unseen],
        table.known_at[unseen],
        failed,
    )
    newest = np.argsort(table.known_at[unseen], kind="stable")[-CHOSEN_ON:]
    taught = np.flatnonzero(labelled)
    return BundleParts(
        estimator=fitted.forest,
        catalog=table.catalog,
        calibration=Calibration(platt, offsets),
        evaluation=msgspec.structs.replace(evaluation, seconds=0.0),
        prior=prior_of(table),
        reference=reference_of(table, probability),
        recipe=recipe,
        ledger_position=ledger_position,
        taught_before=taught_before,
        terms=asdict(terms),
        window=DataWindow(
            first_at=datetime.fromtimestamp(table.started_at[taught[0]], UTC),
            last_at=datetime.fromtimestamp(table.started_at[taught[-1]], UTC),
            builds=len(taught),
            repos=len(np.unique(table.repo[taught])),
            known_until=datetime.fromtimestamp(table.known_at[taught].max(), UTC),
        ),
        confidence_cut=choose_cut(
            probability[unseen][newest], failed[newest], terms.target_accuracy
        ),
        test_rows=table.rows[unseen],
        created_at=created_at,
    )
