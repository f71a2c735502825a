"""
Every provider's word for how a build ended, and what we take it to mean.

Red or green is read off the provider's conclusion alone and is final for the
attempt. A word that is no verdict on the code (cancelled, skipped, stale,
neutral) is no label. Words still in progress are refused: such a build has no
outcome yet.
"""

from breakcast.errors import BadInput
from breakcast.history.events import Outcome

OUTCOME_WORDS: dict[str, Outcome] = {
    # breakcast's own words (the builds file)
    "passed": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "none": Outcome.NONE,
    # GitHub workflow runs and check runs: `conclusion`
    # https://docs.github.com/en/rest/checks/runs
    "success": Outcome.PASSED,
    "failure": Outcome.FAILED,
    "timed_out": Outcome.FAILED,
    "startup_failure": Outcome.FAILED,
    "cancelled": Outcome.NONE,
    "skipped": Outcome.NONE,
    "stale": Outcome.NONE,
    "neutral": Outcome.NONE,
    "action_required": Outcome.NONE,
    # GitLab pipelines: `status` (success, failed, canceled, skipped, manual)
    # https://docs.gitlab.com/api/pipelines/
    "canceled": Outcome.NONE,
    "manual": Outcome.NONE,
    # Jenkins builds: `result` (SUCCESS, FAILURE, UNSTABLE, ABORTED, NOT_BUILT)
    # https://javadoc.jenkins.io/hudson/model/Result.html
    "unstable": Outcome.FAILED,
    "aborted": Outcome.NONE,
    "not_built": Outcome.NONE,
    # Travis CI builds: `state` (passed, failed, errored, canceled)
    # https://developer.travis-ci.com/resource/build
    "errored": Outcome.FAILED,
    "broken": Outcome.FAILED,
    "fixed": Outcome.PASSED,
    "still failing": Outcome.FAILED,
    # CircleCI workflows: `status`; Buildkite builds: `state`
    # https://circleci.com/docs/api/v2/  https://buildkite.com/docs/apis/rest-api/builds
    "error": Outcome.FAILED,
    "failed_tests": Outcome.FAILED,
    "unauthorized": Outcome.NONE,
    "not_run": Outcome.NONE,
    "blocked": Outcome.NONE,
}


def outcome_of(word: str) -> Outcome:
    """
    Read one provider's word, in any case and with surrounding blanks.

    Raises:
        BadInput: If the word is no final conclusion that we know.

    >>> outcome_of("UNSTABLE"), outcome_of(" timed_out ")
    (<Outcome.FAILED: 'failed'>, <Outcome.FAILED: 'failed'>)
    >>> outcome_of("in_progress")
    Traceback (most recent call last):
    breakcast.errors.BadInput: outcome is 'in_progress'; use passed, failed, none \
or a provider's final conclusion such as success, failure or cancelled
    """
    try:
        return OUTCOME_WORDS[word.strip().lower()]
    except KeyError:
        message = (
            f"outcome is {word!r}; use passed, failed, none or a provider's "
            "final conclusion such as success, failure or cancelled"
        )
        raise BadInput(message) from None
