<?php

// Every method of Fantail\Drc\Client: drc_methods.php URL ORIGIN TOKEN, the token of an authority.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Drc\Client;
use Fantail\Drc\Member;
use Fantail\Drc\Message;
use Fantail\Drc\Mode;
use Fantail\Drc\RefusedException;

[, $url, $origin, $secret] = $argv;

/** The next message, which must be this command. */
function next_message(Client $client, string $command): Message
{
    $message = $client->receive(5.0);
    expect($command, $message?->command, 'command');
    return $message;
}

function expect_silence(Client $client): void
{
    $client->confirm();
    expect(null, $client->receive(0.0)?->command, 'silence');
}

// An authority by its address.
$master = new Client($url, $origin);
expect(null, $master->id(), 'no id yet');
$channel = $master->join('Room', 'chat');
$id = $master->id();
expect(true, $id > 0 && $channel->number() > 0 && $channel->isJoined(), 'joined');
expect([$channel], $master->channels(), 'channels');
expect([$id => true], array_map(static fn (Member $member): bool => $member->authority, $channel->members()), 'members');
expect([false, Mode::SendToAnyone], [$channel->me()->extra, $channel->me()->mode], 'me');

// Clients with tokens of each mode.
/** @return array{Client, Fantail\Drc\Channel} */
function guest(Client $master, Mode $mode, bool $makeAuthority = false): array
{
    global $url, $origin;
    $token = $master->createToken('Room', 'chat', $mode, ['mode' => $mode->name], makeAuthority: $makeAuthority);
    $guest = new Client($url, $origin);
    $channel = $guest->join('Room', 'chat', $token, byAddress: false);
    $notice = next_message($master, Message::JOINED);
    expect([true, $guest->id(), $channel->number()], [$notice->isJoin(), $notice->data['id'], $notice->channel->number()], 'notice');
    return [$guest, $channel];
}
[$reader, $readers] = guest($master, Mode::ReceiveOnly);
[$writer, $writers] = guest($master, Mode::SendToAuthorities);
[$talker, $talkers] = guest($master, Mode::SendToAnyone);
expect(4, count($channel->members()), 'an authority sees all');
expect([$id, $reader->id()], array_keys($readers->members()), 'others see the authorities');
expect(4, count($talkers->members()), 'who may send to anyone sees all');
expect(['mode' => 'SendToAuthorities'], $channel->member($writer->id())->extra, 'extra');
expect(Mode::SendToAuthorities, $channel->member($writer->id())->mode, 'mode');
expect(null, $channel->member(999_999), 'nobody');
expect([$id], $writers->authorities(), 'authorities');
expect($id, $writers->randomAuthority(), 'random authority');
expect_silence($reader);
expect_silence($writer);

// Commands to one and to all.
$master->send($channel, 'one', $reader->id(), ['n' => 1.5, 'o' => new stdClass(), 's' => "é/\u{1F600}", 'to' => 'me', 'from' => 9]);
$message = next_message($reader, 'one');
expect(['n' => 1.5, 'o' => [], 's' => "é/\u{1F600}"], $message->data, 'data');
expect([$id, $readers, false], [$message->from, $message->channel, $message->isJoin()], 'sender');
$writer->send($writers, 'up');
expect($writer->id(), next_message($master, 'up')->from, 'to the authorities');
$talker->send($talkers, 'all', data: ['x' => null]);
foreach ([$master, $reader, $writer, $talker] as $client) {
    expect(['x' => null], next_message($client, 'all')->data, 'to all');
}
expect(1, $writer->sendToAuthorities($writers, 'authorities', ['y' => []]), 'sent to authorities');
next_message($master, 'authorities');
$master->confirm();

// A question and its answer: what comes in between is kept.
$talker->send($talkers, 'before', $id);
$master->send($channel, 'answer', $talker->id(), ['a' => 1]);
next_message($master, 'before');
$master->send($channel, 'noise', $talker->id());
$answer = $talker->request($talkers, 'question', $talker->id(), 'question');
expect($talker->id(), $answer->from, 'from itself');
next_message($talker, 'answer');
next_message($talker, 'noise');
expect_silence($talker);

