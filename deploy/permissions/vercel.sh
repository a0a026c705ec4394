#!/bin/sh
# Makes the token that Rotator needs on Vercel, and no more: one that is for a single project, named by its id. Prints
# JSON, with the token as `bearerToken`.
#
#   sh deploy/permissions/vercel.sh prj_XLKmu1DyR1eY7zq8UgeRKbA7yVLA
#
# It still acts as its owner, so sign the CLI in as an account of Rotator's own, by a classic token (VERCEL_TOKEN). Let
# somebody who may do so add that account to the team as a Contributor with the project role Admin. That is what Vercel
# asks of those who set production's variables; the project role Project Developer is enough for previews and development.
#
# What the token must be allowed to do, as Vercel's API names it:
#   projectEnvVars             list, read, update; create, for variables that Rotator may make
#   projectEnvVarsProduction   the same, for variables of production
#   project                    read
#   deployment                 list; create, for `redeploy: redeploy`
set -eu
vercel tokens add secrets-rotator --project "$1" --format json
