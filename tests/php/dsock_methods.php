<?php

// Every method of Fantail\Dsock\Client: dsock_methods.php URL TOKEN

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Dsock\Claim;
use Fantail\Dsock\Client;
use Fantail\Dsock\Target;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\Connection;

[, $url, $token] = $argv;
$dsock = new Client("$url/", $token);

function connect_with(Claim $claim): Connection
{
    global $url;
    $address = str_replace('http://', 'ws://', $url);
    return Connection::open("$address/connect?claim=" . rawurlencode($claim->id));
}

function expect_text(string $expected, Connection $connection): void
{
    expect($expected, $connection->receive(5.0)?->payload, 'a message');
}

/** Names with everything in them that has a meaning in URLs, headers or paths. */
const AWKWARD = "ä b+c&d=e%41#f?g;h\"i\\j'k😀";

$dsock->ping();

// Claims.
$plain = $dsock->createClaim('claims');
expect(1, preg_match('/\A[A-Za-z0-9]{32}\z/', $plain->id), 'an id');
expect(['claims', null, []], [$plain->user, $plain->session, $plain->channels], 'a claim');
expect(true, abs($plain->expiration - time() - 60) <= 5, 'a minute');
$short = $dsock->createClaim('claims', AWKWARD, [AWKWARD, 'b'], duration: 30, id: AWKWARD);
expect(
    [AWKWARD, 'claims', AWKWARD, [AWKWARD, 'b']],
    [$short->id, $short->user, $short->session, $short->channels],
    'an awkward claim',
);
expect(true, abs($short->expiration - time() - 30) <= 5, 'half a minute');
$end = time() + 1000;
$long = $dsock->createClaim('claims', expiration: $end);
expect($end, $long->expiration, 'an expiration');
$info = $dsock->info(Target::user('claims'));
$byId = static fn (Claim $a, Claim $b): int => $a->id <=> $b->id;
$claims = $info->claims;
$made = [$plain, $short, $long];
usort($claims, $byId);
usort($made, $byId);
expect(true, $claims == $made, 'all claims');
expect([], $info->connections, 'no connection');
$client = connect_with($short);
$dsock->send(Target::channel(AWKWARD), AWKWARD);
expect_text(AWKWARD, $client);

// Messages: text, all bytes, nothing, and much.
$bytes = implode('', array_map(chr(...), range(0, 255)));
$client = connect_with($dsock->createClaim('messages'));
$target = Target::user('messages');
$large = random_bytes(1_000_000);
foreach ([['hellö', false], ['', false], [$bytes, true], ['', true], [$large, true]] as [$message, $binary]) {
    $dsock->send($target, $message, $binary);
    $received = $client->receive(5.0);
    expect([true, $binary], [$received?->payload === $message, $received->binary], 'a message');
}

// Targets.
$left = connect_with($dsock->createClaim('targets', 'left', ['room']));
$right = connect_with($dsock->createClaim('targets', 'right', ['room']));
$other = connect_with($dsock->createClaim('other', 'left', ['room']));
$found = $dsock->info(Target::user('targets', 'right'))->connections;
expect(1, count($found), 'one connection');
[$connected] = $found;
expect(
    ['targets', 'right', ['room'], 36],
    [$connected->user, $connected->session, $connected->channels, strlen($connected->worker)],
    'a connection',
);
expect(true, abs($connected->lastPing - time()) <= 10, 'the last ping');
expect('right', $dsock->info(Target::id($connected->id))->connections[0]->session, 'by its id');
expect(3, count($dsock->info(Target::channel('room'))->connections), 'a channel');
expect(1, count($dsock->info(Target::channel('room', 'right'))->connections), 'a session in a channel');
$dsock->send(Target::id($connected->id), 'id');
$dsock->send(Target::user('targets'), 'user');
$dsock->send(Target::user('targets', 'left'), 'session');
$dsock->send(Target::channel('room'), 'channel');
$dsock->send(Target::channel('room', 'left'), 'both');
$dsock->send(Target::user('nobody'), 'nothing');
$dsock->send(Target::channel('room'), 'end');
foreach ([
    [$left, ['user', 'session', 'channel', 'both', 'end']],
    [$right, ['id', 'user', 'channel', 'end']],
    [$other, ['channel', 'both', 'end']],
] as [$connection, $expected]) {
    foreach ($expected as $text) {
        expect_text($text, $connection);
    }
}

// Channels.
$client = connect_with($dsock->createClaim('channels'));
$dsock->createClaim('channels', channels: ['old']);
$target = Target::user('channels');
$expect_channels = static function (array $ofConnection, array $ofClaim) use ($dsock, $target): void {
    $info = $dsock->info($target);
    $found = [$info->connections[0]->channels, $info->claims[0]->channels];
    expect([$ofConnection, $ofClaim], $found, 'channels');
};
$expect_channels([], ['old']);
$dsock->subscribe('new', $target);
$expect_channels(['new'], ['old', 'new']);
$dsock->subscribe(['a', AWKWARD], $target, ignoreClaims: true);
$expect_channels(['new', 'a', AWKWARD], ['old', 'new']);
$dsock->unsubscribe([AWKWARD, 'new'], $target);
$expect_channels(['a'], ['old']);
$dsock->unsubscribe('old', $target, ignoreClaims: true);
$expect_channels(['a'], ['old']);
foreach (['.', '..'] as $dots) {
    $dsock->subscribe($dots, $target, ignoreClaims: true);
    $expect_channels(['a', $dots], ['old']);
    $dsock->unsubscribe($dots, $target);
}

// Disconnecting.
function expect_end(Connection $connection): void
{
    try {
        $connection->receive(5.0);
    } catch (ClosedException $closed) {
        expect(1000, $closed->closeCode, 'a close code');
        return;
    }
    throw new RuntimeException('not closed');
}
$target = Target::user('disconnecting');
$client = connect_with($dsock->createClaim('disconnecting'));
$dsock->createClaim('disconnecting');
$dsock->disconnect($target, keepClaims: true);
expect_end($client);
$info = $dsock->info($target);
expect([1, 0], [count($info->claims), count($info->connections)], 'a claim is kept');
$client = connect_with($dsock->createClaim('disconnecting'));
$dsock->disconnect($target);
expect_end($client);
$info = $dsock->info($target);
expect([[], []], [$info->claims, $info->connections], 'nothing is kept');
echo "done\n";
