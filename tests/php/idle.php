<?php

// A connection that the server has closed for silence is made anew: idle.php ADDRESS

declare(strict_types=1);

require __DIR__ . '/expect.php';

$control = new Fantail\Control($argv[1]);
$control->ping();
sleep(2);
$control->ping();
// Waiting, it answers pings.
foreach ($control->events(patience: 2.0) as $event) {
    throw new RuntimeException("an event: $event->kind");
}
echo "done\n";
