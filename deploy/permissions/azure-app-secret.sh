#!/bin/sh
# Lets an identity of Rotator's replace the client secrets of named app registrations, and of no others.
#
#   ROTATOR_APP=<client id of Rotator's identity>  APPS="<client id> <client id>"  sh azure-app-secret.sh
#
# Application.ReadWrite.OwnedBy is the least that Microsoft Graph has for addPassword and removePassword. It lets its
# holder change everything about the applications that it owns, and make new ones. Not tried on a real tenant.
set -eu

graph=00000003-0000-0000-c000-000000000000                    # Microsoft Graph, in every tenant
owned_by=18a4783c-866b-4cc7-a460-3d5e5662c884                 # Application.ReadWrite.OwnedBy

rotator=$(az ad sp show --id "$ROTATOR_APP" --query id --output tsv)

az ad app permission add --id "$ROTATOR_APP" --api "$graph" --api-permissions "$owned_by=Role"
az ad app permission admin-consent --id "$ROTATOR_APP"

for app in $APPS; do
  az ad app owner add --id "$app" --owner-object-id "$rotator"
done
