<?php

// A server that pings often: drc_pings.php URL ORIGIN. It has drc.ping_after = 200ms and
// drc.pong_wait = 500ms.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Drc\Client;
use Fantail\Drc\RefusedException;
use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\TimeoutException;

[, $url, $origin] = $argv;
$client = new Client($url, $origin);
$channel = $client->join('pings', 'test');
$number = $channel->number();

// It answers while it waits, in whatever way it waits.
expect(null, $client->receive(2.0)?->command, 'nothing comes');
expect_exception(TimeoutException::class, '2 s', static fn () => $client->request(
    $channel,
    'question',
    $client->id(),
    'answer',
    patience: 2.0,
));
expect('question', $client->receive(0.0)?->command, 'to itself');
$drc = new DRCClient();
$drc->Connect($url, $origin);
for ($start = microtime(true); microtime(true) < $start + 2.0;) {
    expect(['success' => true], $drc->Wait(), 'wait');
    expect(null, $client->receive(0.0)?->command, 'nothing comes');
}
expect(true, $drc->JoinChannel('pings', 'test', false, true)['success'], 'still there');

// Who does something else for too long is disconnected, and can come back.
$token = $client->createToken('guest', 'test');
$guest = $client->join('guest', 'test', $token, byAddress: false);
sleep(2);
expect_exception(ClosedException::class, '', fn () => $client->confirm());
expect(false, $client->connection()->isOpen(), 'closed');
while ($drc->Wait(1)['success']) {
    $drc->Read();
}
expect('connection_closed', $drc->Wait(1)['errorcode'], 'so is this one');
$client->reconnect(5.0, new Backoff(0.05));
expect(true, $channel->isJoined() && $channel->number() !== $number, 'again, as another');
expect(true, $guest->isJoined(), 'the token is good again');
expect([$channel, $guest], $client->channels(), 'both');
$client->send($channel, 'back', $client->id());
expect('back', $client->receive(5.0)->command, 'back');

// A token that is used up is refused, but the other channel is joined.
$thief = new Client($url, $origin);
$client->close();
usleep(200_000);
$thief->join('guest', 'test', $token, byAddress: false);
expect_exception(RefusedException::class, 'Cannot join guest (test)', static fn () => $client->reconnect(
    5.0,
    new Backoff(0.05),
));
expect([true, false], [$channel->isJoined(), $guest->isJoined()], 'one of two');
$client->leave($guest);
$client->send($channel, 'back', $client->id());
$client->confirm();

// What makes tokens is asked each time.
$asked = 0;
$client->join('maker', 'test', static function () use (&$asked, $url, $origin): string {
    ++$asked;
    return (new Client($url, $origin))->createToken('maker', 'test');
}, byAddress: false);
$client->reconnect(5.0, new Backoff(0.05));
expect(2, $asked, 'tokens');
expect(2, count($client->channels()), 'channels');
echo "done\n";