// What may not be.
$reader->send($readers, 'x');
expect_exception(RefusedException::class, 'access_denied', fn () => $reader->confirm());
$writer->send($writers, 'x', $reader->id());
expect_exception(RefusedException::class, 'invalid_to', fn () => $writer->confirm());
$master->send($channel, 'x', 999_999);
$master->send($channel, 'y', $id);
$refused = $master->receive(5.0);
expect(['', 'invalid_to', $channel], [$refused->command, $refused->refusal->errorCode, $refused->channel], 'refusal');
next_message($master, 'y');
expect_exception(RefusedException::class, 'invalid_to', fn () => $master->request($channel, 'x', 999_999, 'y'));
expect_exception(RefusedException::class, 'access_denied', fn () => $talker->setExtra($talkers, $id, []));
expect_exception(RefusedException::class, 'invalid_id', fn () => $master->setExtra($channel, 999_999, []));
expect_exception(RefusedException::class, 'Cannot join Room (chat)', fn () => $talker->join('Room', 'chat', byAddress: false));
expect_exception(RefusedException::class, 'access_denied', fn () => $talker->join('Room', 'chat', 'no-token', byAddress: false));
expect_exception(RefusedException::class, 'missing_invalid_channel', fn () => $master->join(str_repeat('n', 257), 'chat'));
expect_exception(RefusedException::class, 'missing_invalid_protocol', fn () => $master->createToken('Room', ''));
expect_exception(InvalidArgumentException::class, 'JOINED', fn () => $master->send($channel, 'JOINED'));
expect_exception(InvalidArgumentException::class, 'JSON', fn () => $master->send($channel, 'x', data: ["\xff"]));
expect_exception(Fantail\WebSocket\TimeoutException::class, '0.1 s', fn () => $master->request($channel, 'x', $id, 'never', patience: 0.1));
next_message($master, 'x');

// What is said about a member.
$master->setExtra($channel, $reader->id(), ['name' => 'Ann']);
expect(['name' => 'Ann'], $channel->member($reader->id())->extra, 'extra at the authority');
expect(['name' => 'Ann'], next_message($talker, Message::SET_EXTRA)->data['extra'], 'extra elsewhere');
expect(['name' => 'Ann'], $talkers->member($reader->id())->extra, 'extra elsewhere');
$master->setExtra($channel, $id, new ArrayObject());
next_message($talker, Message::SET_EXTRA);
next_message($reader, Message::SET_EXTRA);
next_message($writer, Message::SET_EXTRA);

// Leaving, and back with the same token, with what was said last.
$token = $master->createToken('Room', 'chat', Mode::ReceiveOnly, ['name' => 'Bob']);
$visitor = new Client($url, $origin);
$visited = $visitor->join('Room', 'chat', $token, byAddress: false);
$joined = next_message($master, Message::JOINED)->data['id'];
$master->setExtra($channel, $joined, ['name' => 'Bert']);
$visitor->leave($visited);
expect([false, []], [$visited->isJoined(), $visitor->channels()], 'left');
expect_exception(LogicException::class, 'Room', fn () => $visitor->send($visited, 'x'));
$left = next_message($master, Message::LEFT);
expect([true, $joined], [$left->isLeave(), $left->data['id']], 'left');
expect(null, $channel->member($joined), 'left');
$visited = $visitor->join('Room', 'chat', $token, byAddress: false);
expect(['name' => 'Bert'], $visited->me()->extra, 'back');
expect($visited, $visitor->channels()[0], 'one channel');
$visitor->close();
expect_exception(Fantail\WebSocket\ClosedException::class, 'closed', fn () => $visitor->send($visited, 'x'));
next_message($master, Message::JOINED);
next_message($master, Message::LEFT);

// Authorities by a token that an authority gave, and by one of the configuration.
[$deputy, $deputies] = guest($master, Mode::ReceiveOnly, makeAuthority: true);
expect([true, Mode::SendToAnyone], [$deputies->me()->authority, $deputies->me()->mode], 'deputy');
$outsider = new Client($url, $origin);
$other = $outsider->join('Room', 'other', $secret, byAddress: false);
expect(true, $other->me()->authority, 'by token');
expect(true, strlen($outsider->createToken('Room', 'other', authToken: $secret)) > 20, 'by token');

// The same channel again, and another one; messages as they come.
$again = $master->join('Room', 'chat');
expect([$again->number(), 1], [$channel->number(), count($master->channels())], 'again');
$second = $master->join('Second', 'chat');
expect(2, count($master->channels()), 'two');
$master->send($second, 'here');
$master->send($again, 'there');
$seen = [];
foreach ($master->messages(patience: 0.2) as $message) {
    $seen[] = "{$message->channel?->name} $message->command";
}
expect(['Second here', 'Room there'], array_slice($seen, -2), 'messages');
expect(0, $master->forgotten(), 'forgotten');
expect(true, $master->connection()->isOpen(), 'open');
echo "done\n";
