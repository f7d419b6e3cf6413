"""Account events from the topic become mails."""

import json

from exchange import mail


def handler(event, context):
    for record in event["Records"]:
        account = json.loads(record["Sns"]["Message"])
        if account["kind"] == "signup":
            mail.send(
                account["email"],
                "Welcome to the exchange",
                "Your account is open. Sign in, watch the ticker, and place your first order.",
                "If this was not you, answer this mail and we close the account.",
            )
        else:
            mail.send(account["email"], "You signed in", "Somebody just signed in with your password.")
