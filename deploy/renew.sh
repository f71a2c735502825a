#!/bin/sh
# Renew the model once: look for drift, train anew, judge, promote. For cron and systemd.
#
#   renew.sh [RUN_KEY]      the key is the day's, if none is given: a second run on the
#                           same day goes on where the first one was stopped.
#
# Ends with 0 if all is done or there is nothing to do, else as the command that failed.
set -u

breakcast=${BREAKCAST_COMMAND:-breakcast}
key=${1:-scheduled-$(date -u +%Y-%m-%d)}

run() {
    said=$("$breakcast" "$@" --json --run-key "$key")
    code=$?
    printf '%s\n' "$said"
    if [ "$code" -eq 99 ]; then
        exit 0
    elif [ "$code" -ne 0 ]; then
        # A command that was killed could not say so itself.
        echo "renew.sh: breakcast $1 of run $key ended with code $code" >&2
        exit "$code"
    fi
}

run check-drift
run retrain
candidate=$(printf '%s\n' "$said" | sed -n '$s/.*"candidate": *"\(v[0-9]*\.[0-9]*\)".*/\1/p')
if [ -z "$candidate" ]; then
    echo "renew.sh: retrain names no candidate: $said" >&2
    exit 1
fi
run validate-and-deploy --candidate "$candidate"
