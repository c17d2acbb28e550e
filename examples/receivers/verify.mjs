// Is this webhook genuine? One function for each way to sign one.
//
// Fed by a request's headers and by the exact bytes of its body (a Buffer); feeds
// a receiver with true or false. Guarantees that secrets and signatures are
// compared in constant time, that a signed time is at most five minutes away
// from `now`, and that an empty key never verifies anything. Copy all down to
// the runner at the end. Needs Node.js 18 or later and nothing else.

import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";

const TOLERANCE_SECONDS = 300;

// In all of them: `keys` are those that you hold, more than one while you change
// over; a header that is not there is ""; `lines` are all lines of one header;
// `now` is Math.floor(Date.now() / 1000). A format is how an HMAC of one's own is
// written: { prefix: "sha256=", hash: "sha256" or "sha512", encoding: "hex" or
// "base64" }.

/** Standard Webhooks, "whsec_" keys: webhook-id, webhook-timestamp, webhook-signature. */
export function verifyStandardV1(keys, id, timestamp, signature, body, now) {
  const message = standardMessage(id, timestamp, body, now);
  if (message === null) return false;
  const secrets = keys.filter((key) => key.startsWith("whsec_")).map((key) => decode(key.slice(6)));
  // The specification's least length, so that no empty or cut-off key is used.
  const usable = secrets.filter((secret) => secret.length >= 24);
  const expected = usable.map((secret) => "v1," + hmac(secret, message, "sha256", "base64"));
  return matches(expected, signature.split(" "));
}

/** Standard Webhooks, public keys "whpk_": the same three headers. */
export function verifyStandardV1a(keys, id, timestamp, signature, body, now) {
  const message = standardMessage(id, timestamp, body, now);
  if (message === null) return false;
  const publicKeys = keys.filter((key) => key.startsWith("whpk_")).map((key) => decode(key.slice(5)));
  const texts = signature.split(" ").filter((text) => text.startsWith("v1a,"));
  const given = texts.map((text) => decode(text.slice(4)));
  return publicKeys.some((key) => given.some((one) => verifyEd25519(key, one, message)));
}

/** Stripe's format, "t=…,v1=…": stripe-signature, or the header that was chosen. */
export function verifyStripe(keys, signature, body, now) {
  const parts = signature.split(",").map((part) => part.trim());
  const times = parts.filter((part) => part.startsWith("t=")).map((part) => part.slice(2));
  if (times.length !== 1 || !fresh(times[0], now)) return false;
  const message = Buffer.concat([Buffer.from(`${times[0]}.`), body]);
  const given = parts.filter((part) => part.startsWith("v1=")).map((part) => part.slice(3));
  return matches(hmacs(keys, message, { prefix: "", hash: "sha256", encoding: "hex" }), given);
}

/** An HMAC of the body. It holds for ever and under any id: deduplicate by what the body names. */
export function verifyHmac(keys, lines, format, body) {
  return matches(hmacs(keys, body, format), headerValues(lines));
}

/** An HMAC of "{timestamp}{separator}{body}", the timestamp in a header of its own. */
export function verifyTimestampedHmac(keys, timestamp, lines, separator, format, body, now) {
  if (!fresh(timestamp, now)) return false;
  const message = Buffer.concat([Buffer.from(timestamp + separator), body]);
  return matches(hmacs(keys, message, format), headerValues(lines));
}

/** The secret itself. It proves nothing about the body: only over TLS, and only if you must. */
export function verifyStaticSecret(keys, lines, prefix) {
  const expected = keys.filter((key) => key !== "").map((key) => prefix + key);
  return matches(expected, headerValues(lines));
}

/** What Standard Webhooks sign. A full stop in the id would let its parts be shifted. */
function standardMessage(id, timestamp, body, now) {
  if (id === "" || id.includes(".") || !fresh(timestamp, now)) return null;
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
}

/** Whether it is whole seconds, near enough to `now` that nobody kept the request for later. */
function fresh(timestamp, now) {
  return /^[0-9]{1,15}$/.test(timestamp) && Math.abs(now - Number(timestamp)) <= TOLERANCE_SECONDS;
}

/** The signatures that would be right, one for each key. */
function hmacs(keys, message, format) {
  const usable = keys.filter((key) => key !== "");
  return usable.map((key) => format.prefix + hmac(key, message, format.hash, format.encoding));
}

/** One value for each key in force; on the way, lines may have been joined by commas. */
function headerValues(lines) {
  const joined = lines.filter((line) => line.includes(","));
  return lines.concat(joined.flatMap((line) => line.split(",").map((value) => value.trim())));
}

/** Whether one of these is one of those; the time it takes tells nothing of where they differ. */
function matches(expected, given) {
  return expected.some((one) => given.some((other) => same(Buffer.from(one), Buffer.from(other))));
}

function same(one, other) {
  return one.length === other.length && timingSafeEqual(one, other);
}

function verifyEd25519(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}

function hmac(key, message, hash, encoding) {
  return createHmac(hash, key).update(message).digest(encoding);
}

/** Base64 in its one right form; anything else is empty. */
function decode(text) {
  const decoded = Buffer.from(text, "base64");
  return decoded.toString("base64") === text ? decoded : Buffer.alloc(0);
}

// --- The runner, which you need not copy: node verify.mjs VECTORS.json… ---------

function judge(vector) {
  const { keys, id = "", timestamp = "", signatures: lines, separator, now } = vector;
  const body = Buffer.from(vector.body_base64, "base64");
  const [signature = ""] = lines;
  const { prefix = "", hash, encoding } = vector;
  const format = { prefix, hash, encoding };
  switch (vector.scheme) {
    case "standard_v1":
      return verifyStandardV1(keys, id, timestamp, signature, body, now);
    case "standard_v1a":
      return verifyStandardV1a(keys, id, timestamp, signature, body, now);
    case "stripe":
      return verifyStripe(keys, signature, body, now);
    case "hmac":
      return verifyHmac(keys, lines, format, body);
    case "timestamped_hmac":
      return verifyTimestampedHmac(keys, timestamp, lines, separator, format, body, now);
    case "static_secret":
      return verifyStaticSecret(keys, lines, prefix);
    default:
      throw new Error(`no scheme ${vector.scheme}`);
  }
}

async function main(files) {
  const { readFileSync } = await import("node:fs");
  const vectors = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")).vectors);
  const wrong = vectors.filter((vector) => judge(vector) !== vector.valid);
  for (const vector of wrong) console.log(`FAILED ${vector.scheme}: ${vector.name}`);
  console.log(`${vectors.length - wrong.length} passed`);
  return wrong.length > 0 || vectors.length === 0 ? 1 : 0;
}

const { pathToFileURL } = await import("node:url");
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
