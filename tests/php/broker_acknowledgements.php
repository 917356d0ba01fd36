<?php

// Acknowledgements, and messages that are sent again: broker_acknowledgements.php URL USER PASSWORD,
// of a server that keeps messages and waits a second for acknowledgements.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\MessageBroker\Client;
use Fantail\MessageBroker\Message;

[, $url, $user, $password] = $argv;
$sender = new Client($url, $user, $password);
$receiver = new Client($url, $user, $password);

/** @return array<int, array<mixed>> by id, in the order in which they came */
function received(Client $client, string $channel, float $patience = 0.5): array
{
    $messages = [];
    $client->receive($channel, static function (Message $message) use (&$messages): void {
        $messages[$message->id] = $message->data;
    }, $patience);
    return $messages;
}

// Each element comes by itself, under the number that its sender was told.
$ids = $sender->send('sms', ['a', ['b' => 1], 'c'])->ids;
expect(array_combine($ids, [['a'], [['b' => 1]], ['c']]), received($receiver, 'sms'), 'all');
expect([], received($receiver, 'sms'), 'once');

// What the callback has not returned from comes again, and what is behind it.
$ids = $sender->send('sms', ['first', 'second', 'third'])->ids;
$seen = [];
$fail = static function (Message $message) use (&$seen): void {
    $seen[] = $message->id;
    if ($message->data === ['second']) {
        throw new DomainException('not now');
    }
};
expect_exception(DomainException::class, 'not now', static fn () => $receiver->receive('sms', $fail, 5.0));
expect(array_slice($ids, 0, 2), $seen, 'until the fault');
expect([$ids[1] => ['second'], $ids[2] => ['third']], received($receiver, 'sms'), 'the rest, again');

// A receiver that goes in the middle of it leaves it to the next.
$ids = $sender->send('sms', ['left behind'])->ids;
$other = new Client($url, $user, $password);
$goes = static function (Message $message) use ($other): void {
    $other->connection()->close(patience: 0.0);
};
expect_exception(Fantail\WebSocket\ClosedException::class, 'closed', static fn () => $other->receive('sms', $goes, 5.0));
expect([$ids[0] => ['left behind']], received($receiver, 'sms', 2.0), 'at the next');

// Who takes longer than the server waits has it twice, under the same number.
$ids = $sender->send('sms', ['slow'])->ids;
$seen = [];
$receiver->receive('sms', static function (Message $message) use (&$seen): bool {
    $seen[] = $message->id;
    usleep(count($seen) === 1 ? 1_500_000 : 0);
    return count($seen) < 2;
}, 5.0);
expect([$ids[0], $ids[0]], $seen, 'too slow');
expect([], received($receiver, 'sms'), 'then it is done');

// With an id of its own, a message is taken once.
$first = $sender->send('sms', ['order'], id: 'order 7');
$again = $sender->send('sms', ['order'], id: 'order 7');
expect([$first->ids, false, true], [$again->ids, $first->repeated, $again->repeated], 'taken once');
$sender->send('other', ['order'], id: 'order 7');
$sender->send('sms', ['another'], id: 8);
expect([['order'], ['another']], array_values(received($receiver, 'sms')), 'once each');
expect([['order']], array_values(received($receiver, 'other')), 'in another channel');
echo "done\n";
