<?php

declare(strict_types=1);

const ONE = 'application/json';
const LINES = 'application/x-ndjson'; // a JSON value on each line

/** Postrider's HTTP door, as the holder of a token sees it. */
final class Connection
{
    private readonly CurlHandle $curl;

    public function __construct(private readonly string $url, string $ca, private readonly string $token)
    {
        $this->curl = curl_init(); // kept, so that its connection is
        curl_setopt_array($this->curl, [CURLOPT_POST => true, CURLOPT_CAINFO => $ca]);
    }

    /** POSTs, and returns the values of the answer. One that breaks off ends with an `error`. */
    public function post(string $method, string $type, string $body, int $timeoutSeconds): array
    {
        $text = '';
        curl_setopt_array($this->curl, [
            CURLOPT_URL => $this->url . $method,
            CURLOPT_HTTPHEADER => ["Authorization: Bearer $this->token", "Content-Type: $type", 'Expect:'],
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_TIMEOUT => $timeoutSeconds,
            CURLOPT_WRITEFUNCTION => function (CurlHandle $curl, string $part) use (&$text): int {
                $text .= $part;
                return strlen($part);
            },
        ]);
        $isWhole = curl_exec($this->curl);
        $code = curl_getinfo($this->curl, CURLINFO_RESPONSE_CODE);
        $values = array_map(
            fn (string $line) => json_decode($line, true),
            $type === LINES && $code === 200 ? explode("\n", $text) : [$text],
        );
        $values = array_values(array_filter($values, is_array(...))); // without what broke off
        if (!$isWhole || $values === []) {
            $message = curl_error($this->curl) ?: $text;
            $values[] = ['error' => ['code' => $isWhole ? $code : 0, 'message' => $message]];
        }
        return $values;
    }
}
