// Judges captured webhooks with the published standardwebhooks library.
//
// Fed by a folder of captures; prints one line for each check and exits with 1
// when one failed. Guarantees that a webhook passes as it was received and fails
// with one byte changed. Arguments: the folder the library is installed in, the
// folder of captures.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

const [modules, folder] = process.argv.slice(2);
const require = createRequire(join(modules, "from-here.js"));
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

function accepts(secret, body, headers) {
  try {
    new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    if (error instanceof SyntaxError) return true; // after the signature was found right
    throw error;
  }
  return true;
}

const captures = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
let failed = captures.length === 0;
for (const name of captures) {
  const webhook = JSON.parse(readFileSync(join(folder, name), "utf8"));
  const body = Buffer.from(webhook.body_base64, "base64").toString("utf8");
  const checks = {
    "as received": accepts(webhook.secret, body, webhook.headers),
    changed: !accepts(webhook.secret, `${body} `, webhook.headers),
  };
  for (const [check, right] of Object.entries(checks)) {
    failed ||= !right;
    console.log(`${right ? "ok" : "FAILED"} javascript ${basename(name, ".json")} ${check}`);
  }
}
process.exit(failed ? 1 : 0);
