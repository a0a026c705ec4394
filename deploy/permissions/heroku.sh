#!/bin/sh
# Makes the token that Rotator needs on Heroku, and no more, and prints it. A token reaches as far as its account does,
# so give Rotator an account of its own, and let somebody who may add that one to the apps it is to write to:
#
#   heroku access:add rotator@example.com --app acme-web --permissions view,operate    (in a team)
#   heroku access:add rotator@example.com --app acme-web                                (a personal app: all or nothing)
#
# Then run this as that account. `write-protected` reads and writes apps and their config vars; `write` alone may not
# touch config vars, and `global` could change the account itself. Do not use the token of a login (`heroku auth:token`):
# it ends with the login, and may ask for a second factor.
set -eu
heroku authorizations:create --description "secrets-rotator" --scope write-protected --short
