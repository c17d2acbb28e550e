<?php

// Is this webhook genuine? One function for each way to sign one.
//
// Fed by a request's headers and by the exact bytes of its body, as
// file_get_contents('php://input') has them; feeds a receiver with true or false.
// Guarantees that secrets and signatures are compared in constant time, that a
// signed time is at most five minutes away from $now, and that an empty key never
// verifies anything. Copy all down to the runner at the end. Needs PHP 8.1 or
// later with its sodium extension, which comes with it.

declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

/** How an HMAC of one's own is written. */
final class HmacFormat
{
    public function __construct(
        public readonly string $prefix = '', // stands before the signature, as 'sha256='
        public readonly string $hash = 'sha256', // or 'sha512'
        public readonly string $encoding = 'hex', // or 'base64'
    ) {
    }
}

// In all of them: $keys are those that you hold, more than one while you change
// over; a header that is not there is ''; $lines are all lines of one header;
// $now is time().

/** Standard Webhooks, "whsec_" keys: webhook-id, webhook-timestamp, webhook-signature. */
function verify_standard_v1(array $keys, string $id, string $timestamp, string $signature, string $body, int $now): bool
{
    $message = standard_message($id, $timestamp, $body, $now);
    if ($message === null) {
        return false;
    }
    $secrets = array_map(decode(...), without_prefix('whsec_', $keys));
    // The specification's least length, so that no empty or cut-off key is used.
    $usable = array_filter($secrets, fn ($secret) => strlen($secret) >= 24);
    $expected = array_map(
        fn ($secret) => 'v1,' . encode('base64', hash_hmac('sha256', $message, $secret, true)),
        $usable,
    );
    return matches($expected, explode(' ', $signature));
}

/** Standard Webhooks, public keys "whpk_": the same three headers. */
function verify_standard_v1a(array $keys, string $id, string $timestamp, string $signature, string $body, int $now): bool
{
    $message = standard_message($id, $timestamp, $body, $now);
    if ($message === null) {
        return false;
    }
    $given = array_map(decode(...), without_prefix('v1a,', explode(' ', $signature)));
    foreach (array_map(decode(...), without_prefix('whpk_', $keys)) as $key) {
        foreach ($given as $one) {
            if (verify_ed25519($key, $one, $message)) {
                return true;
            }
        }
    }
    return false;
}

/** Stripe's format, "t=…,v1=…": stripe-signature, or the header that was chosen. */
function verify_stripe(array $keys, string $signature, string $body, int $now): bool
{
    $parts = array_map(trim(...), explode(',', $signature));
    $times = without_prefix('t=', $parts);
    if (count($times) !== 1 || !fresh($times[0], $now)) {
        return false;
    }
    $given = without_prefix('v1=', $parts);
    return matches(hmacs($keys, $times[0] . '.' . $body, new HmacFormat()), $given);
}

/** An HMAC of the body. It holds for ever and under any id: deduplicate by what the body names. */
function verify_hmac(array $keys, array $lines, HmacFormat $format, string $body): bool
{
    return matches(hmacs($keys, $body, $format), header_values($lines));
}

/** An HMAC of "{timestamp}{separator}{body}", the timestamp in a header of its own. */
function verify_timestamped_hmac(
    array $keys,
    string $timestamp,
    array $lines,
    string $separator,
    HmacFormat $format,
    string $body,
    int $now,
): bool {
    if (!fresh($timestamp, $now)) {
        return false;
    }
    return matches(hmacs($keys, $timestamp . $separator . $body, $format), header_values($lines));
}

/** The secret itself. It proves nothing about the body: only over TLS, and only if you must. */
function verify_static_secret(array $keys, array $lines, string $prefix): bool
{
    $expected = array_map(fn ($key) => $prefix . $key, usable($keys));
    return matches($expected, header_values($lines));
}

/** What Standard Webhooks sign. A full stop in the id would let its parts be shifted. */
function standard_message(string $id, string $timestamp, string $body, int $now): ?string
{
    if ($id === '' || str_contains($id, '.') || !fresh($timestamp, $now)) {
        return null;
    }
    return "$id.$timestamp.$body";
}

