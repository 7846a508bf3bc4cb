#!/usr/bin/env bash
# Tests the playground: units, every state on a mock server, and the journeys on the real server.
#
#   web/test.sh [MUSTOOL]    MUSTOOL is the program to serve it, by default target/release/mustool
#
# Needs Node 20.19 or later and chromium (Debian's package, or the one that CHROMIUM names). The
# program must have been built after `npm run build`, because it carries the page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

MUSTOOL="$(realpath "${1:-../target/release/mustool}")"
export MUSTOOL

[[ -d node_modules ]] || npm ci
npm run --silent check
npm run --silent build
npx playwright test --project=unit --project=mock
npx playwright test --project=server
