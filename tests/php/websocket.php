<?php

// The WebSocket class itself: websocket.php TOPIC STATISTICS, two URLs.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\WebSocket\Backoff;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\ConnectException;
use Fantail\WebSocket\Connection;
use Fantail\WebSocket\HandshakeException;
use Fantail\WebSocket\Options;
use Fantail\WebSocket\ProtocolException;
use Fantail\WebSocket\TimeoutException;

[, $url] = $argv;

// Text, bytes, nothing, and whatever length has a form of its own.
$sender = Connection::open($url, new Options(fragment: 100_000));
$receiver = Connection::open($url);
foreach ([0, 1, 125, 126, 127, 65_535, 65_536, 99_999, 100_000, 100_001, 3_000_000] as $length) {
    $bytes = $length === 0 ? '' : random_bytes($length);
    $sender->sendBinary($bytes);
    $message = $receiver->receive(5.0);
    expect(true, $message->payload === $bytes && $message->binary, "$length bytes");
}
$sender->sendText('hé');
$message = $receiver->receive(5.0);
expect(['hé', false], [$message->payload, $message->binary], 'text');
expect(null, $receiver->receive(0.01), 'nothing');
expect(false, $receiver->hasMessage(), 'nothing');
expect_exception(InvalidArgumentException::class, 'UTF-8', fn () => $sender->sendText("\xff"));

// A message in parts, with pings between them.
$sender->sendFragment("h\xc3", false);
$sender->ping('between');
expect_exception(LogicException::class, 'not ended', fn () => $sender->sendText('x'));
expect_exception(LogicException::class, 'another', fn () => $sender->sendFragment('', true, true));
$sender->sendFragment("\xa9", true);
expect('hé', $receiver->receive(5.0)->payload, 'parts');
expect_exception(InvalidArgumentException::class, '125', fn () => $sender->ping(str_repeat('p', 126)));

// Many messages, all there after a round trip of both.
for ($number = 0; $number < 5000; ++$number) {
    $sender->sendText("number $number");
}
$sender->roundTrip();
for ($number = 0; $number < 5000; ++$number) {
    expect("number $number", $receiver->receive(5.0)->payload, 'order');
}
expect(true, $sender->bytesSent() > 3_000_000 && $receiver->bytesReceived() > 3_000_000, 'bytes');

// stream_select() with the stream, then wait().
$sender->sendText('select');
$readable = [$receiver->stream()];
$none = [];
expect(1, stream_select($readable, $none, $none, 5), 'select');
$receiver->wait(0.0);
expect(true, $receiver->hasMessage(), 'wait');

// Closed, by either side: what came before can be read.
$receiver->close(3000, str_repeat('é', 100));
expect(false, $receiver->isOpen(), 'closed');
expect('select', $receiver->receive()->payload, 'after closing');
expect_exception(ClosedException::class, 'closed', fn () => $receiver->receive());
expect_exception(ClosedException::class, 'closed', fn () => $receiver->sendText('x'));
expect(3000, $receiver->end()->closeCode, 'code');
$sender->sendFragment(str_repeat('x', 10), false);
unset($sender);

foreach (['http://a', 'ws://', 'ws:///x', 'ws://a b', "ws://a/\n", 'ws://u@a', 'ws://a/#f', ''] as $wrong) {
    expect_exception(InvalidArgumentException::class, '', fn () => Connection::open($wrong));
}
expect_exception(InvalidArgumentException::class, 'X', static fn () => Connection::open(
    $url,
    new Options(headers: ['X' => "a\r\nY: b"]),
));
expect_exception(ConnectException::class, '127.0.0.1:1', fn () => Connection::open('ws://127.0.0.1:1'));
expect_exception(HandshakeException::class, '200 OK', fn () => Connection::open($argv[2]));

// What a server may not do.
$upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, '
    . 'upgrade\r\n';
