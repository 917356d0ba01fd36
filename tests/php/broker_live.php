<?php

// A receiver and a sender at once: broker_live.php URL USER PASSWORD. The sender is a child of this
// script; the receiver sees a restart, too, if it is told of one by the end of its input.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\MessageBroker\Client;
use Fantail\MessageBroker\Message;
use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\WebSocketException;

[, $url, $user, $password] = $argv;
$receiver = new Client($url, $user, $password);
$sender = new Client($url, $user, $password);
$expected = 0;

$receive = static function (int $until) use ($receiver, $sender, &$expected): void {
    $receiver->receive('live', static function (Message $message) use ($sender, $until, &$expected): bool {
        expect([$expected], $message->data, 'in order');
        if (++$expected < $until) {
            // Somebody is there now: this very receiver.
            $confirmation = $sender->send('live', [$expected]);
            expect(true, $confirmation->receivers + $confirmation->kept >= 1, 'taken');
        }
        return $expected < $until;
    }, patience: 10.0);
};
$sender->send('live', [0]);
$receive(200);
echo "received\n";

// The server is restarted.
fgets(STDIN);
$lost = 0;
foreach ([$receiver, $sender] as $client) {
    try {
        $client->ping();
    } catch (WebSocketException) {
        ++$lost;
        $client->reconnect(20.0, new Backoff(0.1, 0.5));
    }
}
expect(2, $lost, 'lost');
$sender->send('live', [200]);
$receive(300);
echo "received again\n";
