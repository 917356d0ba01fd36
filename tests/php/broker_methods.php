<?php

// Every method of Fantail\MessageBroker\Client: broker_methods.php URL USER PASSWORD, of a server
// that keeps messages.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\MessageBroker\Client;
use Fantail\MessageBroker\Message;
use Fantail\MessageBroker\RefusedException;

[, $url, $user, $password] = $argv;

/** @return list<Message> what the channel gets in a moment */
function received(Client $client, string $channel, bool $acknowledge): array
{
    $messages = [];
    $count = $client->receive($channel, static function (Message $message) use (&$messages): void {
        $messages[] = $message;
    }, patience: 0.5, acknowledge: $acknowledge);
    expect(count($messages), $count, 'count');
    return $messages;
}

/** @param list<Message> $messages */
function data(array $messages): array
{
    return array_map(static fn (Message $message): array => $message->data, $messages);
}

$client = new Client($url, $user, $password);
expect(true, $client->ping(), 'ping');
expect(false, str_contains(print_r($client, true), $password), 'the password is not shown');

// Nobody is there: it is kept.
$confirmation = $client->send('sms', [['text' => "h\u{e9}/\u{1F600}", 'n' => 1.0], [], 'x']);
expect([3, 0, 3], [$confirmation->kept, $confirmation->receivers, count($confirmation->ids)], 'kept');
$again = $client->send('sms', ['y']);
expect(true, $again->ids[0] > max($confirmation->ids), 'numbers grow');
$client->sendUnconfirmed('sms', ['z']);
expect(true, $client->ping(), 'it was taken');
$all = [[['text' => "h\u{e9}/\u{1F600}", 'n' => 1.0]], [[]], ['x'], ['y'], ['z']];
$messages = received($client, 'sms', false);
expect($all, data($messages), 'received');
expect(['sms', null], [$messages[0]->channel, $messages[0]->id], 'as WSMessageBroker sends them');
expect([], received($client, 'sms', false), 'once');

// The callback ends it.
$client->send('other', ['once']);
$first = null;
$count = $client->receive('other', static function (Message $message) use (&$first): bool {
    $first = $message->data;
    return false;
}, patience: 5.0);
expect([1, ['once']], [$count, $first], 'ended by the callback');

// Its fault ends it, too, and the client goes on.
$client->send('fault', ['mine']);
$fault = static fn () => throw new DomainException('mine');
expect_exception(DomainException::class, 'mine', static fn () => $client->receive('fault', $fault, 5.0));
expect(true, $client->ping(), 'still there');

// The callback has to use another client.
$client->send('nested', ['x']);
$nested = static fn () => $client->send('nested', ['y']);
expect_exception(LogicException::class, 'another one', static fn () => $client->receive('nested', $nested, 5.0));

// Refusals.
expect_exception(
    RefusedException::class,
    'no data to keep',
    static fn () => $client->send('nobody', []),
);
expect_exception(
    RefusedException::class,
    'rejects the user',
    static fn () => new Client($url, $user, "not $password"),
);
expect_exception(InvalidArgumentException::class, 'colon', static fn () => new Client($url, 'a:b', 'c'));
expect_exception(InvalidArgumentException::class, 'JSON', static fn () => $client->send('x', ["\xff"]));
expect(true, $client->ping(), 'still there');
$client->close();
expect_exception(Fantail\WebSocket\ClosedException::class, 'closed', static fn () => $client->ping());
$client->reconnect(5.0, new Fantail\WebSocket\Backoff(0.01));
expect(true, $client->ping(), 'again');
echo "done\n";
