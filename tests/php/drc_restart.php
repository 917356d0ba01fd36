<?php

// The server is restarted: drc_restart.php URL ORIGIN. Prints what it sees, a line each.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Drc\Client;
use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\ConnectException;

[, $url, $origin] = $argv;
$client = new Client($url, $origin);
$channel = $client->join('restart', 'test');
$drc = new DRCClient();
$drc->Connect($url, $origin);
$drc->JoinChannel('restart', 'test', false, true);
$client->receive(5.0);
echo "ready\n";

try {
    $client->receive(20.0);
    throw new RuntimeException('nothing happened');
} catch (ClosedException $exception) {
    expect(1001, $exception->closeCode, $exception->getMessage());
    echo "closed {$exception->closeReason}\n";
}
$result = $drc->Wait(5);
while ($result['success']) {
    $drc->Read();
    $result = $drc->Wait(5);
}
echo "old script: {$result['errorcode']}\n";

// Nobody is there.
fgets(STDIN);
expect_exception(ConnectException::class, 'Connection refused', fn () => new Client($url, $origin));
expect_exception(ConnectException::class, 'refused', fn () => $client->reconnect(0.3, new Backoff(0.05)));
expect('connect_failed', $drc->Connect($url, $origin)['errorcode'], 'the old names');
echo "gone\n";

$client->reconnect(20.0, new Backoff(0.1, 0.5));
expect(true, $channel->isJoined(), 'joined again');
$client->send($channel, 'back', $client->id());
expect('back', $client->receive(5.0)->command, 'back');
expect(['success' => true], $drc->Connect($url, $origin), 'the old names');
expect(true, $drc->JoinChannel('restart', 'test', false, true)['success'], 'the old names');
echo "back\n";