/** Whether it is whole seconds, near enough to $now that nobody kept the request for later. */
function fresh(string $timestamp, int $now): bool
{
    return preg_match('/\A[0-9]{1,15}\z/', $timestamp) === 1 && abs($now - (int) $timestamp) <= TOLERANCE_SECONDS;
}

/** The signatures that would be right, one for each key. */
function hmacs(array $keys, string $message, HmacFormat $format): array
{
    return array_map(
        fn ($key) => $format->prefix . encode($format->encoding, hash_hmac($format->hash, $message, $key, true)),
        usable($keys),
    );
}

/** One value for each key in force; on the way, lines may have been joined by commas. */
function header_values(array $lines): array
{
    $values = $lines;
    foreach ($lines as $line) {
        if (str_contains($line, ',')) {
            array_push($values, ...array_map(trim(...), explode(',', $line)));
        }
    }
    return $values;
}

/** Whether one of these is one of those; the time it takes tells nothing of where they differ. */
function matches(array $expected, array $given): bool
{
    foreach ($expected as $one) {
        foreach ($given as $other) {
            if (hash_equals($one, $other)) {
                return true;
            }
        }
    }
    return false;
}

function verify_ed25519(string $key, string $signature, string $message): bool
{
    return strlen($key) === SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES
        && strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
        && sodium_crypto_sign_verify_detached($signature, $message, $key);
}

function encode(string $encoding, string $digest): string
{
    return match ($encoding) {
        'hex' => bin2hex($digest),
        'base64' => base64_encode($digest),
    };
}

/** Base64 in its one right form; anything else is empty. */
function decode(string $text): string
{
    $decoded = (string) base64_decode($text, true);
    return base64_encode($decoded) === $text ? $decoded : '';
}

function usable(array $keys): array
{
    return array_filter($keys, fn ($key) => $key !== '');
}

/** What follows the prefix in those texts that begin with it. */
function without_prefix(string $prefix, array $texts): array
{
    $with = array_filter($texts, fn ($text) => str_starts_with($text, $prefix));
    return array_values(array_map(fn ($text) => substr($text, strlen($prefix)), $with));
}

// --- The runner, which you need not copy: php verify.php VECTORS.json… ----------

function judge(array $vector): bool
{
    ['keys' => $keys, 'signatures' => $lines, 'now' => $now] = $vector;
    $body = base64_decode($vector['body_base64'], true);
    $id = $vector['id'] ?? '';
    $timestamp = $vector['timestamp'] ?? '';
    $signature = $lines[0] ?? '';
    $prefix = $vector['prefix'] ?? '';
    $format = new HmacFormat($prefix, $vector['hash'] ?? '', $vector['encoding'] ?? '');
    return match ($vector['scheme']) {
        'standard_v1' => verify_standard_v1($keys, $id, $timestamp, $signature, $body, $now),
        'standard_v1a' => verify_standard_v1a($keys, $id, $timestamp, $signature, $body, $now),
        'stripe' => verify_stripe($keys, $signature, $body, $now),
        'hmac' => verify_hmac($keys, $lines, $format, $body),
        'timestamped_hmac'
            => verify_timestamped_hmac($keys, $timestamp, $lines, $vector['separator'], $format, $body, $now),
        'static_secret' => verify_static_secret($keys, $lines, $prefix),
    };
}

function main(array $files): int
{
    $passed = $failed = 0;
    foreach ($files as $file) {
        foreach (json_decode(file_get_contents($file), true, 512, JSON_THROW_ON_ERROR)['vectors'] as $vector) {
            if (judge($vector) === $vector['valid']) {
                $passed++;
            } else {
                $failed++;
                echo "FAILED {$vector['scheme']}: {$vector['name']}\n";
            }
        }
    }
    echo "$passed passed\n";
    return $failed > 0 || $passed === 0 ? 1 : 0;
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    exit(main(array_slice($argv, 1)));
}
