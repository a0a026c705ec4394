#!/bin/sh
# Makes the token that Rotator needs on GitLab, and no more: one of a single project, or of a single group. It ends on the
# day that is given; GitLab allows a year. Prints JSON, with the token as `token`.
#
#   sh deploy/permissions/gitlab.sh projects acme/reports 2027-06-30
#   sh deploy/permissions/gitlab.sh groups acme/platform 2027-06-30
#
# GITLAB_URL is the instance (https://gitlab.com unless set). GITLAB_TOKEN is a token of somebody who may do this, with the
# scope `api`: a Maintainer of the project, or an Owner of the group.
#
# GitLab asks for Maintainer to set a project's variables and for Owner to set a group's, and for the scope `api`; no
# narrower scope sets them. On Ultimate, a custom role with the permission `admin_cicd_variables` does instead of either.
# On the Free tier of GitLab.com there are no such tokens: use a personal one (`api`) of an account made for Rotator.
set -eu
kind=$1
place=$(printf %s "$2" | sed 's|/|%2F|g')
level=40
if [ "$kind" = groups ]; then level=50; fi
printf 'PRIVATE-TOKEN: %s\n' "$GITLAB_TOKEN" | curl --silent --show-error --fail-with-body --header @- \
    --data name=secrets-rotator --data scopes[]=api --data "access_level=$level" --data "expires_at=$3" \
    "${GITLAB_URL:-https://gitlab.com}/api/v4/$kind/$place/access_tokens"
