<?php

// What goes wrong: errors.php ADDRESS-ON-TCP SECRET

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\ConnectionException;
use Fantail\Control;
use Fantail\RefusedException;

[, $address, $secret] = $argv;
(new Control($address, secret: $secret))->ping();
expect_exception(RefusedException::class, 'secret', fn () => (new Control($address, 'x'))->ping());
expect_exception(RefusedException::class, 'secret', fn () => (new Control($address))->ping());
expect_exception(
    ConnectionException::class,
    'Cannot connect to unix:///nowhere',
    fn () => (new Control('unix:///nowhere'))->ping(),
);

// A server that accepts and says nothing, one that closes, and one that speaks something else.
foreach ([[null, 'No answer within 0.2 s'], ['', 'closed'], ["HTTP/1.1\r\n", 'no control port']] as [$says, $part]) {
    $listener = stream_socket_server('tcp://127.0.0.1:0');
    $control = new Control('tcp://' . stream_socket_get_name($listener, false), timeout: 0.2);
    $pid = null;
    expect_exception(ConnectionException::class, $part, static function () use ($control, $listener, $says): void {
        $reflection = new ReflectionMethod($control, 'connection');
        $connection = $reflection->invoke($control);
        $peer = stream_socket_accept($listener, 1.0);
        if ($says !== null) {
            fwrite($peer, $says);
            fclose($peer);
        }
        $connection->request('p');
    });
}
echo "done\n";
