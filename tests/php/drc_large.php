<?php

// Large messages, many messages, and too large ones: drc_large.php URL ORIGIN

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Drc\Client;
use Fantail\Drc\Session;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\ProtocolException;

[, $url, $origin] = $argv;
$sender = new Client($url, $origin);
$receiver = new Client($url, $origin);
$from = $sender->join('large', 'test');
$to = $receiver->join('large', 'test');
expect('JOINED', $sender->receive(5.0)->command, 'both are there');

// Longer than a frame may be: it goes in fragments, and comes whole.
foreach ([100_000, 2_000_001, 9_900_000] as $length) {
    $text = bin2hex(random_bytes(intdiv($length, 2)));
    $sender->send($from, 'large', $receiver->id(), ['text' => $text]);
    expect(true, $receiver->receive(10.0)->data['text'] === $text, "$length bytes");
}

// More than sockets hold, to itself, while nobody receives.
for ($number = 0; $number < 20_000; ++$number) {
    $sender->send($from, 'count', $sender->id(), ['number' => $number, 'fill' => 'xxxxxxxxxxxxxxxx']);
}
for ($number = 0; $number < 20_000; ++$number) {
    expect($number, $sender->receive(5.0)->data['number'], 'in order');
}
$sender->confirm();
expect(0, $sender->forgotten(), 'none forgotten');

// More than is kept for receive(): the oldest are forgotten, and counted.
$text = str_repeat('x', 1_000_000);
for ($number = 0; $number < 20; ++$number) {
    $sender->send($from, 'kept', $sender->id(), ['number' => $number, 'text' => $text]);
}
$sender->confirm();
expect(true, $sender->forgotten() >= 4, 'forgotten');
expect($sender->forgotten(), $sender->receive(5.0)->data['number'], 'the oldest that is kept');

// Longer than a message may be, for the server.
$exception = null;
try {
    $sender->send($from, 'large', $receiver->id(), ['text' => str_repeat('x', 11_000_000)]);
    $sender->confirm();
} catch (ClosedException $exception) {
    expect(1009, $exception->closeCode, $exception->getMessage());
}
expect(true, $exception !== null, 'closed');
expect('LEFT', $receiver->receive(5.0)->command, 'gone');

// And for the client.
$options = Session::options($origin);
$options->maxMessage = $options->maxFrame = 1000;
$small = new Client($url, $origin, options: $options);
$small->join('small', 'test');
$other = $receiver->join('small', 'test');
$receiver->send($other, 'large', $small->id(), ['text' => $text]);
expect_exception(ProtocolException::class, '1000 bytes', static function () use ($small): void {
    while ($small->receive(5.0) !== null) {
        // The one that tells of the other client is shorter.
    }
});
echo "done\n";
