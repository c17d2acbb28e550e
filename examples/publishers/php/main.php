<?php

// Publishes an event for each key, the first by itself and the others on a stream:
//   php main.php KEY…

declare(strict_types=1);

require_once __DIR__ . '/publish.php';

$url = 'https://' . getenv('POSTRIDER_ADDRESS') . '/v1/' . getenv('POSTRIDER_TENANT');
$connection = new Connection($url, getenv('POSTRIDER_CA'), getenv('POSTRIDER_TOKEN'));

$payment = ['eventType' => 'payment.completed', 'data' => ['amount' => ['value' => 4200]]];
$requests = array_map(
    fn (string $key) => ['event' => $payment, 'idempotencyKey' => $key],
    array_slice($argv, 1),
);
$answers = [publish($connection, array_shift($requests))];
foreach (publish_stream($connection, $requests) as $answer) {
    $answers[] = $answer;
}
$duplicates = count(array_filter(array_column($answers, 'duplicate')));
echo count($answers), ' published, ', $duplicates, " duplicates\n";