$good = "{$upgrade}Sec-WebSocket-Accept: ACCEPT\\r\\n";
$limits = new Options(timeout: 0.3, maxFrame: 7_000, maxMessage: 7_001);
$faults = [
    ['', '', HandshakeException::class, 'without an answer'],
    ['SSH-2.0\r\n\r\n', '', HandshakeException::class, 'no web server'],
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!', '', HandshakeException::class, '403 Forbidden: no!'],
    ['HTTP/1.1 503 Busy\r\n\r\n<html>', '', HandshakeException::class, '503 Busy'],
    ['HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n', '', HandshakeException::class, 'Upgrade field'],
    ["$upgrade\\r\\n", '', HandshakeException::class, 'Sec-WebSocket-Accept'],
    ["{$upgrade}Sec-WebSocket-Accept: x\\r\\n\\r\\n", '', HandshakeException::class, 'Sec-WebSocket-Accept'],
    ["{$good}Sec-WebSocket-Extensions: permessage-deflate\\r\\n\\r\\n", '', HandshakeException::class, 'Extensions'],
    ["{$good}Sec-WebSocket-Protocol: chat\\r\\n\\r\\n", '', HandshakeException::class, 'Sec-WebSocket-Protocol'],
    [str_repeat('x', 20_000), '', HandshakeException::class, 'no web server'],
    ['HTTP', '', TimeoutException::class, 'in time'],
    ["$good\\r\\n", 'c100', ProtocolException::class, 'reserved bits'],
    ["$good\\r\\n", '8300', ProtocolException::class, 'opcode'],
    ["$good\\r\\n", '818100000000', ProtocolException::class, 'mask'],
    ["$good\\r\\n", '0900', ProtocolException::class, 'fragments'],
    ["$good\\r\\n", '897e007e', ProtocolException::class, 'too long'],
    ["$good\\r\\n", '8000', ProtocolException::class, 'mixed up'],
    ["$good\\r\\n", '01008100', ProtocolException::class, 'mixed up'],
    ["$good\\r\\n", '8101ff', ProtocolException::class, 'UTF-8'],
    ["$good\\r\\n", '827f7fffffffffffffff', ProtocolException::class, 'more than 7000'],
    ["$good\\r\\n", '827fffffffffffffffff', ProtocolException::class, 'more than 7000'],
    ["$good\\r\\n", '027e1b58' . str_repeat('00', 7_000) . '000100800100', ProtocolException::class, '7001'],
    ["$good\\r\\n", '880103', ProtocolException::class, 'close frame'],
    ["$good\\r\\n", '880403e8ffff', ProtocolException::class, 'close frame'],
    ["$good\\r\\n", '8800', ClosedException::class, '1005'],
    ["$good\\r\\n", '880403e96f6b', ClosedException::class, '1001 ok'],
];
foreach ($faults as [$response, $hex, $class, $part]) {
    $pipes = [];
    $command = [PHP_BINARY, __DIR__ . '/fake_server.php', $response, $hex];
    $server = proc_open($command, [1 => ['pipe', 'w']], $pipes);
    $address = trim(fgets($pipes[1]));
    expect_exception($class, $part, fn () => Connection::open("ws://$address", $limits)->receive(5.0));
    proc_close($server);
}

// Pauses at random that grow, up to a bound.
$backoff = new Backoff(1.0, 4.0);
$greatest = 0.0;
foreach ([1.0, 2.0, 4.0, 4.0, 4.0] as $bound) {
    $delay = $backoff->next();
    expect(true, $delay >= 0.0 && $delay <= $bound, "$delay of $bound");
}
expect(true, (new Backoff(0.0, 0.0))->next(1.5) === 1.5, 'least');
$attempts = 0;
$result = (new Backoff(0.001))->retry(static function () use (&$attempts): int {
    return ++$attempts < 4 ? throw new ConnectException('not yet') : $attempts;
}, 5.0);
expect(4, $result, 'retry');
expect_exception(ConnectException::class, 'never', static fn () => (new Backoff(0.001))->retry(
    static fn () => throw new ConnectException('never'),
    0.05,
));
expect_exception(HandshakeException::class, 'no', static fn () => (new Backoff(0.001))->retry(
    static fn () => throw new HandshakeException('no', 403),
    5.0,
));
echo "done\n";
