<?php

declare(strict_types=1);

require_once __DIR__ . '/connection.php';
require_once __DIR__ . '/retry.php';

/** Publishes one event: ['event' => ['eventType' => …, 'data' => …], 'idempotencyKey' => …]. */
function publish(Connection $connection, array $request, int $tries = 0): array
{
    $answer = $connection->post('/events:publish', ONE, json_encode($request), 15)[0];
    if (isset($answer['error'])) {
        wait(retry_delay($answer['error'], $tries));
        return publish($connection, $request, $tries + 1);
    }
    return $answer;
}

/** Yields the answers, in any order. Events without one go out on the next stream. */
function publish_stream(Connection $connection, array $waiting): Generator
{
    $tries = 0;
    while ($waiting !== []) {
        [$before, $lines, $delay] = [count($waiting), '', 0];
        foreach ($waiting as $id => $request) {
            $lines .= json_encode(['requestId' => (string) $id, 'publish' => $request]) . "\n";
        }
        foreach ($connection->post('/events:publishStream', LINES, $lines, 60) as $answer) {
            if (isset($answer['error'])) {
                $delay = retry_delay($answer['error'], $tries);
            } else {
                unset($waiting[(int) ($answer['requestId'] ?? 0)]);
                yield $answer['response'];
            }
        }
        $tries = count($waiting) < $before ? 0 : $tries + 1;
        wait($delay);
    }
}
