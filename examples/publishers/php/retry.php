<?php

declare(strict_types=1);

const MAX_TRIES = 10;
const MAX_DELAY_SECONDS = 10;
// Codes of no answer at all, and those that a proxy gives.
const UNANSWERED = [0, 499, 500, 502, 503, 504];

/** Sending the same again would not help. */
final class Refused extends RuntimeException
{
}

/**
 * Seconds to wait before the same is sent again (docs/errors.md), after a call's `error` or that
 * of one event on a stream. Without a reason Postrider has not answered, and nobody knows what
 * was done.
 */
function retry_delay(array $error, int $tries): float
{
    $details = array_column($error['details'] ?? [], null, '@type');
    $reason = $details['type.googleapis.com/google.rpc.ErrorInfo']['reason'] ?? '';
    $retry = $details['type.googleapis.com/google.rpc.RetryInfo'] ?? null;
    $unanswered = $reason === '' && in_array($error['code'] ?? 0, UNANSWERED, true);
    if (!($retry || $unanswered) || $tries >= MAX_TRIES) {
        throw new Refused("$reason: " . ($error['message'] ?? ''));
    }
    $told = (float) ($retry['retryDelay'] ?? 0); // as in "1.5s"
    $delay = max($told, min(0.1 * 2 ** $tries, MAX_DELAY_SECONDS));
    return $delay * (1 + lcg_value() / 2);
}

function wait(float $seconds): void
{
    usleep((int) ($seconds * 1_000_000));
}
