<?php

// Prints what a channel gets, until it has printed so many messages:
// receiver.php HOST PORT USER PASSWORD CHANNEL COUNT [PATIENCE]
//
// It waits PATIENCE seconds for anything at all, a ping included.

declare(strict_types=1);

require __DIR__ . '/common.php';

$socket = connect($argv, (float) ($argv[7] ?? 60));
$socket->send(command('receive-message', $argv[5], []));
echo "ready\n";
for ($count = 0; $count < (int) $argv[6]; ++$count) {
    $message = json_decode($socket->receive(), false, 64, JSON_THROW_ON_ERROR);
    echo json_encode($message->data), "\n";
}
// What was printed is not to come again: the next command tells the server that it has arrived.
$socket->send(command('ping', $argv[5], []));
$socket->receive();
$socket->close();
echo "done\n";
