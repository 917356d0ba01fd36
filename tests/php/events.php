<?php

// Answers every text with its reverse, and ends when a client leaves: events.php ADDRESS

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Control;
use Fantail\Event;
use Fantail\RefusedException;

$control = new Control($argv[1]);
expect_exception(RefusedException::class, 'nothing', fn () => $control->events(['nothing']));
$events = $control->events();
echo "ready\n";
foreach ($events as $event) {
    echo "$event->kind\n";
    match ($event->kind) {
        Event::TEXT => $control->send($event->client['token'], strrev($event->message)),
        Event::BINARY => $control->send($event->client['token'], $event->message, binary: true),
        default => null,
    };
    if ($event->kind === Event::CLOSE) {
        break;
    }
}
