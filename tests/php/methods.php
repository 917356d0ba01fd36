<?php

// Uses every method: methods.php ADDRESS TOKEN, with this one browser and a client of /demo.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Control;
use Fantail\RefusedException;

[, $address, $token] = $argv;
$nobody = str_repeat('n', 32);
$control = new Control($address);

$control->ping();
$control->broadcast('hé');
$control->broadcast("\x00\xff", binary: true);
expect(true, $control->send($token, 'one'), 'send');
expect(true, $control->send($token, "\xff", binary: true), 'send binary');
expect(false, $control->send($nobody, 'one'), 'send to nobody');
$control->sendUnconfirmed($token, 'two');
$control->sendUnconfirmed($token, '');
$control->sendUnconfirmed($nobody, 'two');
expect(true, $control->ask($token), 'ask');
expect(false, $control->ask($nobody), 'ask for nobody');

$parts = (static function () use ($control, $nobody): Generator {
    yield 'a';
    // The connection of the other methods is free meanwhile.
    expect(false, $control->ask($nobody), 'ask while streaming');
    yield 'b';
})();
expect(true, $control->stream($token, $parts), 'stream');
expect(true, $control->stream($token, [], binary: true), 'stream of nothing');
expect(false, $control->stream($nobody, ['a']), 'stream to nobody');
$file = fopen('php://memory', 'w+b');
fwrite($file, str_repeat('x', 100_000));
rewind($file);
expect(true, $control->stream($token, Control::parts($file), binary: true), 'stream of a file');

expect(1, $control->publish('/demo', 'hello'), 'publish');
expect(1, $control->publish('/demo', "\xff\n", binary: true), 'publish binary');
expect(0, $control->publish('/empty', 'hello'), 'publish to nobody');
expect_exception(
    RefusedException::class,
    'nothing:of-this',
    fn () => $control->publish('nothing:of-this', 'hello'),
);

$all = $control->who();
expect(2, count($all), 'who');
[$client] = $control->who('dialect=wson');
expect($token, $client['token'], 'who');
expect([], $control->who('dialect=none'), 'who of none');
expect(2, count(array_intersect(['version', 'connections'], array_keys($control->status()))), 'status');
expect('b', $control->letters() === '' ? '' : 'b', 'letters');
expect(true, $control->domain() !== '', 'domain');
$control->reload();

// A frame that the server calls an error closes the connection; the next call has a new one.
expect_exception(RefusedException::class, 'UTF-8', fn () => $control->broadcast("\xff"));
expect(true, $control->ask($token), 'ask after an error');
expect_exception(RefusedException::class, '32 bytes', fn () => $control->send('short', 'x'));
expect_exception(InvalidArgumentException::class, 'too long', static fn () => $control->broadcast(
    str_repeat('x', 10_000_000),
));

// So does one that the server has closed while this program did other things.
$control->close();
expect(true, $control->ask($token), 'ask after closing');

$half = static function (): Generator {
    yield 'half';
    throw new LogicException('no more');
};
[$other] = $control->who('dialect=topics');
expect(true, $control->kick("#{$other['id']}"), 'kick');
expect_exception(LogicException::class, 'no more', fn () => $control->stream($token, $half()));
expect(false, $control->kick($nobody), 'kick of nobody');
echo "done\n";
