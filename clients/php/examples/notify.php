<?php

// Pushes a message to the browsers of one user who has logged in to page.php:
//
//     php examples/notify.php ann "your parcel is there"
//
// It works as well from a page, a queue or a cron job. Ends with 0 if a browser was there.

declare(strict_types=1);

require __DIR__ . '/settings.php';

use Fantail\Control;
use Fantail\ControlException;

if ($argc !== 3) {
    fwrite(STDERR, "usage: php notify.php USER MESSAGE\n");
    exit(2);
}
[, $user, $message] = $argv;

try {
    $control = new Control(CONTROL);
    $reached = 0;
    foreach (tokens($user) as $token) {
        $reached += (int) $control->send($token, $message);
    }
} catch (ControlException $exception) {
    fwrite(STDERR, "notify: {$exception->getMessage()}\n");
    exit(1);
}
echo "$user has $reached " . ($reached === 1 ? 'browser' : 'browsers') . " open\n";
exit($reached > 0 ? 0 : 3);
