"""Judges captured webhooks with the published standardwebhooks library.

Fed by a folder of captures; prints one line for each check and the count that
failed. Guarantees that a webhook passes as it was received and fails with one
byte changed.
"""

import base64
import json
import pathlib
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError



def accepts(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    except json.JSONDecodeError:
        return True  # raised after the signature was found right
    return True


def main() -> int:
    captures = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    failed = 0
    for file in captures:
        webhook = json.loads(file.read_text())
        body = base64.b64decode(webhook["body_base64"])
        checks = {
            "as received": accepts(webhook["secret"], body, webhook["headers"]),
            "changed": not accepts(webhook["secret"], body + b" ", webhook["headers"]),
        }
        for name, right in checks.items():
            failed += not right
            print(f"{'ok' if right else 'FAILED'} python {file.stem} {name}")
    return 1 if failed or not captures else 0


sys.exit(main())
