#!/bin/sh
# Lets an identity of Rotator's replace the keys of named service accounts, and of no others.
#
#   PROJECT=acme-prod  ROTATOR=serviceAccount:rotator@acme-prod.iam.gserviceaccount.com \
#   ACCOUNTS="reports@acme-prod.iam.gserviceaccount.com"  sh gcp-service-account-key.sh
#
# Whoever may make a key of an account can do all that the account may: name no account here that can do more than
# Rotator should. The predefined role roles/iam.serviceAccountKeyAdmin would do as well, and may do more (disable, upload).
# Not tried on a real project.
set -eu

gcloud iam roles create rotateServiceAccountKeys --project "$PROJECT" --title "Rotate service account keys" \
  --permissions iam.serviceAccountKeys.create,iam.serviceAccountKeys.list,iam.serviceAccountKeys.delete

for account in $ACCOUNTS; do
  gcloud iam service-accounts add-iam-policy-binding "$account" --project "$PROJECT" \
    --member "$ROTATOR" --role "projects/$PROJECT/roles/rotateServiceAccountKeys"
done
