<?php

// What the scripts share: their first arguments are HOST PORT USER PASSWORD CHANNEL. Whatever goes
// wrong, be it a warning, ends a script with 1.

declare(strict_types=1);

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): never {
    throw new ErrorException($message, 0, $level, $file, $line);
});
set_exception_handler(static function (Throwable $fault): never {
    fwrite(STDERR, get_class($fault) . ": {$fault->getMessage()}\n");
    exit(1);
});

require __DIR__ . '/FragileWebSocket.php';

/** Connects; who is rejected says so and ends with 2. */
function connect(array $arguments, float $patience = 60.0): FragileWebSocket
{
    [, $host, $port, $user, $password] = $arguments;
    $socket = new FragileWebSocket($host, (int) $port, $user, $password, $patience);
    $welcome = json_decode($socket->welcome, true, 16, JSON_THROW_ON_ERROR);
    if ($welcome['response_code'] !== '00') {
        echo "{$welcome['response_text']}\n";
        exit(2);
    }
    return $socket;
}

function command(string $name, string $channel, mixed $data, array $more = []): string
{
    return json_encode(
        ['command' => $name, 'channel' => $channel, 'data' => $data] + $more,
        JSON_THROW_ON_ERROR,
    );
}
